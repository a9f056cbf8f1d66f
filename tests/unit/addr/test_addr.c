/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <meari/addr.h>

#include "addr/escape.h"
#include "base/cleanup.h"

#define UNIX_LEN(n) ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + (n)))

static struct meari_addr v4(const char *text, uint16_t port)
{
	struct meari_addr addr = {
		.len = sizeof addr.in,
		.in = { .sin_family = AF_INET, .sin_port = htons(port) },
	};

	assert_int_equal(inet_pton(AF_INET, text, &addr.in.sin_addr), 1);
	return addr;
}

static struct meari_addr v6(const char *text, uint32_t scope, uint16_t port)
{
	struct meari_addr addr = {
		.len = sizeof addr.in6,
		.in6 = {
			.sin6_family = AF_INET6,
			.sin6_port = htons(port),
			.sin6_scope_id = scope,
		},
	};

	assert_int_equal(inet_pton(AF_INET6, text, &addr.in6.sin6_addr), 1);
	return addr;
}

static struct meari_addr un(const char *bytes, size_t n)
{
	struct meari_addr addr = {
		.len = UNIX_LEN(n),
		.un = { .sun_family = AF_UNIX },
	};

	memcpy(addr.un.sun_path, bytes, n);
	return addr;
}

static void formats(struct meari_addr addr, const char *text, const char *host)
{
	char buf[MEARI_ADDR_TEXT];

	assert_string_equal(meari_addr_format(&addr, buf, sizeof buf), text);
	assert_string_equal(meari_addr_format_host(&addr, buf, sizeof buf),
			    host);
}

static void test_set_v4_and_v6_are_copied(void **state)
{
	struct meari_addr from = v4("192.0.2.1", 7), addr = { .len = 0 };

	(void)state;
	assert_int_equal(meari_addr_set(&addr, &from.sa, from.len), 0);
	assert_int_equal(addr.len, sizeof addr.in);
	assert_memory_equal(&addr.in, &from.in, sizeof addr.in);
	from = v6("2001:db8::1", 3, 7);
	assert_int_equal(meari_addr_set(&addr, &from.sa, from.len), 0);
	assert_int_equal(addr.len, sizeof addr.in6);
	assert_memory_equal(&addr.in6, &from.in6, sizeof addr.in6);
}

static void test_set_mapped_v6_becomes_v4(void **state)
{
	struct meari_addr addr = v6("::ffff:192.0.2.1", 0, 7);

	(void)state;
	/* In place, as a caller may well do it. */
	assert_int_equal(meari_addr_set(&addr, &addr.sa, addr.len), 0);
	assert_int_equal(addr.len, sizeof addr.in);
	assert_int_equal(addr.sa.sa_family, AF_INET);
	formats(addr, "192.0.2.1:7", "192.0.2.1");
}

static void test_set_wrong_length_or_family_changes_nothing(void **state)
{
	struct meari_addr from = v4("192.0.2.1", 7), addr = { .len = 99 };
	const struct sockaddr_un long_un = { .sun_family = AF_UNIX };
	const struct sockaddr other = { .sa_family = AF_PACKET };

	(void)state;
	assert_int_equal(meari_addr_set(&addr, &from.sa, 0), -EAFNOSUPPORT);
	assert_int_equal(meari_addr_set(&addr, &from.sa, 1), -EAFNOSUPPORT);
	assert_int_equal(meari_addr_set(&addr, &from.sa, from.len - 1),
			 -EAFNOSUPPORT);
	assert_int_equal(meari_addr_set(&addr, &from.sa, from.len + 1),
			 -EAFNOSUPPORT);
	from = v6("::1", 0, 7);
	assert_int_equal(meari_addr_set(&addr, &from.sa, from.len - 4),
			 -EAFNOSUPPORT);
	assert_int_equal(meari_addr_set(&addr,
					(const struct sockaddr *)&long_un,
					sizeof long_un + 2),
			 -EAFNOSUPPORT);
	assert_int_equal(meari_addr_set(&addr, &other, sizeof other),
			 -EAFNOSUPPORT);
	assert_int_equal(addr.len, 99);
}

