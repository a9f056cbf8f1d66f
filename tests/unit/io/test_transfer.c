/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "faults.h"

static struct fault on_send, on_write;

ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t ret;

	if (fault_hits(&on_send, &len, &ret))
		return ret;
	return fault_count(&on_send, __real_send(fd, buf, len, flags));
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	ssize_t ret;

	if (fault_hits(&on_write, &len, &ret))
		return ret;
	return fault_count(&on_write, __real_write(fd, buf, len));
}

/* What a transfer moves in most tests: long enough for many short counts. */
#define LEN 1000u

struct fixture {
	int near;
	int far;
	unsigned char sent[LEN];
	unsigned char got[LEN];
};

static int setup(void **state)
{
	static struct fixture fixture;
	int fds[2];

	faults_reset();
	fault_set(&on_send, (struct fault_plan){ .every = 0 });
	fault_set(&on_write, (struct fault_plan){ .every = 0 });
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds) < 0)
		return -1;
	fixture.near = fds[0];
	fixture.far = fds[1];
	for (size_t i = 0; i < LEN; i++) {
		fixture.sent[i] = (unsigned char)(i * 7 + i / 256);
		fixture.got[i] = 0;
	}
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	fd_closep(&fixture->near);
	fd_closep(&fixture->far);
	return 0;
}

static void peer_sends(struct fixture *fixture, size_t len)
{
	assert_int_equal(__real_write(fixture->far, fixture->sent, len), len);
}

static void assert_got(const struct fixture *fixture, size_t len)
{
	assert_memory_equal(fixture->got, fixture->sent, len);
}

static void assert_peer_gets(struct fixture *fixture, size_t len)
{
	memset(fixture->got, 0, LEN);
	assert_int_equal(__real_read(fixture->far, fixture->got, LEN), len);
	assert_got(fixture, len);
}

/* read_some */

static void test_read_some_takes_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	peer_sends(fixture, 5);
	assert_int_equal(meari_read_some(fixture->near, fixture->got, LEN,
					 &done), MEARI_IO_DONE);
	assert_int_equal(done, 5);
	assert_got(fixture, 5);
}

static void test_read_some_nothing_there_says_so(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	assert_int_equal(meari_read_some(fixture->near, fixture->got, LEN,
					 &done), -EAGAIN);
	assert_int_equal(done, 0);
	assert_int_equal(on_ppoll.calls, 0);
}

static void test_read_some_peer_gone_is_end_of_stream(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	fd_closep(&fixture->far);
	assert_int_equal(meari_read_some(fixture->near, fixture->got, LEN,
					 &done), MEARI_IO_EOF);
	assert_int_equal(done, 0);
}

static void test_read_some_interrupted_tries_again(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	peer_sends(fixture, 5);
	fault_set(&on_read, (struct fault_plan){ .at = 1, .error = EINTR });
	assert_int_equal(meari_read_some(fixture->near, fixture->got, LEN,
					 &done), MEARI_IO_DONE);
	assert_int_equal(done, 5);
	assert_int_equal(on_read.calls, 2);
}

static void test_read_some_bad_descriptor_fails(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	assert_int_equal(meari_read_some(-1, fixture->got, LEN, &done),
			 -EBADF);
	assert_int_equal(done, 0);
}

/* write_some */

static void test_write_some_on_socket_does_not_raise_sigpipe(void **state)
{
	struct fixture *fixture = *state;
	const struct sigaction fatal = { .sa_handler = SIG_DFL };
	size_t done = 99;

	assert_int_equal(sigaction(SIGPIPE, &fatal, NULL), 0);
	fd_closep(&fixture->far);
	assert_int_equal(meari_write_some(fixture->near, fixture->sent, LEN,
					  &done), -EPIPE);
	assert_int_equal(done, 0);
	assert_int_equal(on_write.calls, 0);
}

static volatile sig_atomic_t n_sigpipes;

static void on_sigpipe(int signal)
{
	(void)signal;
	n_sigpipes++;
}

static void test_write_some_on_pipe_leaves_sigpipe_to_caller(void **state)
{
	struct fixture *fixture = *state;
	const struct sigaction action = { .sa_handler = on_sigpipe };
	struct sigaction before;
	size_t done = 99;
	int fds[2];

	n_sigpipes = 0;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	fd_closep(&fds[0]);
	assert_int_equal(sigaction(SIGPIPE, &action, &before), 0);
	assert_int_equal(meari_write_some(fds[1], fixture->sent, LEN, &done),
			 -EPIPE);
	assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
	assert_int_equal(done, 0);
	assert_int_equal(n_sigpipes, 1);
	fd_closep(&fds[1]);
}

