/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <meari/listen.h>

/* What accept4() is to do next; 0: the real thing. */
static struct script {
	const int *errors;
	size_t n_errors;
	size_t calls;
} script;

static bool odd_family; /* report an address that is no meari_addr */

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	size_t call = script.calls++;
	int r;

	if (call < script.n_errors) {
		errno = script.errors[call];
		return -1;
	}
	r = __real_accept4(fd, sa, len, flags);
	if (odd_family)
		sa->sa_family = AF_APPLETALK;
	return r;
}

static int setup(void **state)
{
	(void)state;
	script = (struct script){ .calls = 0 };
	odd_family = false;
	return 0;
}

/* A listener with one connection in its queue. */
struct pair {
	int listenfd, clientfd;
};

static struct pair pair_open(const char *host)
{
	struct pair pair = { .listenfd = listening_socket(host, 0) };
	struct meari_addr addr = addr_of(host, port_of(pair.listenfd));

	assert_int_equal(fcntl(pair.listenfd, F_SETFL, O_NONBLOCK), 0);
	pair.clientfd = connected_socket(&addr);
	return pair;
}

static void pair_close(struct pair *pair)
{
	(void)close(pair->clientfd);
	(void)close(pair->listenfd);
}

static void test_accept_connection_returns_descriptor_and_peer(void **state)
{
	struct pair pair = pair_open("127.0.0.1");
	struct meari_addr peer, expected;
	int connfd = -1;

	(void)state;
	assert_int_equal(meari_accept(pair.listenfd, &connfd, &peer), 0);
	assert_born_right(connfd);
	expected = addr_of("127.0.0.1", port_of(pair.clientfd));
	assert_true(meari_addr_equal(&peer, &expected));
	assert_int_equal(meari_accept(pair.listenfd, &connfd, &peer), -EAGAIN);
	(void)close(connfd);
	pair_close(&pair);
}

static void test_accept_peer_not_wanted_still_accepts(void **state)
{
	struct pair pair = pair_open("127.0.0.1");
	int connfd = -1;

	(void)state;
	assert_int_equal(meari_accept(pair.listenfd, &connfd, NULL), 0);
	assert_true(connfd >= 0);
	(void)close(connfd);
	pair_close(&pair);
}

static void test_accept_ipv4_on_ipv6_socket_peer_is_ipv4(void **state)
{
	struct meari_addr any = addr_of("::", 0), to, peer;
	int clientfd, connfd = -1, off = 0, listenfd;

	(void)state;
	NEEDS_IPV6();
	listenfd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(listenfd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
				    sizeof off),
			 0);
	assert_int_equal(bind(listenfd, &any.sa, any.len), 0);
	assert_int_equal(listen(listenfd, 1), 0);
	to = addr_of("127.0.0.1", port_of(listenfd));
	clientfd = connected_socket(&to);
	assert_int_equal(meari_accept(listenfd, &connfd, &peer), 0);
	assert_int_equal(peer.sa.sa_family, AF_INET);
	assert_int_equal(meari_addr_port(&peer), port_of(clientfd));
	(void)close(connfd);
	(void)close(clientfd);
	(void)close(listenfd);
}

static void test_accept_unix_peer_has_no_name(void **state)
{
	struct meari_addr addr = {
		.len = sizeof(sa_family_t), /* autobind to an abstract name */
		.un = { .sun_family = AF_UNIX },
	};
	struct meari_addr peer;
	socklen_t len = sizeof addr.un;
	int clientfd, connfd = -1;
	int listenfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(listenfd, &addr.sa, addr.len), 0);
	assert_int_equal(listen(listenfd, 1), 0);
	assert_int_equal(getsockname(listenfd, &addr.sa, &len), 0);
	addr.len = len;
	clientfd = connected_socket(&addr);
	assert_int_equal(meari_accept(listenfd, &connfd, &peer), 0);
	assert_addr_text(&peer, "unix:");
	(void)close(connfd);
	(void)close(clientfd);
	(void)close(listenfd);
}

static void test_accept_unknown_family_keeps_connection(void **state)
{
	struct pair pair = pair_open("127.0.0.1");
	struct meari_addr peer = { .len = 1 };
	int connfd = -1;

	(void)state;
	odd_family = true;
	assert_int_equal(meari_accept(pair.listenfd, &connfd, &peer), 0);
	assert_true(connfd >= 0);
	assert_int_equal(peer.len, 0);
	(void)close(connfd);
	pair_close(&pair);
}

static void test_accept_errors_of_one_client_takes_next(void **state)
{
	static const int errors[] = {
		EINTR,	     ECONNABORTED, EPROTO,	 ENOPROTOOPT,
		ENETDOWN,    ENETUNREACH,  EHOSTDOWN,	 EHOSTUNREACH,
		ENONET,	     EOPNOTSUPP,   ECONNABORTED,
	};
	const size_t n = sizeof errors / sizeof *errors;
	struct pair pair = pair_open("127.0.0.1");
	int connfd = -1;

	(void)state;
	script = (struct script){ .errors = errors, .n_errors = n };
	assert_int_equal(meari_accept(pair.listenfd, &connfd, NULL), 0);
	assert_int_equal(script.calls, n + 1);
	(void)close(connfd);
	pair_close(&pair);
}

static void test_accept_no_room_says_so_and_client_stays(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL };
	struct pair pair = pair_open("127.0.0.1");
	int connfd = -1;

	(void)state;
	script = (struct script){ .errors = errors, .n_errors = 5 };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(meari_accept(pair.listenfd, &connfd, NULL),
				 -errors[i]);
		assert_int_equal(connfd, -1);
	}
	assert_int_equal(meari_accept(pair.listenfd, &connfd, NULL), 0);
	(void)close(connfd);
	pair_close(&pair);
}

static void test_accept_broken_for_ever_counts_as_empty(void **state)
{
	static int errors[1000];
	struct pair pair = pair_open("127.0.0.1");
	int connfd = -1;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		errors[i] = ECONNABORTED;
	script = (struct script){ .errors = errors, .n_errors = 1000 };
	assert_int_equal(meari_accept(pair.listenfd, &connfd, NULL), -EAGAIN);
	assert_int_equal(script.calls, 64);
	assert_int_equal(connfd, -1);
	pair_close(&pair);
}

static void test_accept_not_a_listener_fails(void **state)
{
	int udpfd = bound_socket(SOCK_DGRAM, "127.0.0.1", 0);
	int tcpfd = bound_socket(SOCK_STREAM, "127.0.0.1", 0);
	int connfd = -1;

	(void)state;
	assert_int_equal(meari_accept(udpfd, &connfd, NULL), -EOPNOTSUPP);
	assert_int_equal(meari_accept(tcpfd, &connfd, NULL), -EINVAL);
	assert_int_equal(meari_accept(-1, &connfd, NULL), -EBADF);
	assert_int_equal(script.calls, 3);
	assert_int_equal(connfd, -1);
	(void)close(tcpfd);
	(void)close(udpfd);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_accept_connection_returns_descriptor_and_peer),
		TEST(test_accept_peer_not_wanted_still_accepts),
		TEST(test_accept_ipv4_on_ipv6_socket_peer_is_ipv4),
		TEST(test_accept_unix_peer_has_no_name),
		TEST(test_accept_unknown_family_keeps_connection),
		TEST(test_accept_errors_of_one_client_takes_next),
		TEST(test_accept_no_room_says_so_and_client_stays),
		TEST(test_accept_broken_for_ever_counts_as_empty),
		TEST(test_accept_not_a_listener_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
