/* SPDX-License-Identifier: MIT */
/* conform_datagram.c - what every engine that serves UDP owes a datagram */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <meari/datagram.h>

#include "cmocka_all.h"
#include "inject.h"
#include "peer.h"
#include "suite.h"

static void echo_datagram(int fd, const unsigned char *data, size_t len)
{
	static unsigned char back[MEARI_DATAGRAM_MAX];

	assert_int_equal(send(fd, data, len, 0), len);
	assert_int_equal(recv(fd, back, sizeof back, 0), len);
	assert_memory_equal(back, data, len);
}

static void test_sizes(struct harness *h)
{
	static unsigned char data[MEARI_DATAGRAM_MAX];
	/* RFC 768 over IPv4 and over IPv6, whose length field does not count
	 * the IP header. */
	size_t max = strcmp(h->family, "udp6") == 0 ? 65527 : 65507;
	int fd;

	peer_pattern(data, sizeof data, 1);
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	echo_datagram(fd, data, 1);
	echo_datagram(fd, data, 0);
	echo_datagram(fd, data, 1400);
	echo_datagram(fd, data, max);
	peer_close(fd);
	harness_finish(h);
}

static void test_many_clients(struct harness *h)
{
	int fds[50];

	harness_start(h);
	for (size_t i = 0; i < 50; i++) {
		fds[i] = peer_connect_datagram(harness_addr(h));
		peer_send(fds[i], &i, sizeof i);
	}
	for (size_t i = 0; i < 50; i++) {
		peer_expect(fds[i], &i, sizeof i);
		peer_close(fds[i]);
	}
	assert_int_equal(harness_count(h, TALLY_RECEIVED_DATAGRAMS), 50);
	harness_finish(h);
}

static void test_discard_sends_nothing(struct harness *h)
{
	int fd;

	h->service = "discard";
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	peer_send(fd, "gone", 4);
	harness_await(h, TALLY_RECEIVED_DATAGRAMS, 1);
	peer_close(fd);
	harness_stop(h);
	assert_int_equal(harness_count(h, TALLY_SENT_DATAGRAMS), 0);
	harness_wait(h);
}

/* Refuses what begins with nothing: an empty datagram. */
static int refuse_empty(const struct guard *guard,
			const struct meari_datagram *datagram, bool *ret_tell)
{
	(void)guard;
	*ret_tell = true;
	return datagram->len == 0 ? TALLY_DROPPED_SOURCE : 0;
}

static void test_guard_is_asked(struct harness *h)
{
	const struct guard guard = { .admit = refuse_empty };
	struct event event;
	int fd;

	h->guard = &guard;
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	assert_int_equal(send(fd, "", 0, 0), 0);
	peer_echo(fd, "b", 1); /* this one came second and is answered first */
	peer_close(fd);
	assert_int_equal(harness_count(h, TALLY_DROPPED_SOURCE), 1);
	harness_await(h, TALLY_SENT_DATAGRAMS, 1);
	assert_true(event_ring_take(h->env.events, &event));
	assert_int_equal(event.kind, EVENT_DROPPED);
	assert_int_equal(event.value, TALLY_DROPPED_SOURCE);
	harness_finish(h);
}

static void test_once_serves_one(struct harness *h)
{
	int fd;

	h->limits.max_admitted = 1;
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	peer_echo(fd, "a", 1);
	harness_wait(h); /* nobody stops it */
	peer_close(fd);
}

static void test_receive_errors_are_outlived(struct harness *h)
{
	static const int errors[] = { EINTR, ENOBUFS, ECONNREFUSED, ENOMEM };
	int fd;

	inject.receive_errors = errors;
	inject.n_receive_errors = 4;
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	peer_echo(fd, "patience", 8);
	peer_close(fd);
	harness_finish(h);
}

static void test_reply_that_fails_is_counted(struct harness *h)
{
	static const int errors[] = { EINTR, EPERM, EAGAIN };
	int fd;

	inject.reply_errors = errors;
	inject.n_reply_errors = 3;
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	peer_send(fd, "lost", 4);
	peer_send(fd, "lost too", 8);
	peer_echo(fd, "answered", 8);
	peer_close(fd);
	harness_await(h, TALLY_SENT_DATAGRAMS, 1);
	assert_int_equal(harness_count(h, TALLY_DROPPED_ERROR), 2);
	harness_finish(h);
}

static void test_abort_ends_at_once(struct harness *h)
{
	harness_start(h);
	harness_abort(h);
	harness_wait(h);
}

static const struct suite_row rows[] = {
	{ "sizes", test_sizes, ENGINE_UDP, NULL },
	{ "many_clients", test_many_clients, ENGINE_UDP, NULL },
	{ "discard_sends_nothing", test_discard_sends_nothing, ENGINE_UDP,
	  NULL },
	{ "guard_is_asked", test_guard_is_asked, ENGINE_UDP, NULL },
	{ "once_serves_one", test_once_serves_one, ENGINE_UDP, NULL },
	{ "receive_errors_are_outlived", test_receive_errors_are_outlived,
	  ENGINE_UDP, NULL },
	{ "reply_that_fails_is_counted", test_reply_that_fails_is_counted,
	  ENGINE_UDP, NULL },
	{ "abort_ends_at_once", test_abort_ends_at_once, ENGINE_UDP, NULL },
	{ NULL, NULL, 0, NULL },
};

int main(int argc, char **argv)
{
	return suite_main(argc, argv, datagram_families, rows);
}