static void test_write_some_full_socket_says_so(void **state)
{
	struct fixture *fixture = *state;
	static const unsigned char zeros[1 << 16];
	size_t done, total = 0;
	int r;

	for (;;) {
		r = meari_write_some(fixture->near, zeros, sizeof zeros,
				     &done);
		if (r != MEARI_IO_DONE)
			break;
		assert_in_range(done, 1, sizeof zeros);
		total += done;
		assert_true(total < 64u << 20);
	}
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(done, 0);
	assert_int_equal(on_ppoll.calls, 0);
}

static void test_write_some_interrupted_tries_again(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	fault_set(&on_send, (struct fault_plan){ .at = 1, .error = EINTR });
	assert_int_equal(meari_write_some(fixture->near, fixture->sent, LEN,
					  &done), MEARI_IO_DONE);
	assert_int_equal(done, LEN);
	assert_int_equal(on_send.calls, 2);
	assert_peer_gets(fixture, LEN);
}

static void test_write_some_that_takes_nothing_fails(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	fault_set(&on_send, (struct fault_plan){ .at = 1, .error = ENOTSOCK });
	fault_set(&on_write, (struct fault_plan){ .at = 1,
						  .error = FAULT_EOF });
	assert_int_equal(meari_write_some(fixture->near, fixture->sent, LEN,
					  &done), -EIO);
	assert_int_equal(done, 0);
}

/* read_full */

static int read_full(struct fixture *fixture, size_t len, uint64_t until_ns,
		     size_t *done)
{
	*done = 99;
	return meari_read_full(fixture->near, fixture->got, len, until_ns,
			       done);
}

static void test_read_full_nothing_asked_makes_no_call(void **state)
{
	size_t done = 99;

	(void)state;
	assert_int_equal(meari_read_full(-1, NULL, 0, 0, &done),
			 MEARI_IO_DONE);
	assert_int_equal(done, 0);
	assert_int_equal(on_read.calls, 0);
}

static void test_read_full_short_counts_add_up(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, LEN);
	fault_set(&on_read, (struct fault_plan){ .limit = 3 });
	assert_int_equal(read_full(fixture, LEN, MEARI_NEVER, &done),
			 MEARI_IO_DONE);
	assert_int_equal(done, LEN);
	assert_int_equal(on_read.calls, (LEN + 2) / 3);
	assert_int_equal(on_ppoll.calls, 0);
	assert_got(fixture, LEN);
}

static void test_read_full_does_not_read_beyond(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, 10);
	assert_int_equal(read_full(fixture, 4, MEARI_NEVER, &done),
			 MEARI_IO_DONE);
	assert_int_equal(done, 4);
	assert_int_equal(on_read.bytes, 4);
	assert_int_equal(fixture->got[4], 0);
}

static void test_read_full_eof_midway_keeps_count(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, 7);
	fd_closep(&fixture->far);
	assert_int_equal(read_full(fixture, LEN, MEARI_NEVER, &done),
			 MEARI_IO_EOF);
	assert_int_equal(done, 7);
	assert_got(fixture, 7);
}

static void test_read_full_deadline_in_past_takes_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, 7);
	assert_int_equal(read_full(fixture, LEN, 0, &done), -ETIMEDOUT);
	assert_int_equal(done, 7);
	assert_got(fixture, 7);
	assert_int_equal(read_full(fixture, LEN, 0, &done), -ETIMEDOUT);
	assert_int_equal(done, 0);
	peer_sends(fixture, 7);
	assert_int_equal(read_full(fixture, 7, 0, &done), MEARI_IO_DONE);
	assert_int_equal(done, 7);
	assert_int_equal(on_ppoll.calls, 0);
}

static void test_read_full_deadline_holds_against_willing_peer(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, LEN);
	fault_set(&on_read, (struct fault_plan){ .limit = 1 });
	assert_int_equal(read_full(fixture, LEN, 0, &done), -ETIMEDOUT);
	assert_int_equal(done, 1);
	assert_int_equal(on_read.calls, 1);
}

static void test_read_full_ready_but_empty_honours_deadline(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns = meari_after_ns(5 * MEARI_MS);
	size_t done;

	/* Always readable, never with anything to read. */
	peer_sends(fixture, 1);
	fault_set(&on_read, (struct fault_plan){ .every = 1,
						 .error = EAGAIN });
	assert_int_equal(read_full(fixture, LEN, until_ns, &done), -ETIMEDOUT);
	assert_int_equal(done, 0);
	assert_true(meari_now_ns() >= until_ns);
}

