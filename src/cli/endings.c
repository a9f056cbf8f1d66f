/* SPDX-License-Identifier: MIT */
#include "cli/endings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/duration.h"
#include "cli/message.h"
#include "client/cause.h"

#define BYTES "%" PRIu64

/* How far it came: the second half of several messages. */
static char *balance(const struct exchange_report *report, char *buf,
		     size_t len)
{
	uint64_t missing = report->sent - report->returned;

	if (missing > 0)
		(void)snprintf(buf, len, BYTES " bytes of " BYTES " missing",
			       missing, report->sent);
	else if (report->sent == 0)
		(void)snprintf(buf, len, "nothing had been sent");
	else
		(void)snprintf(buf, len, "all " BYTES " bytes that were sent "
			       "had come back", report->sent);
	return buf;
}

static void tell_differs(const struct exchange_report *report, const char *peer)
{
	cli_error("%s: wrong byte at offset " BYTES ": sent 0x%02x, "
		  "received 0x%02x", peer, report->offset,
		  (unsigned)report->expected, (unsigned)report->got);
}

static void tell_surplus(const struct exchange_report *report, const char *peer)
{
	cli_error("%s: more came back than was sent: 0x%02x at offset " BYTES
		  " (--raw reads what is no echo)", peer, (unsigned)report->got,
		  report->offset);
}

static void tell_balance(const struct exchange_report *report,
			 const char *peer, const char *what)
{
	char text[96];

	cli_error("%s: %s: %s", peer, what,
		  balance(report, text, sizeof text));
}

static void tell_broken(const struct exchange_report *report,
			const struct exchange *exchange, const char *peer)
{
	const char *cause = cause_text(report->error);

	if (!cause)
		cause = strerror(-report->error);
	if (exchange->raw)
		cli_error("%s: %s", peer, cause);
	else
		tell_balance(report, peer, cause);
}

/* What was due, and did not come. */
static char *overdue(const struct exchange_report *report, bool raw, char *buf,
		     size_t len)
{
	uint64_t missing = report->sent - report->returned + report->unsent;

	if (report->datagrams > 0)
		(void)snprintf(buf, len, "no answer to datagram " BYTES,
			       report->datagrams);
	else if (raw && report->unsent > 0)
		(void)snprintf(buf, len, "the peer read nothing");
	else if (raw || missing == 0)
		(void)snprintf(buf, len, "the peer did not end the connection");
	else
		(void)snprintf(buf, len, BYTES " bytes did not come back",
			       missing);
	return buf;
}

static void tell_silent(const struct exchange_report *report,
			const struct exchange *exchange, const char *peer)
{
	char limit[DURATION_TEXT], what[64], lost[96];

	duration_format(exchange->timeout_ns, limit);
	overdue(report, exchange->raw, what, sizeof what);
	if (report->datagrams > 0 && !exchange->raw)
		cli_error("%s: timed out: %s within %s: %s", peer, what, limit,
			  balance(report, lost, sizeof lost));
	else
		cli_error("%s: timed out: %s within %s", peer, what, limit);
}

static int tell_own(const struct exchange_report *report, const char *what)
{
	cli_error("cannot %s: %s", what, strerror(-report->error));
	return CLI_SETUP;
}

int ending_report(const struct exchange_report *report,
		  const struct exchange *exchange, const char *peer)
{
	switch (report->ending) {
	case EXCHANGE_WELL:
		return CLI_WELL;
	case EXCHANGE_INPUT:
		return tell_own(report, "read standard input");
	case EXCHANGE_OUTPUT:
		return tell_own(report, "write standard output");
	case EXCHANGE_DIFFERS:
		tell_differs(report, peer);
		break;
	case EXCHANGE_SURPLUS:
		tell_surplus(report, peer);
		break;
	case EXCHANGE_SHORT:
		tell_balance(report, peer, "a datagram came back cut");
		break;
	case EXCHANGE_CLOSED:
		tell_balance(report, peer, "the peer closed the connection");
		break;
	case EXCHANGE_BROKEN:
		tell_broken(report, exchange, peer);
		break;
	case EXCHANGE_SILENT:
		tell_silent(report, exchange, peer);
		break;
	}
	return CLI_FAILED;
}
