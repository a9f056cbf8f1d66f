/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <meari/io.h>

#include "base/cleanup.h"

#define CALLS_MAX 8

/* The clock and the waits of a test that scripts them. */
static struct fake {
	bool armed;
	uint64_t now_ns;
	uint64_t step_ns;       /* the clock moves so far during a wait */
	int results[CALLS_MAX]; /* of ppoll(2); negative errno */
	bool endless[CALLS_MAX];
	struct timespec timeouts[CALLS_MAX];
	unsigned calls;
} fake;

uint64_t __real_meari_now_ns(void);
uint64_t __wrap_meari_now_ns(void);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask);

uint64_t __wrap_meari_now_ns(void)
{
	return fake.armed ? fake.now_ns : __real_meari_now_ns();
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask)
{
	unsigned call = fake.calls++;

	assert_null(mask);
	if (!fake.armed)
		return __real_ppoll(fds, n, timeout, mask);
	assert_true(call < CALLS_MAX);
	fake.endless[call] = !timeout;
	if (timeout)
		fake.timeouts[call] = *timeout;
	fake.now_ns += fake.step_ns;
	if (fake.results[call] >= 0)
		return fake.results[call];
	errno = -fake.results[call];
	return -1;
}

static int setup(void **state)
{
	(void)state;
	fake = (struct fake){ .armed = false };
	return 0;
}

static void assert_timeout(unsigned call, time_t sec, long nsec)
{
	assert_false(fake.endless[call]);
	assert_int_equal(fake.timeouts[call].tv_sec, sec);
	assert_int_equal(fake.timeouts[call].tv_nsec, nsec);
}

struct pipe_ends {
	int in;
	int out;
};

static struct pipe_ends open_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	return (struct pipe_ends){ .in = fds[1], .out = fds[0] };
}

static void test_poll_interrupted_waits_for_the_rest_only(void **state)
{
	(void)state;
	fake.armed = true;
	fake.now_ns = 5 * MEARI_S;
	fake.step_ns = 400 * MEARI_MS;
	fake.results[0] = -EINTR;
	fake.results[1] = -EINTR;
	fake.results[2] = 0;
	assert_int_equal(meari_poll(NULL, 0, 6 * MEARI_S + 1), -ETIMEDOUT);
	assert_int_equal(fake.calls, 3);
	assert_timeout(0, 1, 1);
	assert_timeout(1, 0, 600000001);
	assert_timeout(2, 0, 200000001);
}

static void test_poll_interrupted_past_deadline_looks_once_more(void **state)
{
	(void)state;
	fake.armed = true;
	fake.now_ns = 1;
	fake.step_ns = MEARI_S;
	fake.results[0] = -EINTR;
	fake.results[1] = 1;
	assert_int_equal(meari_poll(NULL, 0, MEARI_S), 1);
	assert_int_equal(fake.calls, 2);
	assert_timeout(1, 0, 0);
}

static void test_poll_deadline_in_past_looks_without_waiting(void **state)
{
	(void)state;
	fake.armed = true;
	fake.now_ns = 100;
	assert_int_equal(meari_poll(NULL, 0, 0), -ETIMEDOUT);
	assert_int_equal(fake.calls, 1);
	assert_timeout(0, 0, 0);
}

static void test_poll_never_waits_without_timeout(void **state)
{
	(void)state;
	fake.armed = true;
	fake.results[0] = -EINTR;
	fake.results[1] = 1;
	assert_int_equal(meari_poll(NULL, 0, MEARI_NEVER), 1);
	assert_int_equal(fake.calls, 2);
	assert_true(fake.endless[0]);
	assert_true(fake.endless[1]);
}

static void test_poll_farthest_deadline_is_a_valid_timespec(void **state)
{
	(void)state;
	fake.armed = true;
	fake.results[0] = 1;
	assert_int_equal(meari_poll(NULL, 0, MEARI_NEVER - 1), 1);
	assert_timeout(0, 18446744073, 709551614);
}

static void test_poll_failure_is_passed_up(void **state)
{
	(void)state;
	fake.armed = true;
	fake.results[0] = -ENOMEM;
	assert_int_equal(meari_poll(NULL, 0, MEARI_NEVER), -ENOMEM);
	assert_int_equal(fake.calls, 1);
}

static void test_poll_farthest_deadline_is_taken_by_the_kernel(void **state)
{
	struct pipe_ends ends = open_pipe();
	struct pollfd pollfd = { .fd = ends.in, .events = POLLOUT };

	(void)state;
	assert_int_equal(meari_poll(&pollfd, 1, MEARI_NEVER - 1), 1);
	fd_closep(&ends.in);
	fd_closep(&ends.out);
}