static void test_read_full_silent_peer_honours_deadline(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns = meari_after_ns(10 * MEARI_MS);
	size_t done;

	peer_sends(fixture, 3);
	assert_int_equal(read_full(fixture, LEN, until_ns, &done), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_int_equal(done, 3);
	assert_int_equal(on_ppoll.calls, 1);
}

static void test_read_full_wait_failure_keeps_count(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	peer_sends(fixture, 3);
	fault_set(&on_ppoll, (struct fault_plan){ .at = 1, .error = ENOMEM });
	assert_int_equal(read_full(fixture, LEN, MEARI_NEVER, &done), -ENOMEM);
	assert_int_equal(done, 3);
}

static void test_read_full_every_kth_call_interrupted_succeeds(void **state)
{
	static const int harmless[] = { EINTR, EAGAIN };
	struct fixture *fixture = *state;
	size_t done;

	for (unsigned k = 2; k < 40; k++) {
		for (size_t i = 0; i < 2; i++) {
			peer_sends(fixture, LEN);
			fault_set(&on_read, (struct fault_plan){
				.limit = 40, .every = k, .error = harmless[i],
			});
			fault_set(&on_ppoll, (struct fault_plan){
				.every = 2, .error = EINTR,
			});
			assert_int_equal(read_full(fixture, LEN, MEARI_NEVER,
						   &done), MEARI_IO_DONE);
			assert_int_equal(done, LEN);
			assert_got(fixture, LEN);
		}
	}
}

static void test_read_full_kth_call_fails_keeps_count(void **state)
{
	static const int fatal[] = { EIO, ECONNRESET, FAULT_EOF };
	struct fixture *fixture = *state;
	size_t done, rest;

	for (unsigned k = 1; k <= LEN / 40; k++) {
		int error = fatal[k % 3];
		int expected = error == FAULT_EOF ? MEARI_IO_EOF : -error;

		peer_sends(fixture, LEN);
		fault_set(&on_read, (struct fault_plan){
			.limit = 40, .at = k, .error = error,
		});
		assert_int_equal(read_full(fixture, LEN, MEARI_NEVER, &done),
				 expected);
		assert_int_equal(done, (k - 1) * 40);
		assert_got(fixture, done);
		/* What was not counted has not been taken. */
		faults_reset();
		assert_int_equal(read_full(fixture, LEN - done, 0, &rest), 0);
		assert_memory_equal(fixture->got, fixture->sent + done, rest);
		assert_int_equal(done + rest, LEN);
	}
}

static void test_full_on_regular_file_moves_all(void **state)
{
	struct fixture *fixture = *state;
	MEARI_AUTO(fd_closep) int fd = memfd_create("full", MFD_CLOEXEC);
	size_t done = 99;

	assert_int_equal(meari_write_full(fd, fixture->sent, LEN, 0, &done),
			 MEARI_IO_DONE);
	assert_int_equal(done, LEN);
	assert_int_equal(on_send.bytes, 0);
	assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
	assert_int_equal(meari_read_full(fd, fixture->got, LEN, MEARI_NEVER,
					 &done), MEARI_IO_EOF);
	assert_int_equal(done, LEN - 1);
	assert_memory_equal(fixture->got, fixture->sent + 1, LEN - 1);
}

static void *send_in_two(void *arg)
{
	const struct fixture *fixture = arg;
	struct pollfd taken = { .fd = fixture->far, .events = POLLIN };

	(void)__real_send(fixture->far, fixture->sent, LEN / 2, MSG_NOSIGNAL);
	/* The reader answers when the first half has arrived. */
	(void)__real_ppoll(&taken, 1, NULL, NULL);
	(void)__real_send(fixture->far, fixture->sent + LEN / 2,
			  LEN - LEN / 2, MSG_NOSIGNAL);
	return NULL;
}

static void read_in_two(struct fixture *fixture)
{
	pthread_t thread;
	size_t done;

	assert_int_equal(pthread_create(&thread, NULL, send_in_two, fixture),
			 0);
	assert_int_equal(read_full(fixture, LEN / 2, MEARI_NEVER, &done), 0);
	assert_int_equal(__real_send(fixture->near, "", 1, 0), 1);
	assert_int_equal(meari_read_full(fixture->near,
					 fixture->got + LEN / 2,
					 LEN - LEN / 2, MEARI_NEVER, &done),
			 MEARI_IO_DONE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_got(fixture, LEN);
}

static void test_read_full_from_late_peer_waits(void **state)
{
	read_in_two(*state);
}

static void test_read_full_on_blocking_descriptor_blocks(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(fcntl(fixture->near, F_SETFL, 0), 0);
	read_in_two(fixture);
	assert_int_equal(on_ppoll.calls, 0);
}

/* A TCP connection over loopback: a Unix socket cannot be reset halfway. */
static void connect_tcp(struct fixture *fixture)
{
	MEARI_AUTO(fd_closep) int listenfd = -1;
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof addr;

	fd_closep(&fixture->near);
	fd_closep(&fixture->far);
	listenfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listenfd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listenfd, 1), 0);
	assert_int_equal(getsockname(listenfd, (struct sockaddr *)&addr, &len),
			 0);
	fixture->near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fixture->near, (struct sockaddr *)&addr, len),
			 0);
	assert_int_equal(fcntl(fixture->near, F_SETFL, O_NONBLOCK), 0);
	fixture->far = accept4(listenfd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fixture->far >= 0);
}

