/* SPDX-License-Identifier: MIT */
/* endings.h - how a conversation ended, in words and as an exit status */
#ifndef CLI_ENDINGS_H
#define CLI_ENDINGS_H

#include "client/exchange.h"

/**
 * ending_report() - say how it ended; good endings are silent
 * @report:   from exchange_stream() or exchange_datagrams()
 * @exchange: what they were given
 * @peer:     the peer's address as text
 *
 * Return: an exit status.
 */
int ending_report(const struct exchange_report *report,
		  const struct exchange *exchange, const char *peer);

#endif