static void test_local_and_peer_are_what_sockets_report(void **state)
{
	MEARI_AUTO(fd_closep) int listenfd = -1;
	MEARI_AUTO(fd_closep) int fd = -1;
	struct meari_addr any = v4("127.0.0.1", 0), bound, peer;

	(void)state;
	listenfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listenfd, &any.sa, any.len), 0);
	assert_int_equal(listen(listenfd, 1), 0);
	assert_int_equal(meari_addr_local(listenfd, &bound), 0);
	assert_int_not_equal(meari_addr_port(&bound), 0);
	assert_int_equal(meari_addr_peer(listenfd, &peer), -ENOTCONN);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &bound.sa, bound.len), 0);
	assert_int_equal(meari_addr_peer(fd, &peer), 0);
	assert_true(meari_addr_equal(&peer, &bound));
}

static void test_local_and_peer_bad_descriptor_is_ebadf(void **state)
{
	struct meari_addr addr;

	(void)state;
	assert_int_equal(meari_addr_local(-1, &addr), -EBADF);
	assert_int_equal(meari_addr_peer(-1, &addr), -EBADF);
}

static void test_local_other_family_is_refused(void **state)
{
	MEARI_AUTO(fd_closep) int fd = -1;
	struct meari_addr addr;

	(void)state;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(meari_addr_local(fd, &addr), -EAFNOSUPPORT);
}

static void test_local_unix_without_name_is_unnamed(void **state)
{
	MEARI_AUTO(fd_closep) int fd = -1;
	struct meari_addr addr;

	(void)state;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(meari_addr_local(fd, &addr), 0);
	assert_int_equal(addr.len, sizeof(sa_family_t));
	formats(addr, "unix:", "unix:");
}

/* A path may fill sun_path to its last byte; the kernel then reports a length
 * that is larger than the structure. */
static void test_local_unix_full_path_is_kept(void **state)
{
	MEARI_AUTO(fd_closep) int fd = -1;
	char folder[] = "/tmp/meari-addr-XXXXXX";
	struct sockaddr_un full = { .sun_family = AF_UNIX };
	char path[sizeof full.sun_path + 1], text[MEARI_ADDR_TEXT];
	struct meari_addr addr;
	int n;

	(void)state;
	assert_non_null(mkdtemp(folder));
	n = snprintf(path, sizeof path, "%s/", folder);
	memset(path + n, 'x', sizeof path - 1 - (size_t)n);
	path[sizeof path - 1] = '\0';
	memcpy(full.sun_path, path, sizeof full.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&full, sizeof full), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);

	assert_int_equal(meari_addr_local(fd, &addr), 0);
	assert_int_equal(addr.len, sizeof addr.un);
	(void)meari_addr_format(&addr, text, sizeof text);
	assert_memory_equal(text, "unix:", 5);
	assert_string_equal(text + 5, path);
}

static void test_format_v4_and_v6_are_typed_endpoints(void **state)
{
	(void)state;
	formats(v4("192.0.2.1", 7), "192.0.2.1:7", "192.0.2.1");
	formats(v4("0.0.0.0", 65535), "0.0.0.0:65535", "0.0.0.0");
	formats(v6("2001:DB8:0:0:0:0:0:1", 0, 7), "[2001:db8::1]:7",
		"2001:db8::1");
	/* RFC 5952, 4.2.2: one group of zeros stays; 4.2.3: the longer run. */
	formats(v6("2001:db8:0:1:1:1:1:1", 0, 7), "[2001:db8:0:1:1:1:1:1]:7",
		"2001:db8:0:1:1:1:1:1");
	formats(v6("2001:0:0:1:0:0:0:1", 0, 7), "[2001:0:0:1::1]:7",
		"2001:0:0:1::1");
	formats(v6("::", 0, 0), "[::]:0", "::");
}

static void test_format_scope_is_a_name_or_else_a_number(void **state)
{
	(void)state;
	formats(v6("fe80::1", if_nametoindex("lo"), 7), "[fe80::1%lo]:7",
		"fe80::1%lo");
	formats(v6("fe80::1", 4294967295u, 7), "[fe80::1%4294967295]:7",
		"fe80::1%4294967295");
}

