/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <net/if.h>
#include <netinet/in.h>

#include <meari/datagram.h>

static struct {
	int error;      /* the next call fails so */
	unsigned calls;
	bool capture;   /* keep what would be sent, send nothing */
	struct in6_pktinfo info6;
	size_t control_len;
} on_send, on_receive;

/* Put in place of the address that was really asked: there is no route for
 * groups and link-local addresses on the loopback interface. */
static const char *pretended;

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int error = on_send.error;

	on_send.calls++;
	on_send.error = 0;
	if (error != 0) {
		errno = error;
		return -1;
	}
	if (!on_send.capture)
		return __real_sendmsg(fd, msg, flags);
	on_send.control_len = msg->msg_controllen;
	memcpy(&on_send.info6, CMSG_DATA(CMSG_FIRSTHDR(msg)),
	       sizeof on_send.info6);
	return 0;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	int error = on_receive.error;
	ssize_t r;

	on_receive.calls++;
	on_receive.error = 0;
	if (error != 0) {
		msg->msg_namelen = 0; /* as if the call had used it */
		errno = error;
		return -1;
	}
	r = __real_recvmsg(fd, msg, flags);
	if (r >= 0 && pretended) {
		struct in6_pktinfo info = { .ipi6_ifindex = 5 };

		(void)inet_pton(AF_INET6, pretended, &info.ipi6_addr);
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(msg)), &info, sizeof info);
	}
	return r;
}

struct pair {
	int fd, clientfd;
	uint16_t port;
};

static struct pair pair_open(const char *host, const char *client)
{
	struct pair pair = {
		.fd = bound_socket(SOCK_DGRAM | SOCK_NONBLOCK, host, 0),
		.clientfd = bound_socket(SOCK_DGRAM, client, 0),
	};

	assert_true(pair.fd >= 0);
	assert_true(pair.clientfd >= 0);
	pair.port = port_of(pair.fd);
	return pair;
}

static struct pair pair_prepared(const char *host, const char *client)
{
	struct pair pair = pair_open(host, client);
	int family = strchr(host, ':') ? AF_INET6 : AF_INET;

	assert_int_equal(meari_datagram_prepare(pair.fd, family), 0);
	return pair;
}

static void pair_close(struct pair *pair)
{
	(void)close(pair->clientfd);
	(void)close(pair->fd);
}

static void ask(const struct pair *pair, const struct meari_addr *to,
		const void *buf, size_t len)
{
	assert_int_equal(
		sendto(pair->clientfd, buf, len, 0, &to->sa, to->len), len);
}

/* Loopback delivers within sendto(2). */
static struct meari_datagram receive(const struct pair *pair, void *buf,
				     size_t cap)
{
	struct meari_datagram datagram;

	assert_int_equal(meari_datagram_receive(pair->fd, buf, cap, &datagram),
			 0);
	return datagram;
}

static struct meari_addr answer_from(const struct pair *pair,
				     const char *expected)
{
	struct sockaddr_storage ss;
	struct meari_addr from;
	socklen_t len = sizeof ss;
	char buf[64];
	ssize_t n = recvfrom(pair->clientfd, buf, sizeof buf, MSG_DONTWAIT,
			     (struct sockaddr *)&ss, &len);

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(buf, expected, (size_t)n);
	assert_int_equal(meari_addr_set(&from, (struct sockaddr *)&ss, len), 0);
	return from;
}

/* Asks @host at a socket bound to @any, checks that it answers. */
static void check_answered_from(const char *any, const char *client,
				const char *host)
{
	struct pair pair = pair_prepared(any, client);
	const struct meari_addr to = addr_of(host, pair.port);
	struct meari_addr local = addr_of(host, 0), from;
	struct meari_datagram datagram;
	char buf[16];

	ask(&pair, &to, "ping", 4);
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(datagram.len, 4);
	assert_memory_equal(buf, "ping", 4);
	assert_int_equal(meari_addr_port(&datagram.peer),
			 port_of(pair.clientfd));
	assert_true(meari_addr_equal(&datagram.local, &local));
	assert_true(datagram.unicast);
	assert_false(datagram.truncated);
	assert_int_equal(datagram.ifindex, if_nametoindex("lo"));
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, "pong", 4),
			 0);
	from = answer_from(&pair, "pong");
	assert_true(meari_addr_equal(&from, &to));
	pair_close(&pair);
}

