/* SPDX-License-Identifier: MIT */
/* conform_stream.c - what every engine owes a stream connection */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "peer.h"
#include "suite.h"

#define MIB (1024 * 1024)
#define MANY 1000

static void test_one_byte(struct harness *h)
{
	harness_start(h);
	peer_converse(harness_addr(h));
	harness_finish(h);
}

static void test_nul_bytes(struct harness *h)
{
	static const char zeroes[1000];
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, zeroes, sizeof zeroes);
	peer_close(fd);
	harness_finish(h);
}

static void test_no_bytes(struct harness *h)
{
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_finish(h);
}

static void test_64_mib(struct harness *h)
{
	size_t len = 64 * MIB;
	unsigned char *data = malloc(len);
	int fd;

	assert_non_null(data);
	peer_pattern(data, len, 1);
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo_duplex(fd, data, len);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_await(h, TALLY_ENDED, 1);
	assert_int_equal(harness_count(h, TALLY_RECEIVED_BYTES), len);
	assert_int_equal(harness_count(h, TALLY_SENT_BYTES), len);
	harness_finish(h);
	free(data);
}

/* The echo of what came before the FIN comes after it. */
static void test_half_close_flushes(struct harness *h)
{
	static unsigned char data[MIB];
	size_t sent;
	int fd;

	peer_pattern(data, sizeof data, 2);
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	sent = peer_fill(fd, data, sizeof data);
	assert_true(sent > 0);
	peer_half_close(fd);
	peer_expect(fd, data, sent);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_finish(h);
}

static void test_reset_ends_one_connection(struct harness *h)
{
	harness_start(h);
	for (int i = 0; i < 20; i++) {
		int fd = peer_connect(harness_addr(h));

		peer_send(fd, "gone", 4);
		peer_reset(fd);
	}
	peer_converse(harness_addr(h));
	harness_finish(h);
}

static void test_urgent_byte_stays_in_line(struct harness *h)
{
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	for (int i = 0; i < 20; i++) {
		peer_send(fd, "abc", 3);
		assert_int_equal(send(fd, "!", 1, MSG_OOB), 1);
		peer_send(fd, "def", 3);
		peer_expect(fd, "abc!def", 7);
	}
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_finish(h);
}

static void test_slow_reader_costs_one_buffer(struct harness *h)
{
	size_t len = 64 * MIB, sent, before;
	unsigned char *data = malloc(len);
	int fd;

	assert_non_null(data);
	peer_pattern(data, len, 3);
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo_duplex(fd, data, MIB); /* touches what is used at all */
	before = harness_resident_bytes(h);
	sent = peer_fill(fd, data, len);
	/* The kernel's buffers are full, and the server's are not growing. */
	assert_true(sent < len);
	assert_true(harness_resident_bytes(h) < before + MIB);
	peer_expect(fd, data, sent);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_finish(h);
	free(data);
}

