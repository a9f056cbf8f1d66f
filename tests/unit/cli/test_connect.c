/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <meari/dial.h>

#include "cli/command.h"
#include "client/exchange.h"
#include "said.h"

static struct meari_dial_options dialed_with;
static struct meari_endpoint dialed_to;
static struct exchange exchanged;
static int dial_error, run_error, given_fd;
static const char *dial_why;
static bool by_datagrams;
static uint64_t dialed_at_ns;

int __wrap_meari_dial(const struct meari_endpoint *endpoint,
		      const struct meari_dial_options *options,
		      struct meari_dialed *ret_dialed, struct meari_fail *fail);
int __wrap_exchange_stream(const struct exchange *exchange,
			   struct exchange_report *ret_report);
int __wrap_exchange_datagrams(const struct exchange *exchange,
			      struct exchange_report *ret_report);

int __wrap_meari_dial(const struct meari_endpoint *endpoint,
		      const struct meari_dial_options *options,
		      struct meari_dialed *ret_dialed, struct meari_fail *fail)
{
	dialed_to = *endpoint;
	dialed_with = *options;
	dialed_at_ns = meari_now_ns();
	if (dial_error) {
		*fail = (struct meari_fail){
			.error = dial_error,
			.step = "connect",
			.what = "W",
		};
		(void)snprintf(fail->why, sizeof fail->why, "%s", dial_why);
		return dial_error;
	}
	given_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	*ret_dialed = (struct meari_dialed){ .fd = given_fd };
	return 0;
}

int __wrap_exchange_stream(const struct exchange *exchange,
			   struct exchange_report *ret_report)
{
	exchanged = *exchange;
	by_datagrams = false;
	*ret_report = (struct exchange_report){ .ending = EXCHANGE_WELL };
	return run_error;
}

int __wrap_exchange_datagrams(const struct exchange *exchange,
			      struct exchange_report *ret_report)
{
	int r = exchange_stream(exchange, ret_report);

	by_datagrams = true;
	return r;
}

#define W(text) (char[]){ text }
#define RUN(...)                                                        \
	run((char *[]){ W("meari connect"), __VA_ARGS__, NULL },        \
	    sizeof(char *[]){ W("meari connect"), __VA_ARGS__, NULL } / \
			    sizeof(char *) - 1)

static int run(char **argv, size_t argc)
{
	said_nothing_yet();
	given_fd = -1;
	return cli_connect((int)argc, argv);
}

static void assert_closed(int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void test_connect_defaults(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("host:7")), CLI_WELL);
	assert_string_equal(dialed_to.host, "host");
	assert_int_equal(dialed_with.family, AF_UNSPEC);
	assert_in_range(dialed_with.until_ns - dialed_at_ns, 9 * MEARI_S,
			10 * MEARI_S);
	assert_null(dialed_with.failed);
	assert_int_equal(exchanged.infd, 0);
	assert_int_equal(exchanged.outfd, 1);
	assert_int_equal(exchanged.sockfd, given_fd);
	assert_false(exchanged.raw);
	assert_int_equal(exchanged.timeout_ns, 10 * MEARI_S);
	assert_false(by_datagrams);
	assert_int_equal(n_said, 0);
	assert_closed(given_fd);
}

static void test_connect_udp_waits_less(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("-u"), W("host:7")), CLI_WELL);
	assert_true(by_datagrams);
	assert_int_equal(exchanged.timeout_ns, 2 * MEARI_S);
	assert_int_equal(RUN(W("udp://host:7"), W("--timeout=3s")), CLI_WELL);
	assert_true(by_datagrams);
	assert_int_equal(exchanged.timeout_ns, 3 * MEARI_S);
}

static void test_connect_options_reach_dial_and_exchange(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("-6"), W("--raw"), W("--timeout"), W("0"),
			     W("--sockopt"), W("nodelay=1"), W("host"), W("7")),
			 CLI_WELL);
	assert_int_equal(dialed_with.family, AF_INET6);
	assert_true(dialed_with.until_ns == MEARI_NEVER);
	assert_int_equal(dialed_with.n_sockopts, 1);
	assert_true(exchanged.raw);
	assert_true(exchanged.timeout_ns == MEARI_NEVER);
}

