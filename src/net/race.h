/* SPDX-License-Identifier: MIT */
/*
 * race.h - connecting to several addresses at once, the first one wins
 *
 * RFC 8305, sections 4 and 5.
 */
#ifndef NET_RACE_H
#define NET_RACE_H

#include <meari/dial.h>
#include <meari/fail.h>

#include "net/option_set.h"

/* More attempts than this are not made for one connection; at one every
 * quarter of a second the last would start after 16 s. */
enum { RACE_MAX = 64 };

/**
 * race_run() - start attempts one after the other until one has connected
 * @set:     the addresses, not empty, and what is set on their sockets
 * @options: deadline, MEARI_NEVER for none, and who is told of failed attempts
 * @dialed:  n_tried is written on every return, and on success fd, peer and
 *           connect_ns as well
 * @last:    written on failure: the last attempt's
 *
 * Return: 0; -ETIMEDOUT at the deadline; or a negative errno of
 *         meari_sockopt_set(), socket(2), connect(2), ppoll(2).
 */
int race_run(const struct option_set *set,
	     const struct meari_dial_options *options,
	     struct meari_dialed *dialed, struct meari_fail *last);

#endif