static void test_reply_ipv4_comes_from_address_asked(void **state)
{
	(void)state;
	/* Without the source given, routing would take 127.0.0.1. */
	check_answered_from("0.0.0.0", "127.0.0.1", "127.0.0.3");
	check_answered_from("0.0.0.0", "127.0.0.2", "127.0.0.1");
}

static void test_reply_ipv6_comes_from_address_asked(void **state)
{
	(void)state;
	NEEDS_IPV6();
	check_answered_from("::", "::1", "::1");
}

static void test_reply_ipv4_on_ipv6_socket_from_address_asked(void **state)
{
	(void)state;
	NEEDS_IPV6();
	/* bindv6only is off unless the administrator says otherwise. */
	int probefd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int v6only = get_int(probefd, IPPROTO_IPV6, IPV6_V6ONLY);

	(void)close(probefd);
	if (v6only) {
		print_message("net.ipv6.bindv6only is set\n");
		skip();
	}
	check_answered_from("::", "127.0.0.1", "127.0.0.3");
}

static void test_reply_link_local_names_interface(void **state)
{
	struct meari_datagram datagram = {
		.peer = addr_of("::1", 7),
		.local = addr_of("fe80::1", 0),
		.ifindex = 5,
		.unicast = true,
	};

	(void)state;
	on_send.capture = true;
	datagram.local.in6.sin6_scope_id = 5;
	assert_int_equal(meari_datagram_reply(-1, &datagram, "x", 1), 0);
	assert_int_equal(on_send.info6.ipi6_ifindex, 5);
	datagram.local = addr_of("2001:db8::1", 0);
	assert_int_equal(meari_datagram_reply(-1, &datagram, "x", 1), 0);
	assert_int_equal(on_send.info6.ipi6_ifindex, 0);
	assert_memory_equal(&on_send.info6.ipi6_addr,
			    &datagram.local.in6.sin6_addr, 16);
	assert_int_equal(on_send.control_len,
			 CMSG_SPACE(sizeof on_send.info6));
	on_send.capture = false;
}

static void test_receive_empty_datagram_is_one(void **state)
{
	struct pair pair = pair_prepared("127.0.0.1", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.1", pair.port);
	struct meari_datagram datagram = { .len = 99 };
	char buf[16];

	(void)state;
	ask(&pair, &to, "", 0);
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(datagram.len, 0);
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, buf, 0), 0);
	(void)answer_from(&pair, "");
	pair_close(&pair);
}

static void test_receive_longest_datagram_fits(void **state)
{
	static unsigned char sent[65507], buf[MEARI_DATAGRAM_MAX];
	struct pair pair = pair_prepared("127.0.0.1", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.1", pair.port);
	struct meari_datagram datagram;

	(void)state;
	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (unsigned char)(i * 31);
	ask(&pair, &to, sent, sizeof sent);
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(datagram.len, sizeof sent);
	assert_false(datagram.truncated);
	assert_memory_equal(buf, sent, sizeof sent);
	pair_close(&pair);
}

static void test_receive_longer_than_buffer_says_truncated(void **state)
{
	struct pair pair = pair_prepared("127.0.0.1", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.1", pair.port);
	struct meari_datagram datagram;
	char buf[3];

	(void)state;
	ask(&pair, &to, "ping", 4);
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(datagram.len, 3);
	assert_true(datagram.truncated);
	assert_memory_equal(buf, "pin", 3);
	pair_close(&pair);
}

static void test_receive_broadcast_is_not_unicast(void **state)
{
	struct pair pair = pair_prepared("0.0.0.0", "127.0.0.1");
	const struct meari_addr to = addr_of("127.255.255.255", pair.port);
	struct meari_datagram datagram;
	const int on = 1;
	char buf[16];

	(void)state;
	assert_int_equal(setsockopt(pair.clientfd, SOL_SOCKET, SO_BROADCAST,
				    &on, sizeof on),
			 0);
	ask(&pair, &to, "all", 3);
	datagram = receive(&pair, buf, sizeof buf);
	assert_addr_text(&datagram.local, "127.255.255.255:0");
	assert_false(datagram.unicast);
	/* From an address that routing chooses, not from the broadcast one. */
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, "me", 2), 0);
	(void)answer_from(&pair, "me");
	pair_close(&pair);
}

