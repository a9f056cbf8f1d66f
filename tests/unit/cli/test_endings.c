/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <meari/clock.h>

#include "cli/command.h"
#include "cli/endings.h"
#include "said.h"

static int tell(const struct exchange_report *report, bool raw)
{
	const struct exchange exchange = {
		.raw = raw,
		.timeout_ns = 10 * MEARI_S,
	};

	said_nothing_yet();
	return ending_report(report, &exchange, "P");
}

static void assert_failed(struct exchange_report report, bool raw,
			  const char *message)
{
	assert_int_equal(tell(&report, raw), CLI_FAILED);
	assert_said(message);
}

static void test_ending_well_is_silent(void **state)
{
	const struct exchange_report report = { .ending = EXCHANGE_WELL };

	(void)state;
	assert_int_equal(tell(&report, false), CLI_WELL);
	assert_int_equal(n_said, 0);
}

static void test_ending_wrong_bytes_name_the_place(void **state)
{
	struct exchange_report report = {
		.ending = EXCHANGE_DIFFERS,
		.offset = 5000000000,
		.expected = 0x0a,
		.got = 0xff,
	};

	(void)state;
	assert_failed(report, false,
		      "P: wrong byte at offset 5000000000: sent 0x0a, "
		      "received 0xff");
	report.ending = EXCHANGE_SURPLUS;
	assert_failed(report, false,
		      "P: more came back than was sent: 0xff at offset "
		      "5000000000 (--raw reads what is no echo)");
}

static void test_ending_closed_counts_what_is_missing(void **state)
{
	struct exchange_report report = {
		.ending = EXCHANGE_CLOSED,
		.sent = 8,
		.returned = 5,
	};

	(void)state;
	assert_failed(report, false, "P: the peer closed the connection: "
				     "3 bytes of 8 missing");
	report.returned = 8;
	assert_failed(report, false, "P: the peer closed the connection: "
				     "all 8 bytes that were sent had come back");
	report.sent = report.returned = 0;
	assert_failed(report, false, "P: the peer closed the connection: "
				     "nothing had been sent");
	report.ending = EXCHANGE_SHORT;
	report.sent = 2;
	assert_failed(report, false, "P: a datagram came back cut: "
				     "2 bytes of 2 missing");
}

static void test_ending_broken_tells_the_cause(void **state)
{
	struct exchange_report report = {
		.ending = EXCHANGE_BROKEN,
		.error = -ECONNRESET,
		.sent = 4,
	};

	(void)state;
	assert_failed(report, false,
		      "P: Connection reset by peer: 4 bytes of 4 missing");
	assert_failed(report, true, "P: Connection reset by peer");
	report.error = -ETIMEDOUT;
	assert_failed(report, true, "P: no answer: the peer is dead or the "
				    "path is cut");
	report.error = -EMSGSIZE;
	assert_failed(report, true, "P: Message too long");
}

static void test_ending_silent_names_what_was_due(void **state)
{
	struct exchange_report report = {
		.ending = EXCHANGE_SILENT,
		.sent = 5,
		.returned = 1,
		.unsent = 2,
	};

	(void)state;
	assert_failed(report, false, "P: timed out: 6 bytes did not come back "
				     "within 10 s");
	assert_failed(report, true,
		      "P: timed out: the peer read nothing within 10 s");
	report.unsent = 0;
	report.returned = 5;
	assert_failed(report, false, "P: timed out: the peer did not end the "
				     "connection within 10 s");
	report.returned = 500;
	assert_failed(report, true, "P: timed out: the peer did not end the "
				    "connection within 10 s");
}

static void test_ending_silent_names_the_datagram(void **state)
{
	const struct exchange_report report = {
		.ending = EXCHANGE_SILENT,
		.sent = 300,
		.returned = 200,
		.datagrams = 3,
	};

	(void)state;
	assert_failed(report, false, "P: timed out: no answer to datagram 3 "
				     "within 10 s: 100 bytes of 300 missing");
	assert_failed(report, true, "P: timed out: no answer to datagram 3 "
				    "within 10 s");
}

static void test_ending_of_our_own_making_is_setup(void **state)
{
	struct exchange_report report = {
		.ending = EXCHANGE_OUTPUT,
		.error = -ENOSPC,
	};

	(void)state;
	assert_int_equal(tell(&report, false), CLI_SETUP);
	assert_said("cannot write standard output: No space left on device");
	report.ending = EXCHANGE_INPUT;
	report.error = -EBADF;
	assert_int_equal(tell(&report, true), CLI_SETUP);
	assert_said("cannot read standard input: Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ending_well_is_silent),
		cmocka_unit_test(test_ending_wrong_bytes_name_the_place),
		cmocka_unit_test(test_ending_closed_counts_what_is_missing),
		cmocka_unit_test(test_ending_broken_tells_the_cause),
		cmocka_unit_test(test_ending_silent_names_what_was_due),
		cmocka_unit_test(test_ending_silent_names_the_datagram),
		cmocka_unit_test(test_ending_of_our_own_making_is_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