static void test_format_unix_names_of_each_kind(void **state)
{
	(void)state;
	formats(un("/run/echo", 10), "unix:/run/echo", "unix:/run/echo");
	formats(un("/run/echo", 9), "unix:/run/echo", "unix:/run/echo");
	formats(un("rel\0junk", 8), "unix:rel", "unix:rel");
	formats(un("\0name", 5), "unix:@name", "unix:@name");
	formats(un("\0a\0b\x7f\xff", 6), "unix:@a\\x00b\\x7f\\xff",
		"unix:@a\\x00b\\x7f\\xff");
	formats(un("/a\nb", 4), "unix:/a\\x0ab", "unix:/a\\x0ab");
	formats(un("", 0), "unix:", "unix:");
	formats(un("", 1), "unix:@", "unix:@");
}

static void test_format_no_address_is_no_text(void **state)
{
	(void)state;
	formats((struct meari_addr){ .len = 0 }, "", "");
}

static void test_format_worst_name_fits_the_promised_size(void **state)
{
	char name[sizeof((struct sockaddr_un *)NULL)->sun_path];
	char text[MEARI_ADDR_TEXT];
	struct meari_addr addr;

	(void)state;
	memset(name, '\n', sizeof name);
	addr = un(name, sizeof name);
	(void)meari_addr_format(&addr, text, sizeof text);
	assert_int_equal(strlen(text), 5 + 4 * sizeof name);
}

static void test_format_any_small_buffer_holds_a_beginning(void **state)
{
	const struct meari_addr addrs[] = {
		v4("192.0.2.1", 7),
		v6("fe80::1", 1, 7),
		un("/a\nb", 4),
		un("\0name", 5),
	};

	(void)state;
	for (size_t i = 0; i < sizeof addrs / sizeof *addrs; i++) {
		char whole[MEARI_ADDR_TEXT];

		(void)meari_addr_format(&addrs[i], whole, sizeof whole);
		for (size_t len = 1; len <= strlen(whole) + 1; len++) {
			/* Exactly as large, for the address sanitizer. */
			MEARI_AUTO(freep) char *buf = malloc(len);

			(void)meari_addr_format(&addrs[i], buf, len);
			assert_in_range(strlen(buf), len > 4 ? len - 4 : 0,
					len - 1);
			assert_memory_equal(buf, whole, strlen(buf));
			(void)meari_addr_format_host(&addrs[i], buf, len);
			assert_in_range(strlen(buf), 0, len - 1);
		}
	}
}

static void test_port_set_and_read_is_host_order(void **state)
{
	struct meari_addr in = v4("192.0.2.1", 0), in6 = v6("::1", 0, 0);
	struct meari_addr path = un("/p", 3), before = path;

	(void)state;
	meari_addr_set_port(&in, 0x1234);
	assert_int_equal(meari_addr_port(&in), 0x1234);
	assert_int_equal(in.in.sin_port, htons(0x1234));
	meari_addr_set_port(&in6, 7007);
	assert_int_equal(meari_addr_port(&in6), 7007);
	meari_addr_set_port(&path, 7007);
	assert_memory_equal(&path.un, &before.un, sizeof path.un);
	assert_int_equal(meari_addr_port(&path), 0);
}

static bool equal(struct meari_addr a, struct meari_addr b)
{
	bool there = meari_addr_equal(&a, &b);

	assert_int_equal(meari_addr_equal(&b, &a), there);
	return there;
}