static void test_receive_group_is_not_unicast(void **state)
{
	struct pair pair = pair_prepared("0.0.0.0", "127.0.0.1");
	const struct meari_addr to = addr_of("239.255.77.7", pair.port);
	const struct ip_mreqn join = {
		.imr_multiaddr = to.in.sin_addr,
		.imr_ifindex = (int)if_nametoindex("lo"),
	};
	struct meari_datagram datagram;
	char buf[16];

	(void)state;
	assert_int_equal(setsockopt(pair.fd, IPPROTO_IP, IP_ADD_MEMBERSHIP,
				    &join, sizeof join),
			 0);
	assert_int_equal(setsockopt(pair.clientfd, IPPROTO_IP, IP_MULTICAST_IF,
				    &join, sizeof join),
			 0);
	ask(&pair, &to, "all", 3);
	datagram = receive(&pair, buf, sizeof buf);
	assert_addr_text(&datagram.local, "239.255.77.7:0");
	assert_false(datagram.unicast);
	pair_close(&pair);
}

/* A datagram to ::1 that says it was sent to @host. */
static struct meari_datagram receive_pretended(const char *host)
{
	struct pair pair = pair_prepared("::1", "::1");
	const struct meari_addr to = addr_of("::1", pair.port);
	struct meari_datagram datagram;
	char buf[16];

	ask(&pair, &to, "ping", 4);
	pretended = host;
	datagram = receive(&pair, buf, sizeof buf);
	pretended = NULL;
	assert_int_equal(datagram.ifindex, 5);
	pair_close(&pair);
	return datagram;
}

static void test_receive_ipv6_group_is_not_unicast(void **state)
{
	struct meari_datagram datagram;

	(void)state;
	NEEDS_IPV6();
	datagram = receive_pretended("ff02::1");
	assert_addr_text(&datagram.local, "[ff02::1]:0");
	assert_false(datagram.unicast);
}

static void test_receive_ipv6_link_local_has_scope(void **state)
{
	struct meari_datagram datagram;

	(void)state;
	NEEDS_IPV6();
	datagram = receive_pretended("fe80::1");
	assert_int_equal(datagram.local.in6.sin6_scope_id, 5);
	assert_true(datagram.unicast);
	datagram = receive_pretended("2001:db8::1");
	assert_int_equal(datagram.local.in6.sin6_scope_id, 0);
	assert_true(datagram.unicast);
}

static void test_receive_ipv4_group_on_ipv6_socket_is_not_unicast(void **state)
{
	struct meari_datagram datagram;

	(void)state;
	NEEDS_IPV6();
	datagram = receive_pretended("::ffff:239.1.2.3");
	assert_addr_text(&datagram.local, "239.1.2.3:0");
	assert_false(datagram.unicast);
	datagram = receive_pretended("::ffff:255.255.255.255");
	assert_false(datagram.unicast);
}

