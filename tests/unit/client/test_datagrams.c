/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <meari/datagram.h>
#include <meari/io.h>

#include "client/exchange.h"

enum { INFD = 100, OUTFD = 101, SOCKFD = 102 };

/* What happens when the socket is looked at for the next time. */
struct event {
	const char *answer; /* a datagram; NULL: none */
	int error;          /* of receiving; 0: none */
	bool unasked;       /* comes before the next input */
};

/* The inputs, one datagram each, and what comes back. */
static const char *const *inputs;
static const struct event *events;
static int input_error, send_error, wait_error, poll_error, output_error;
static char output[256];
static size_t n_output, n_sent, longest_read;
static bool answer_due;

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_wait(int fd, short wanted, uint64_t until_ns);
int __wrap_meari_read_some(int fd, void *buf, size_t len, size_t *done);
int __wrap_meari_write_full(int fd, const void *buf, size_t len,
			    uint64_t until_ns, size_t *done);
int __wrap_meari_datagram_receive(int fd, void *buf, size_t cap,
				  struct meari_datagram *ret_datagram);

/* Between two datagrams: the input is ready, the socket if it was scripted. */
int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	assert_int_equal(n_fds, 2);
	assert_true(until_ns == MEARI_NEVER);
	assert_false(answer_due);
	fds[0].revents = POLLIN;
	fds[1].revents = events->unasked ? POLLIN : 0;
	return poll_error ? poll_error : 1;
}

int __wrap_meari_wait(int fd, short wanted, uint64_t until_ns)
{
	uint64_t now = meari_now_ns();

	assert_int_equal(fd, SOCKFD);
	assert_int_equal(wanted, POLLIN);
	assert_in_range(until_ns, now, now + 2 * MEARI_S);
	if (wait_error)
		return wait_error;
	return events->answer || events->error ? POLLIN : -ETIMEDOUT;
}

int __wrap_meari_read_some(int fd, void *buf, size_t len, size_t *done)
{
	assert_int_equal(fd, INFD);
	longest_read = len;
	*done = 0;
	if (!*inputs)
		return input_error ? input_error : MEARI_IO_EOF;
	*done = strlen(*inputs);
	memcpy(buf, *inputs, *done);
	inputs++;
	return MEARI_IO_DONE;
}

static int send_one(size_t len, size_t *done)
{
	/* Lockstep: nothing else may be under way. */
	assert_false(answer_due);
	*done = send_error ? 0 : len;
	n_sent += *done;
	answer_due = !send_error;
	return send_error;
}

int __wrap_meari_write_full(int fd, const void *buf, size_t len,
			    uint64_t until_ns, size_t *done)
{
	if (fd == SOCKFD) {
		assert_true(until_ns != MEARI_NEVER);
		return send_one(len, done);
	}
	assert_int_equal(fd, OUTFD);
	assert_true(n_output + len < sizeof output);
	memcpy(output + n_output, buf, len);
	n_output += len;
	*done = len;
	return output_error;
}

int __wrap_meari_datagram_receive(int fd, void *buf, size_t cap,
				  struct meari_datagram *ret_datagram)
{
	const struct event *event = events++;

	assert_int_equal(fd, SOCKFD);
	assert_true(cap >= 65527);
	if (event->error)
		return event->error;
	answer_due = false;
	*ret_datagram = (struct meari_datagram){
		.len = strlen(event->answer),
	};
	memcpy(buf, event->answer, ret_datagram->len);
	return 0;
}

static int reset(void **state)
{
	(void)state;
	input_error = send_error = wait_error = poll_error = output_error = 0;
	n_output = n_sent = 0;
	answer_due = false;
	return 0;
}

static struct exchange_report play(bool raw, const char *const *in,
				   const struct event *come)
{
	const struct exchange exchange = {
		.infd = INFD,
		.outfd = OUTFD,
		.sockfd = SOCKFD,
		.raw = raw,
		.timeout_ns = 2 * MEARI_S,
	};
	struct exchange_report report = { .ending = EXCHANGE_WELL };

	inputs = in;
	events = come;
	assert_int_equal(exchange_datagrams(&exchange, &report), 0);
	assert_int_equal(report.sent, n_sent);
	return report;
}

#define INPUTS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define EVENTS(...) (const struct event[]){ __VA_ARGS__, { .error = 0 } }

static void assert_shown(const char *expected)
{
	assert_int_equal(n_output, strlen(expected));
	assert_memory_equal(output, expected, n_output);
}