static void test_equal_family_address_scope_and_port_count(void **state)
{
	struct meari_addr flow = v6("::1", 0, 7);

	(void)state;
	flow.in6.sin6_flowinfo = 1;
	assert_true(equal(v4("127.0.0.1", 7), v4("127.0.0.1", 7)));
	assert_false(equal(v4("127.0.0.1", 7), v4("127.0.0.1", 8)));
	assert_false(equal(v4("127.0.0.1", 7), v4("127.0.0.2", 7)));
	assert_false(equal(v4("0.0.0.0", 7), v6("::", 0, 7)));
	assert_true(equal(v6("::1", 0, 7), flow));
	assert_false(equal(v6("::1", 0, 7), v6("::2", 0, 7)));
	assert_false(equal(v6("fe80::1", 1, 7), v6("fe80::1", 2, 7)));
	assert_false(equal((struct meari_addr){ .len = 0 },
			   (struct meari_addr){ .len = 0 }));
}

static void test_equal_unix_names_are_compared_not_their_padding(void **state)
{
	(void)state;
	assert_true(equal(un("/p", 2), un("/p", 3)));
	assert_true(equal(un("/p\0x", 4), un("/p", 3)));
	assert_false(equal(un("/p", 3), un("/q", 3)));
	assert_true(equal(un("\0p", 2), un("\0p", 2)));
	/* In an abstract name every byte counts, a NUL too. */
	assert_false(equal(un("\0p", 2), un("\0p", 3)));
	assert_false(equal(un("\0p", 2), un("p", 1)));
	/* Nothing reaches a socket without a name. */
	assert_false(equal(un("", 0), un("", 0)));
}

static void loopback(struct meari_addr addr, bool expected)
{
	assert_int_equal(meari_addr_is_loopback(&addr), expected);
}

static void test_is_loopback_is_this_machine_alone(void **state)
{
	(void)state;
	loopback(v4("127.0.0.1", 7), true);
	loopback(v4("127.255.255.254", 7), true);
	loopback(v4("128.0.0.1", 7), false);
	loopback(v4("0.0.0.0", 7), false);
	loopback(v6("::1", 0, 7), true);
	loopback(v6("::", 0, 7), false);
	loopback(v6("fe80::1", 1, 7), false);
	loopback(un("/p", 3), true);
	loopback((struct meari_addr){ .len = 0 }, false);
}

static void test_escape_quoted_cut_text_keeps_its_quote(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(escape_quoted(buf, sizeof buf, ""), "\"\"");
	assert_string_equal(escape_quoted(buf, sizeof buf, "abcde"),
			    "\"abcde\"");
	assert_string_equal(escape_quoted(buf, sizeof buf, "abcdef"),
			    "\"abcde\"");
	/* An escape is left out whole, never cut. */
	assert_string_equal(escape_quoted(buf, sizeof buf, "ab\n"), "\"ab\"");
	assert_string_equal(escape_quoted(buf, sizeof buf, "a\n"),
			    "\"a\\x0a\"");
	assert_string_equal(escape_quoted(buf, 3, "a"), "\"\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_v4_and_v6_are_copied),
		cmocka_unit_test(test_set_mapped_v6_becomes_v4),
		cmocka_unit_test(
			test_set_wrong_length_or_family_changes_nothing),
		cmocka_unit_test(test_local_and_peer_are_what_sockets_report),
		cmocka_unit_test(test_local_and_peer_bad_descriptor_is_ebadf),
		cmocka_unit_test(test_local_other_family_is_refused),
		cmocka_unit_test(test_local_unix_without_name_is_unnamed),
		cmocka_unit_test(test_local_unix_full_path_is_kept),
		cmocka_unit_test(test_format_v4_and_v6_are_typed_endpoints),
		cmocka_unit_test(test_format_scope_is_a_name_or_else_a_number),
		cmocka_unit_test(test_format_unix_names_of_each_kind),
		cmocka_unit_test(test_format_no_address_is_no_text),
		cmocka_unit_test(test_format_worst_name_fits_the_promised_size),
		cmocka_unit_test(
			test_format_any_small_buffer_holds_a_beginning),
		cmocka_unit_test(test_port_set_and_read_is_host_order),
		cmocka_unit_test(
			test_equal_family_address_scope_and_port_count),
		cmocka_unit_test(
			test_equal_unix_names_are_compared_not_their_padding),
		cmocka_unit_test(test_is_loopback_is_this_machine_alone),
		cmocka_unit_test(test_escape_quoted_cut_text_keeps_its_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