static void test_connect_verbose_tells_connection_and_totals(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("-v"), W("host:7")), CLI_WELL);
	assert_int_equal(n_said, 2);
	assert_memory_equal(said, "sent 0 bytes, received 0 bytes in ", 34);
	assert_non_null(dialed_with.failed);
}

static void test_connect_verbose_tells_failed_attempts(void **state)
{
	struct meari_addr addr = { .len = sizeof addr.in };

	(void)state;
	assert_int_equal(RUN(W("-v"), W("host:7")), CLI_WELL);
	addr.in.sin_family = AF_INET;
	addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.in.sin_port = htons(7);
	said_nothing_yet();
	dialed_with.failed(NULL, &addr, -ECONNREFUSED, 250 * MEARI_MS);
	assert_said("tried 127.0.0.1:7: Connection refused, after 250 ms");
	dialed_with.failed(NULL, &addr, -ECANCELED, MEARI_MS);
	assert_said("tried 127.0.0.1:7: given up, another address was faster, "
		    "after 1 ms");
}

static void test_connect_failed_dial_is_told_with_its_cause(void **state)
{
	(void)state;
	dial_error = -ECONNREFUSED;
	dial_why = "Connection refused";
	assert_int_equal(RUN(W("host:7")), CLI_FAILED);
	assert_said("connect W: Connection refused: nobody listens there");
	dial_why = "Connection refused (2 addresses tried, the last A)";
	assert_int_equal(RUN(W("host:7")), CLI_FAILED);
	assert_said("connect W: Connection refused: nobody listens there "
		    "(2 addresses tried, the last A)");
	dial_error = 0;
}

static void test_connect_failed_dial_says_nothing_twice(void **state)
{
	(void)state;
	dial_error = -ETIMEDOUT;
	dial_why = "the name server did not answer in time";
	assert_int_equal(RUN(W("host:7")), CLI_FAILED);
	assert_said("connect W: the name server did not answer in time");
	dial_error = -ECONNRESET;
	dial_why = "Connection reset by peer";
	assert_int_equal(RUN(W("host:7")), CLI_FAILED);
	assert_said("connect W: Connection reset by peer");
	dial_error = -EMFILE;
	dial_why = "Too many open files";
	assert_int_equal(RUN(W("host:7")), CLI_SETUP);
	assert_said("connect W: Too many open files");
	dial_error = 0;
}

static void test_connect_exchange_that_cannot_go_on_is_setup(void **state)
{
	(void)state;
	run_error = -ENOMEM;
	assert_int_equal(RUN(W("host:7")), CLI_SETUP);
	run_error = 0;
	assert_said("cannot go on: Cannot allocate memory");
	assert_closed(given_fd);
}

static void test_connect_bad_usage_does_not_dial(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("http://host:7")), CLI_SETUP);
	assert_said("http:// is not supported by connect");
	assert_int_equal(RUN(W("--timeout=soon"), W("host:7")), CLI_SETUP);
	assert_int_equal(RUN(W("-v")), CLI_SETUP);
	assert_int_equal(given_fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_defaults),
		cmocka_unit_test(test_connect_udp_waits_less),
		cmocka_unit_test(test_connect_options_reach_dial_and_exchange),
		cmocka_unit_test(
			test_connect_verbose_tells_connection_and_totals),
		cmocka_unit_test(test_connect_verbose_tells_failed_attempts),
		cmocka_unit_test(
			test_connect_failed_dial_is_told_with_its_cause),
		cmocka_unit_test(
			test_connect_failed_dial_says_nothing_twice),
		cmocka_unit_test(
			test_connect_exchange_that_cannot_go_on_is_setup),
		cmocka_unit_test(test_connect_bad_usage_does_not_dial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