static void peer_resets(struct fixture *fixture)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(fixture->far, SOL_SOCKET, SO_LINGER,
				    &at_once, sizeof at_once), 0);
	fd_closep(&fixture->far);
}

static void test_read_full_reset_midway_keeps_count(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	connect_tcp(fixture);
	peer_sends(fixture, 7);
	assert_int_equal(meari_wait(fixture->near, POLLIN, MEARI_NEVER),
			 POLLIN);
	peer_resets(fixture);
	assert_int_equal(read_full(fixture, LEN, MEARI_NEVER, &done),
			 -ECONNRESET);
	assert_int_equal(done, 7);
	assert_got(fixture, 7);
}

/* write_full */

static int write_full(struct fixture *fixture, uint64_t until_ns, size_t *done)
{
	*done = 99;
	return meari_write_full(fixture->near, fixture->sent, LEN, until_ns,
				done);
}

static void test_write_full_nothing_asked_makes_no_call(void **state)
{
	size_t done = 99;

	(void)state;
	assert_int_equal(meari_write_full(-1, NULL, 0, 0, &done),
			 MEARI_IO_DONE);
	assert_int_equal(done, 0);
	assert_int_equal(on_send.calls, 0);
}

static void test_write_full_every_kth_call_interrupted_succeeds(void **state)
{
	static const int harmless[] = { EINTR, EAGAIN };
	struct fixture *fixture = *state;
	size_t done;

	for (unsigned k = 2; k < 40; k++) {
		for (size_t i = 0; i < 2; i++) {
			fault_set(&on_send, (struct fault_plan){
				.limit = 40, .every = k, .error = harmless[i],
			});
			assert_int_equal(write_full(fixture, MEARI_NEVER,
						    &done), MEARI_IO_DONE);
			assert_int_equal(done, LEN);
			assert_peer_gets(fixture, LEN);
		}
	}
}

static void test_write_full_kth_call_fails_keeps_count(void **state)
{
	static const int fatal[] = { EPIPE, ECONNRESET, EIO };
	struct fixture *fixture = *state;
	size_t done;

	for (unsigned k = 2; k <= LEN / 40; k++) {
		fault_set(&on_send, (struct fault_plan){
			.limit = 40, .at = k, .error = fatal[k % 3],
		});
		assert_int_equal(write_full(fixture, MEARI_NEVER, &done),
				 -fatal[k % 3]);
		assert_int_equal(done, (k - 1) * 40);
		assert_int_equal(on_send.bytes, done);
		assert_peer_gets(fixture, done);
	}
}

static void test_write_full_on_pipe_adds_short_counts(void **state)
{
	struct fixture *fixture = *state;
	size_t done;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	fault_set(&on_write, (struct fault_plan){
		.limit = 40, .every = 3, .error = EINTR,
	});
	assert_int_equal(meari_write_full(fds[1], fixture->sent, LEN,
					  MEARI_NEVER, &done), MEARI_IO_DONE);
	assert_int_equal(done, LEN);
	assert_int_equal(__real_read(fds[0], fixture->got, LEN), LEN);
	assert_got(fixture, LEN);
	fd_closep(&fds[0]);
	fd_closep(&fds[1]);
}

static void test_write_full_peer_gone_gives_epipe(void **state)
{
	struct fixture *fixture = *state;
	const struct sigaction fatal = { .sa_handler = SIG_DFL };
	size_t done;

	assert_int_equal(sigaction(SIGPIPE, &fatal, NULL), 0);
	fd_closep(&fixture->far);
	assert_int_equal(write_full(fixture, MEARI_NEVER, &done), -EPIPE);
	assert_int_equal(done, 0);
}

/* More than two socket buffers hold, so that the writer must wait. */
#define BULK (4u << 20)