static void test_receive_queued_before_prepare_is_unicast(void **state)
{
	struct pair pair = pair_open("0.0.0.0", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.3", pair.port);
	struct meari_datagram datagram;
	struct meari_addr from;
	char buf[16];

	(void)state;
	ask(&pair, &to, "ping", 4);
	assert_int_equal(meari_datagram_prepare(pair.fd, AF_INET), 0);
	datagram = receive(&pair, buf, sizeof buf);
	assert_addr_text(&datagram.local, "127.0.0.3:0");
	assert_true(datagram.unicast);
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, "pong", 4),
			 0);
	from = answer_from(&pair, "pong");
	assert_true(meari_addr_equal(&from, &to));
	pair_close(&pair);
}

static void test_receive_unprepared_leaves_local_unknown(void **state)
{
	struct pair pair = pair_open("0.0.0.0", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.3", pair.port);
	struct meari_datagram datagram;
	char buf[16];

	(void)state;
	ask(&pair, &to, "ping", 4);
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(datagram.local.len, 0);
	assert_int_equal(datagram.ifindex, 0);
	assert_false(datagram.unicast);
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, "pong", 4),
			 0);
	(void)answer_from(&pair, "pong");
	pair_close(&pair);
}

static void test_receive_interrupted_tries_again(void **state)
{
	struct pair pair = pair_prepared("127.0.0.1", "127.0.0.1");
	const struct meari_addr to = addr_of("127.0.0.1", pair.port);
	struct meari_datagram datagram;
	char buf[16];

	(void)state;
	ask(&pair, &to, "ping", 4);
	on_receive.calls = on_send.calls = 0;
	on_receive.error = EINTR;
	datagram = receive(&pair, buf, sizeof buf);
	assert_int_equal(on_receive.calls, 2);
	assert_int_equal(meari_addr_port(&datagram.peer),
			 port_of(pair.clientfd));
	on_send.error = EINTR;
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, "pong", 4),
			 0);
	assert_int_equal(on_send.calls, 2);
	(void)answer_from(&pair, "pong");
	pair_close(&pair);
}

static void test_errors_are_passed_on_and_write_nothing(void **state)
{
	struct pair pair = pair_prepared("127.0.0.1", "127.0.0.1");
	struct meari_datagram datagram = { .len = 99 };
	char buf[16];

	(void)state;
	assert_int_equal(
		meari_datagram_receive(pair.fd, buf, sizeof buf, &datagram),
		-EAGAIN);
	on_receive.error = ENOMEM;
	assert_int_equal(
		meari_datagram_receive(pair.fd, buf, sizeof buf, &datagram),
		-ENOMEM);
	assert_int_equal(datagram.len, 99);
	on_send.error = EAGAIN;
	assert_int_equal(meari_datagram_reply(pair.fd, &datagram, buf, 1),
			 -EAGAIN);
	assert_int_equal(meari_datagram_prepare(-1, AF_INET), -EBADF);
	assert_int_equal(meari_datagram_prepare(-1, AF_INET6), -EBADF);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_ipv4_comes_from_address_asked),
		cmocka_unit_test(test_reply_ipv6_comes_from_address_asked),
		cmocka_unit_test(
			test_reply_ipv4_on_ipv6_socket_from_address_asked),
		cmocka_unit_test(test_reply_link_local_names_interface),
		cmocka_unit_test(test_receive_empty_datagram_is_one),
		cmocka_unit_test(test_receive_longest_datagram_fits),
		cmocka_unit_test(
			test_receive_longer_than_buffer_says_truncated),
		cmocka_unit_test(test_receive_broadcast_is_not_unicast),
		cmocka_unit_test(test_receive_group_is_not_unicast),
		cmocka_unit_test(test_receive_ipv6_group_is_not_unicast),
		cmocka_unit_test(test_receive_ipv6_link_local_has_scope),
		cmocka_unit_test(
			test_receive_ipv4_group_on_ipv6_socket_is_not_unicast),
		cmocka_unit_test(test_receive_queued_before_prepare_is_unicast),
		cmocka_unit_test(test_receive_unprepared_leaves_local_unknown),
		cmocka_unit_test(test_receive_interrupted_tries_again),
		cmocka_unit_test(test_errors_are_passed_on_and_write_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