static void test_poll_two_of_three_ready_counts_them(void **state)
{
	struct pipe_ends idle = open_pipe(), ready = open_pipe();
	struct pollfd fds[] = {
		{ .fd = ready.out, .events = POLLIN },
		{ .fd = idle.out, .events = POLLIN },
		{ .fd = idle.in, .events = POLLOUT },
	};

	(void)state;
	assert_int_equal(write(ready.in, "x", 1), 1);
	assert_int_equal(meari_poll(fds, 3, MEARI_NEVER), 2);
	assert_int_equal(fds[0].revents, POLLIN);
	assert_int_equal(fds[1].revents, 0);
	assert_int_equal(fds[2].revents, POLLOUT);
	fd_closep(&idle.in);
	fd_closep(&idle.out);
	fd_closep(&ready.in);
	fd_closep(&ready.out);
}

static void test_poll_of_nothing_honours_deadline(void **state)
{
	uint64_t until_ns = meari_after_ns(5 * MEARI_MS);

	(void)state;
	assert_int_equal(meari_poll(NULL, 0, until_ns), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal)
{
	(void)signal;
	n_alarms++;
}

static void test_wait_under_signals_honours_deadline(void **state)
{
	struct pipe_ends ends = open_pipe();
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every_ms = {
		.it_interval.tv_usec = 1000,
		.it_value.tv_usec = 1000,
	};
	const struct itimerval off = { .it_value.tv_usec = 0 };
	uint64_t until_ns = meari_after_ns(30 * MEARI_MS);
	struct sigaction before;

	(void)state;
	n_alarms = 0;
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every_ms, NULL), 0);
	assert_int_equal(meari_wait(ends.out, POLLIN, until_ns), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	assert_true(n_alarms > 0);
	assert_true(fake.calls > 1);
	fd_closep(&ends.in);
	fd_closep(&ends.out);
}

static void test_wait_readable_returns_events(void **state)
{
	struct pipe_ends ends = open_pipe();

	(void)state;
	assert_int_equal(write(ends.in, "x", 1), 1);
	assert_int_equal(meari_wait(ends.out, POLLIN, 0), POLLIN);
	assert_int_equal(meari_wait(ends.in, POLLOUT, 0), POLLOUT);
	fd_closep(&ends.in);
	fd_closep(&ends.out);
}

static void test_wait_peer_gone_returns_unasked_events(void **state)
{
	struct pipe_ends ends = open_pipe(), other = open_pipe();

	(void)state;
	fd_closep(&ends.in);
	assert_int_equal(meari_wait(ends.out, 0, MEARI_NEVER), POLLHUP);
	fd_closep(&other.out);
	assert_int_equal(meari_wait(other.in, 0, MEARI_NEVER), POLLERR);
	fd_closep(&ends.out);
	fd_closep(&other.in);
}

static void test_wait_bad_descriptor_does_not_wait(void **state)
{
	struct pipe_ends ends = open_pipe();
	int closed = ends.out;

	(void)state;
	fd_closep(&ends.in);
	fd_closep(&ends.out);
	assert_int_equal(meari_wait(closed, POLLIN, MEARI_NEVER), -EBADF);
	assert_int_equal(meari_wait(-1, POLLIN, MEARI_NEVER), -EBADF);
}

static void test_wait_failure_is_passed_up(void **state)
{
	(void)state;
	fake.armed = true;
	fake.results[0] = -EINVAL;
	assert_int_equal(meari_wait(0, POLLIN, 0), -EINVAL);
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_poll_interrupted_waits_for_the_rest_only),
		TEST(test_poll_interrupted_past_deadline_looks_once_more),
		TEST(test_poll_deadline_in_past_looks_without_waiting),
		TEST(test_poll_never_waits_without_timeout),
		TEST(test_poll_farthest_deadline_is_a_valid_timespec),
		TEST(test_poll_failure_is_passed_up),
		TEST(test_poll_farthest_deadline_is_taken_by_the_kernel),
		TEST(test_poll_two_of_three_ready_counts_them),
		TEST(test_poll_of_nothing_honours_deadline),
		TEST(test_wait_under_signals_honours_deadline),
		TEST(test_wait_readable_returns_events),
		TEST(test_wait_peer_gone_returns_unasked_events),
		TEST(test_wait_bad_descriptor_does_not_wait),
		TEST(test_wait_failure_is_passed_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