static void test_stalled_readers_do_not_stall_another(struct harness *h)
{
	static unsigned char data[MIB];
	int stalled[30], fd;

	peer_pattern(data, sizeof data, 4);
	harness_start(h);
	for (size_t i = 0; i < 30; i++) {
		stalled[i] = peer_connect(harness_addr(h));
		/* More than goes unread, so that each has some left over. */
		(void)send(stalled[i], data, sizeof data,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	fd = peer_connect(harness_addr(h));
	for (int i = 0; i < 200; i++)
		peer_echo(fd, data + i, 64);
	peer_close(fd);
	for (size_t i = 0; i < 30; i++)
		peer_close(stalled[i]);
	harness_finish(h);
}

/* In the order in which they came, so that an iterative server can, too. */
static void test_many_in_turn(struct harness *h)
{
	static int fds[MANY];

	harness_start(h);
	for (int i = 0; i < MANY; i++) {
		fds[i] = peer_connect(harness_addr(h));
		peer_send(fds[i], &i, sizeof i);
		peer_half_close(fds[i]);
	}
	for (int i = 0; i < MANY; i++) {
		peer_expect(fds[i], &i, sizeof i);
		peer_expect_eof(fds[i]);
		peer_close(fds[i]);
	}
	harness_await(h, TALLY_ENDED, MANY);
	harness_finish(h);
}

static void test_many_at_once(struct harness *h)
{
	static int fds[MANY];

	harness_start(h);
	for (int i = 0; i < MANY; i++)
		fds[i] = peer_connect(harness_addr(h));
	for (int i = 0; i < MANY; i++)
		peer_echo(fds[i], &i, sizeof i);
	assert_int_equal(harness_count(h, TALLY_ACCEPTED), MANY);
	assert_int_equal(harness_count(h, TALLY_ENDED), 0);
	for (int i = 0; i < MANY; i++)
		peer_close(fds[i]);
	harness_await(h, TALLY_ENDED, MANY);
	harness_finish(h);
}

static void test_max_connections_leaves_others_queued(struct harness *h)
{
	int one, two;

	h->limits.max_connections = 1;
	harness_start(h);
	one = peer_connect(harness_addr(h));
	peer_echo(one, "1", 1);
	two = peer_connect(harness_addr(h));
	peer_send(two, "2", 1);
	peer_echo(one, "1", 1);
	assert_int_equal(harness_count(h, TALLY_ACCEPTED), 1);
	peer_close(one);
	peer_expect(two, "2", 1);
	peer_close(two);
	harness_finish(h);
}

static void test_idle_timeout_ends_the_silent(struct harness *h)
{
	int fd;

	h->limits.idle_ns = 50 * MEARI_MS;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_await(h, TALLY_IDLE, 1);
	harness_finish(h);
}

static void test_once_serves_one(struct harness *h)
{
	int fd;

	h->limits.max_admitted = 1;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	peer_close(fd);
	harness_wait(h); /* nobody stops it */
}

static void test_message_comes_then_eof(struct harness *h)
{
	static unsigned char text[MIB];

	peer_pattern(text, sizeof text, 5);
	h->service = "message";
	h->message = (struct meari_span){ .data = text, .len = sizeof text };
	harness_start(h);
	for (int i = 0; i < 3; i++) {
		int fd = peer_connect(harness_addr(h));

		/* Unread bytes at close would reset the connection and could
		 * take the message with them. */
		peer_send(fd, "unasked", 7);
		peer_expect(fd, text, sizeof text);
		peer_expect_eof(fd);
		peer_close(fd);
	}
	harness_finish(h);
}

static void test_discard_sends_nothing(struct harness *h)
{
	static unsigned char data[MIB];
	int fd;

	h->service = "discard";
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_send(fd, data, sizeof data);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_await(h, TALLY_RECEIVED_BYTES, sizeof data);
	assert_int_equal(harness_count(h, TALLY_SENT_BYTES), 0);
	harness_finish(h);
}

/* Socket pairs key the events, and reads add up. */
static void test_events_tell_the_story(struct harness *h)
{
	struct meari_addr local;
	struct event event;
	uint64_t received = 0;
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	assert_int_equal(meari_addr_local(fd, &local), 0);
	peer_echo(fd, "story", 5);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_await(h, TALLY_ENDED, 1);
	assert_true(event_ring_take(h->env.events, &event));
	assert_int_equal(event.kind, EVENT_CONNECTED);
	assert_int_equal(event.connection, 1);
	assert_true(meari_addr_equal(&event.peer, &local));
	while (event_ring_take(h->env.events, &event) &&
	       event.kind == EVENT_RECEIVED)
		received += event.value;
	assert_int_equal(received, 5);
	assert_int_equal(event.kind, EVENT_ENDED);
	assert_int_equal(event.value, 0);
	harness_finish(h);
}

static const struct suite_row rows[] = {
	{ "one_byte", test_one_byte, 0, NULL },
	{ "nul_bytes", test_nul_bytes, 0, NULL },
	{ "no_bytes", test_no_bytes, 0, NULL },
	{ "64_mib", test_64_mib, 0, NULL },
	{ "half_close_flushes", test_half_close_flushes, 0, NULL },
	{ "reset_ends_one_connection", test_reset_ends_one_connection, 0,
	  "tcp" },
	{ "urgent_byte_stays_in_line", test_urgent_byte_stays_in_line, 0,
	  "tcp" },
	{ "slow_reader_costs_one_buffer", test_slow_reader_costs_one_buffer, 0,
	  NULL },
	{ "stalled_readers_do_not_stall_another",
	  test_stalled_readers_do_not_stall_another, ENGINE_CONCURRENT, NULL },
	{ "many_in_turn", test_many_in_turn, 0, NULL },
	{ "many_at_once", test_many_at_once, ENGINE_CONCURRENT, NULL },
	{ "max_connections_leaves_others_queued",
	  test_max_connections_leaves_others_queued, 0, NULL },
	{ "idle_timeout_ends_the_silent", test_idle_timeout_ends_the_silent, 0,
	  NULL },
	{ "once_serves_one", test_once_serves_one, 0, NULL },
	{ "message_comes_then_eof", test_message_comes_then_eof, 0, NULL },
	{ "discard_sends_nothing", test_discard_sends_nothing, 0, NULL },
	/* A Unix client without a name has no address to compare. */
	{ "events_tell_the_story", test_events_tell_the_story, 0, "tcp" },
	{ NULL, NULL, 0, NULL },
};

int main(int argc, char **argv)
{
	return suite_main(argc, argv, stream_families, rows);
}