static void test_datagrams_echoed_ends_well(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one", "four"),
		     EVENTS({ .answer = "one" }, { .answer = "four" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(report.datagrams, 2);
	assert_int_equal(report.sent, 7);
	assert_int_equal(report.returned, 7);
	assert_int_equal(longest_read, 1400);
	assert_shown("onefour");
}

static void test_datagrams_empty_input_sends_nothing(void **state)
{
	const char *const none[] = { NULL };
	struct exchange_report report =
		play(false, none, EVENTS({ .error = 0 }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(report.datagrams, 0);
}

static void test_datagrams_lost_names_it(void **state)
{
	struct exchange_report report = play(
		false, INPUTS("one", "two", "three"),
		EVENTS({ .answer = "one" }, { .answer = NULL }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.datagrams, 2);
	assert_int_equal(report.sent, 6);
	assert_int_equal(report.returned, 3);
	assert_shown("one");
}

static void test_datagrams_wrong_byte_counts_from_the_start(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one", "two"),
		     EVENTS({ .answer = "one" }, { .answer = "tWo" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_DIFFERS);
	assert_int_equal(report.offset, 4);
	assert_int_equal(report.expected, 'w');
	assert_int_equal(report.got, 'W');
	assert_shown("onetWo");
}

static void test_datagrams_short_answer_is_missing_bytes(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("three"), EVENTS({ .answer = "thr" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_SHORT);
	assert_int_equal(report.sent - report.returned, 2);
}

static void test_datagrams_empty_answer_is_missing_bytes(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("three"), EVENTS({ .answer = "" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_SHORT);
	assert_int_equal(report.returned, 0);
}

static void test_datagrams_long_answer_is_surplus(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one"), EVENTS({ .answer = "one!" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_SURPLUS);
	assert_int_equal(report.offset, 3);
	assert_int_equal(report.got, '!');
}

static void test_datagrams_second_answer_is_surplus(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one"),
		     EVENTS({ .answer = "one" },
			    { .answer = "one", .unasked = true }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_SURPLUS);
	assert_int_equal(report.offset, 3);
}

static void test_datagrams_refused_while_waiting_is_broken(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one"), EVENTS({ .error = -ECONNREFUSED }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -ECONNREFUSED);
}

static void test_datagrams_refused_at_the_prompt_is_broken(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one"),
		     EVENTS({ .answer = "one" },
			    { .error = -ECONNREFUSED, .unasked = true }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.returned, 3);
}

static void test_datagrams_bad_checksum_waits_on(void **state)
{
	struct exchange_report report =
		play(false, INPUTS("one"),
		     EVENTS({ .error = -EAGAIN }, { .answer = "one" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
}

static void test_datagrams_raw_takes_any_answer(void **state)
{
	struct exchange_report report =
		play(true, INPUTS("one", "two"),
		     EVENTS({ .answer = "yes" }, { .answer = "!", .unasked = 1 },
			    { .answer = "and no" }));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(report.received, 10);
	assert_shown("yes!and no");
}

static void test_datagrams_send_error_is_broken(void **state)
{
	struct exchange_report report;

	(void)state;
	send_error = -EMSGSIZE;
	report = play(false, INPUTS("one"), EVENTS({ .error = 0 }));
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -EMSGSIZE);
	assert_int_equal(report.unsent, 3);
}

static void test_datagrams_full_socket_times_out(void **state)
{
	struct exchange_report report;

	(void)state;
	send_error = -ETIMEDOUT;
	report = play(false, INPUTS("one"), EVENTS({ .error = 0 }));
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.unsent, 3);
}

static void test_datagrams_input_and_output_errors_end_it(void **state)
{
	const char *const none[] = { NULL };
	struct exchange_report report;

	(void)state;
	input_error = -EIO;
	report = play(false, none, EVENTS({ .error = 0 }));
	assert_int_equal(report.ending, EXCHANGE_INPUT);
	assert_int_equal(report.error, -EIO);
	output_error = -ENOSPC;
	report = play(false, INPUTS("one"), EVENTS({ .answer = "one" }));
	assert_int_equal(report.ending, EXCHANGE_OUTPUT);
	assert_int_equal(report.error, -ENOSPC);
}

static void test_datagrams_poll_errors_are_returned(void **state)
{
	const struct exchange exchange = {
		.infd = INFD,
		.outfd = OUTFD,
		.sockfd = SOCKFD,
		.timeout_ns = MEARI_S,
	};
	struct exchange_report report;

	(void)state;
	inputs = INPUTS("one");
	events = EVENTS({ .answer = "one" });
	wait_error = -ENOMEM;
	assert_int_equal(exchange_datagrams(&exchange, &report), -ENOMEM);
	(void)reset(NULL);
	poll_error = -ENOMEM;
	assert_int_equal(exchange_datagrams(&exchange, &report), -ENOMEM);
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_datagrams_echoed_ends_well),
		TEST(test_datagrams_empty_input_sends_nothing),
		TEST(test_datagrams_lost_names_it),
		TEST(test_datagrams_wrong_byte_counts_from_the_start),
		TEST(test_datagrams_short_answer_is_missing_bytes),
		TEST(test_datagrams_empty_answer_is_missing_bytes),
		TEST(test_datagrams_long_answer_is_surplus),
		TEST(test_datagrams_second_answer_is_surplus),
		TEST(test_datagrams_refused_while_waiting_is_broken),
		TEST(test_datagrams_refused_at_the_prompt_is_broken),
		TEST(test_datagrams_bad_checksum_waits_on),
		TEST(test_datagrams_raw_takes_any_answer),
		TEST(test_datagrams_send_error_is_broken),
		TEST(test_datagrams_full_socket_times_out),
		TEST(test_datagrams_input_and_output_errors_end_it),
		TEST(test_datagrams_poll_errors_are_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
