/* SPDX-License-Identifier: MIT */
/* conform_stop.c - how every engine ends: stop, drain, abort */
#include <pthread.h>
#include <stdlib.h>

#include "cmocka_all.h"
#include "peer.h"
#include "suite.h"

#define TALKERS 20
#define MESSAGES 300

static void test_stop_without_connections(struct harness *h)
{
	harness_start(h);
	harness_finish(h);
}

/* Silent for a moment, so our side ends; the client then ends its own. */
static void test_stop_half_closes_the_silent(struct harness *h)
{
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	harness_stop(h);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_wait(h);
}

static void test_stop_echoes_what_was_received(struct harness *h)
{
	static unsigned char data[1024 * 1024];
	size_t sent;
	int fd;

	peer_pattern(data, sizeof data, 1);
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	sent = peer_fill(fd, data, sizeof data);
	harness_stop(h);
	peer_expect(fd, data, sent);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_wait(h);
}

static void test_stop_takes_the_queue(struct harness *h)
{
	int fds[5];

	harness_start(h);
	for (size_t i = 0; i < 5; i++) {
		fds[i] = peer_connect(harness_addr(h));
		peer_send(fds[i], "queued", 6);
	}
	harness_stop(h);
	for (size_t i = 0; i < 5; i++) {
		peer_expect(fds[i], "queued", 6);
		peer_expect_eof(fds[i]);
		peer_close(fds[i]);
	}
	harness_wait(h);
}

/* A server that leaves takes nobody on, however busy it is. */
static void test_stop_refuses_who_comes_later(struct harness *h)
{
	int served, queued;

	h->ours = true;
	h->limits.max_connections = 1;
	harness_start(h);
	served = peer_connect(harness_addr(h));
	peer_echo(served, "a", 1);
	queued = peer_connect(harness_addr(h));
	peer_send(queued, "queued", 6);
	harness_stop(h);
	harness_await(h, TALLY_ACCEPTED, 2); /* the queue is taken at once */
	peer_expect_refused(harness_addr(h));
	peer_expect_eof(served);
	peer_close(served);
	peer_expect(queued, "queued", 6);
	peer_expect_eof(queued);
	peer_close(queued);
	harness_wait(h);
}

struct talker {
	int fd;
	pthread_barrier_t *started;
};

static void *talk(void *arg)
{
	const struct talker *talker = arg;
	unsigned char data[1000];

	for (unsigned i = 0; i < MESSAGES; i++) {
		peer_pattern(data, sizeof data, i);
		peer_echo(talker->fd, data, sizeof data);
		if (i == 0)
			(void)pthread_barrier_wait(talker->started);
	}
	peer_half_close(talker->fd);
	peer_expect_eof(talker->fd);
	peer_close(talker->fd);
	return NULL;
}

/* Those that still talk are let finish. */
static void test_stop_under_load_loses_nothing(struct harness *h)
{
	static struct talker talkers[TALKERS];
	pthread_t threads[TALKERS];
	pthread_barrier_t started;

	harness_start(h);
	assert_int_equal(pthread_barrier_init(&started, NULL, TALKERS + 1), 0);
	for (size_t i = 0; i < TALKERS; i++) {
		talkers[i] = (struct talker){ peer_connect(harness_addr(h)),
					      &started };
		assert_int_equal(pthread_create(&threads[i], NULL, talk,
						&talkers[i]), 0);
	}
	(void)pthread_barrier_wait(&started);
	harness_stop(h);
	for (size_t i = 0; i < TALKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(pthread_barrier_destroy(&started), 0);
	assert_int_equal(harness_count(h, TALLY_DRAIN_RESET), 0);
	assert_int_equal(harness_count(h, TALLY_SENT_BYTES),
			 TALKERS * MESSAGES * 1000);
	harness_wait(h);
}

static void test_drain_end_resets_and_counts(struct harness *h)
{
	int fd;

	h->drain_ns = 300 * MEARI_MS;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	harness_stop(h);
	peer_expect_eof(fd); /* but this side stays open */
	harness_await(h, TALLY_DRAIN_RESET, 1);
	harness_wait(h);
	peer_close(fd);
}

/* Bytes in our receive buffer that a reset destroys are not the point: it is
 * that the client hears of it. */
static void test_drain_end_resets_the_stuck(struct harness *h)
{
	size_t len = 64 * 1024 * 1024;
	unsigned char *data = calloc(1, len);
	int fd;

	assert_non_null(data);
	h->drain_ns = 300 * MEARI_MS;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	(void)peer_fill(fd, data, len);
	harness_stop(h);
	harness_await(h, TALLY_DRAIN_RESET, 1);
	harness_wait(h);
	peer_expect_reset(fd);
	peer_close(fd);
	free(data);
}

static void test_abort_ends_at_once(struct harness *h)
{
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	harness_stop(h);
	harness_abort(h);
	peer_expect_reset(fd);
	peer_close(fd);
	harness_wait(h);
}

static const struct suite_row rows[] = {
	{ "stop_without_connections", test_stop_without_connections, 0, NULL },
	{ "stop_half_closes_the_silent", test_stop_half_closes_the_silent, 0,
	  NULL },
	{ "stop_echoes_what_was_received", test_stop_echoes_what_was_received,
	  0, NULL },
	{ "stop_takes_the_queue", test_stop_takes_the_queue, 0, NULL },
	{ "stop_refuses_who_comes_later", test_stop_refuses_who_comes_later, 0,
	  NULL },
	{ "stop_under_load_loses_nothing", test_stop_under_load_loses_nothing,
	  ENGINE_CONCURRENT, NULL },
	{ "drain_end_resets_and_counts", test_drain_end_resets_and_counts, 0,
	  NULL },
	{ "drain_end_resets_the_stuck", test_drain_end_resets_the_stuck, 0,
	  "tcp" },
	{ "abort_ends_at_once", test_abort_ends_at_once, 0, "tcp" },
	{ NULL, NULL, 0, NULL },
};

int main(int argc, char **argv)
{
	return suite_main(argc, argv, stream_families, rows);
}
