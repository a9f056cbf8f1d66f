/* SPDX-License-Identifier: MIT */
/*
 * Options set on a listener reach the connections accepted from it. No page
 * of the manual promises it for each of them, and servers that set them once
 * rely on it: so it is pinned here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <meari/addr.h>
#include <meari/sockopt.h>

#include "base/cleanup.h"

/* A loopback connection of @family, accepted from a listener that was given
 * @text before bind(2). Return: the accepted end, or -1 without the family. */
static int accepted_from(int family, const char *text)
{
	MEARI_AUTO(fd_closep) int listenfd = -1;
	MEARI_AUTO(fd_closep) int clientfd = -1;
	struct meari_sockopt_value value;
	struct meari_fail fail = { .why = "" };
	struct meari_addr addr = {
		.len = family == AF_INET6 ? sizeof addr.in6 : sizeof addr.in,
	};
	int connfd;

	addr.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET6)
		addr.in6.sin6_addr = in6addr_loopback;
	else
		addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listenfd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listenfd >= 0);
	assert_int_equal(meari_sockopt_parse(text, &value, &fail), 0);
	if (meari_sockopt_set(listenfd, &value, &fail) < 0)
		fail_msg("%s: %s", text, fail.why);
	if (bind(listenfd, &addr.sa, addr.len) < 0)
		return -1;
	assert_int_equal(listen(listenfd, 1), 0);
	assert_int_equal(meari_addr_local(listenfd, &addr), 0);
	clientfd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(clientfd, &addr.sa, addr.len), 0);
	connfd = accept4(listenfd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(connfd >= 0);
	return connfd;
}

static void inherits(const char *text, const char *expected)
{
	static const int families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < 2; i++) {
		MEARI_AUTO(fd_closep) int fd = -1;
		struct meari_sockopt_value value, there;
		char shown[MEARI_SOCKOPT_VALUE_TEXT];

		fd = accepted_from(families[i], text);
		if (fd < 0) {
			print_message("family %d: no loopback address\n",
				      families[i]);
			continue;
		}
		assert_int_equal(meari_sockopt_parse(text, &value, NULL), 0);
		assert_int_equal(meari_sockopt_get(fd, value.opt, &there), 0);
		assert_string_equal(meari_sockopt_format(&there, shown,
							 sizeof shown),
				    expected);
	}
}

static void test_accept_nodelay_is_inherited(void **state)
{
	(void)state;
	inherits("nodelay=on", "on");
}

static void test_accept_keepalive_and_its_times_are_inherited(void **state)
{
	(void)state;
	inherits("keepalive=on", "on");
	inherits("keepidle=77", "77 s");
	inherits("keepintvl=7", "7 s");
	inherits("keepcnt=3", "3");
}

static void test_accept_congestion_is_inherited(void **state)
{
	(void)state;
	/* Every kernel has reno and lets everybody use it (tcp(7)). */
	inherits("congestion=reno", "reno");
}

static void test_accept_linger_is_inherited(void **state)
{
	(void)state;
	inherits("linger=0", "0 s");
	inherits("linger=5s", "5 s");
}

static void test_accept_oobinline_is_inherited(void **state)
{
	(void)state;
	inherits("oobinline=on", "on");
}

static void test_accept_user_timeout_is_inherited(void **state)
{
	(void)state;
	inherits("user-timeout=3s", "3000 ms");
}

static void test_accept_buffers_are_inherited(void **state)
{
	MEARI_AUTO(fd_closep) int fd = accepted_from(AF_INET, "sndbuf=64Ki");
	struct meari_sockopt_value value;

	(void)state;
	assert_int_equal(meari_sockopt_get(fd, meari_sockopt_find("sndbuf"),
					   &value),
			 0);
	assert_int_equal(value.number, 2 * 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept_nodelay_is_inherited),
		cmocka_unit_test(
			test_accept_keepalive_and_its_times_are_inherited),
		cmocka_unit_test(test_accept_congestion_is_inherited),
		cmocka_unit_test(test_accept_linger_is_inherited),
		cmocka_unit_test(test_accept_oobinline_is_inherited),
		cmocka_unit_test(test_accept_user_timeout_is_inherited),
		cmocka_unit_test(test_accept_buffers_are_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