static void test_write_full_stuck_peer_honours_deadline(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns = meari_after_ns(10 * MEARI_MS);
	unsigned char *bulk = calloc(1, BULK);
	size_t done = 0;

	assert_non_null(bulk);
	assert_int_equal(meari_write_full(fixture->near, bulk, BULK, until_ns,
					  &done), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_in_range(done, 1, BULK - 1);
	assert_int_equal(done, on_send.bytes);
	free(bulk);
}

static void test_write_full_deadline_in_past_gives_what_fits(void **state)
{
	struct fixture *fixture = *state;
	size_t done;

	fault_set(&on_send, (struct fault_plan){ .limit = 40 });
	assert_int_equal(write_full(fixture, 0, &done), -ETIMEDOUT);
	assert_int_equal(done, 40);
	assert_peer_gets(fixture, 40);
}

struct slow_reader {
	int fd;
	size_t got;
	bool as_sent;
};

static unsigned char bulk_byte(size_t offset)
{
	return (unsigned char)(offset ^ offset >> 8 ^ offset >> 16);
}

static void *read_slowly(void *arg)
{
	struct slow_reader *slow = arg;
	unsigned char piece[1021];
	struct pollfd ready = { .fd = slow->fd, .events = POLLIN };

	for (;;) {
		ssize_t n = __real_read(slow->fd, piece, sizeof piece);

		if (n == 0)
			return NULL;
		if (n < 0)
			(void)__real_ppoll(&ready, 1, NULL, NULL);
		for (ssize_t i = 0; i < n; i++) {
			if (piece[i] != bulk_byte(slow->got))
				slow->as_sent = false;
			slow->got++;
		}
	}
}

static void test_write_full_to_slow_reader_loses_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct slow_reader slow = { .fd = fixture->far, .as_sent = true };
	unsigned char *bulk = malloc(BULK);
	const int small = 4096;
	pthread_t thread;
	size_t done;

	assert_non_null(bulk);
	for (size_t i = 0; i < BULK; i++)
		bulk[i] = bulk_byte(i);
	assert_int_equal(setsockopt(fixture->near, SOL_SOCKET, SO_SNDBUF,
				    &small, sizeof small), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_slowly, &slow), 0);
	assert_int_equal(meari_write_full(fixture->near, bulk, BULK,
					  MEARI_NEVER, &done), MEARI_IO_DONE);
	assert_int_equal(done, BULK);
	fd_closep(&fixture->near);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(slow.got, BULK);
	assert_true(slow.as_sent);
	free(bulk);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_some_takes_what_is_there),
		TEST(test_read_some_nothing_there_says_so),
		TEST(test_read_some_peer_gone_is_end_of_stream),
		TEST(test_read_some_interrupted_tries_again),
		TEST(test_read_some_bad_descriptor_fails),
		TEST(test_write_some_on_socket_does_not_raise_sigpipe),
		TEST(test_write_some_on_pipe_leaves_sigpipe_to_caller),
		TEST(test_write_some_full_socket_says_so),
		TEST(test_write_some_interrupted_tries_again),
		TEST(test_write_some_that_takes_nothing_fails),
		TEST(test_read_full_nothing_asked_makes_no_call),
		TEST(test_read_full_short_counts_add_up),
		TEST(test_read_full_does_not_read_beyond),
		TEST(test_read_full_eof_midway_keeps_count),
		TEST(test_read_full_deadline_in_past_takes_what_is_there),
		TEST(test_read_full_deadline_holds_against_willing_peer),
		TEST(test_read_full_ready_but_empty_honours_deadline),
		TEST(test_read_full_silent_peer_honours_deadline),
		TEST(test_read_full_wait_failure_keeps_count),
		TEST(test_read_full_every_kth_call_interrupted_succeeds),
		TEST(test_read_full_kth_call_fails_keeps_count),
		TEST(test_full_on_regular_file_moves_all),
		TEST(test_read_full_from_late_peer_waits),
		TEST(test_read_full_on_blocking_descriptor_blocks),
		TEST(test_read_full_reset_midway_keeps_count),
		TEST(test_write_full_nothing_asked_makes_no_call),
		TEST(test_write_full_every_kth_call_interrupted_succeeds),
		TEST(test_write_full_kth_call_fails_keeps_count),
		TEST(test_write_full_on_pipe_adds_short_counts),
		TEST(test_write_full_peer_gone_gives_epipe),
		TEST(test_write_full_stuck_peer_honours_deadline),
		TEST(test_write_full_deadline_in_past_gives_what_fits),
		TEST(test_write_full_to_slow_reader_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
