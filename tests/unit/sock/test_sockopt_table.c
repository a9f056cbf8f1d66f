/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <meari/sockopt.h>

#include "base/cleanup.h"

static const struct {
	int family;
	int socktype;
} kinds[] = {
	{ AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_STREAM },
	{ AF_INET, SOCK_DGRAM },  { AF_INET6, SOCK_DGRAM },
	{ AF_UNIX, SOCK_STREAM },
};

static void test_table_names_are_sorted(void **state)
{
	static const char *const names[] = {
		"busy-poll", "congestion",   "defer-accept", "keepalive",
		"keepcnt",   "keepidle",     "keepintvl",    "linger",
		"nodelay",   "oobinline",    "rcvbuf",	     "reuseaddr",
		"reuseport", "sndbuf",	     "tos",	     "user-timeout",
		"v6only",
	};
	size_t n;
	const struct meari_sockopt *table = meari_sockopt_table(&n);

	(void)state;
	assert_int_equal(n, sizeof names / sizeof *names);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(table[i].name, names[i]);
		if (i > 0)
			assert_true(strcmp(names[i - 1], names[i]) < 0);
	}
}

static void test_table_rows_are_complete(void **state)
{
	const uint32_t any = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP |
			     MEARI_SOCKOPT_ON_UNIX;
	size_t n;
	const struct meari_sockopt *table = meari_sockopt_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct meari_sockopt *opt = &table[i];

		assert_non_null(strchr(opt->constant, '_'));
		assert_in_range(strlen(opt->summary), 5, 50);
		assert_int_not_equal(opt->on & any, 0);
		assert_int_equal(opt->level6 == 0, opt->optname6 == 0);
		if (opt->type == MEARI_SOCKOPT_FLAG ||
		    opt->type == MEARI_SOCKOPT_TEXT)
			assert_int_equal(opt->unit, MEARI_SOCKOPT_UNIT_NONE);
		assert_true(opt->max >= 0);
	}
}

static void row(const char *name, int level, int optname,
		enum meari_sockopt_unit unit, enum meari_sockopt_when when)
{
	const struct meari_sockopt *opt = meari_sockopt_find(name);

	assert_non_null(opt);
	assert_string_equal(opt->name, name);
	assert_int_equal(opt->level, level);
	assert_int_equal(opt->optname, optname);
	assert_int_equal(opt->unit, unit);
	assert_int_equal(opt->when, when);
}

static void test_find_row_has_its_constant_unit_and_time(void **state)
{
	(void)state;
	row("sndbuf", SOL_SOCKET, SO_SNDBUF, MEARI_SOCKOPT_UNIT_BYTES,
	    MEARI_SOCKOPT_WHEN_BEFORE_OPEN);
	row("rcvbuf", SOL_SOCKET, SO_RCVBUF, MEARI_SOCKOPT_UNIT_BYTES,
	    MEARI_SOCKOPT_WHEN_BEFORE_OPEN);
	row("v6only", IPPROTO_IPV6, IPV6_V6ONLY, MEARI_SOCKOPT_UNIT_NONE,
	    MEARI_SOCKOPT_WHEN_BEFORE_BIND);
	row("reuseport", SOL_SOCKET, SO_REUSEPORT, MEARI_SOCKOPT_UNIT_NONE,
	    MEARI_SOCKOPT_WHEN_BEFORE_BIND);
	row("defer-accept", IPPROTO_TCP, TCP_DEFER_ACCEPT,
	    MEARI_SOCKOPT_UNIT_SECONDS, MEARI_SOCKOPT_WHEN_LISTENER);
	row("keepidle", IPPROTO_TCP, TCP_KEEPIDLE, MEARI_SOCKOPT_UNIT_SECONDS,
	    MEARI_SOCKOPT_WHEN_ANY);
	row("user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT,
	    MEARI_SOCKOPT_UNIT_MILLISECONDS, MEARI_SOCKOPT_WHEN_ANY);
	row("busy-poll", SOL_SOCKET, SO_BUSY_POLL,
	    MEARI_SOCKOPT_UNIT_MICROSECONDS, MEARI_SOCKOPT_WHEN_ANY);
}

static void test_find_unknown_name_is_null(void **state)
{
	(void)state;
	assert_null(meari_sockopt_find(""));
	assert_null(meari_sockopt_find("nodela"));
	assert_null(meari_sockopt_find("nodelayy"));
	assert_null(meari_sockopt_find("NODELAY"));
}

/* Reads every row from every kind of socket, and writes back what was read. */
static void test_table_each_row_works_where_it_applies(void **state)
{
	size_t n, tried = 0;
	const struct meari_sockopt *table = meari_sockopt_table(&n);

	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		MEARI_AUTO(fd_closep) int fd = -1;

		fd = socket(kinds[k].family, kinds[k].socktype | SOCK_CLOEXEC,
			    0);
		if (fd < 0 && errno == EAFNOSUPPORT) {
			print_message("family %d: not in this kernel\n",
				      kinds[k].family);
			continue;
		}
		assert_true(fd >= 0);
		for (size_t i = 0; i < n; i++) {
			struct meari_sockopt_value value = { .opt = NULL };
			bool applies = meari_sockopt_applies(
				&table[i], kinds[k].family, kinds[k].socktype);
			int r = meari_sockopt_get(fd, &table[i], &value);

			if (r != (applies ? 0 : -ENOPROTOOPT))
				fail_msg("%s, family %d, type %d: %d",
					 table[i].name, kinds[k].family,
					 kinds[k].socktype, r);
			if (!applies)
				continue;
			assert_ptr_equal(value.opt, &table[i]);
			r = meari_sockopt_set(fd, &value, NULL);
			/* A buffer is doubled; any kernel grants that. */
			if (r != 0)
				fail_msg("set %s: %d", table[i].name, r);
			tried++;
		}
	}
	assert_in_range(tried, n, 5 * n);
}

static bool applies(const char *name, int family, int socktype)
{
	return meari_sockopt_applies(meari_sockopt_find(name), family,
				     socktype);
}

static void test_applies_is_the_kinds_of_the_row(void **state)
{
	(void)state;
	assert_true(applies("nodelay", AF_INET, SOCK_STREAM));
	assert_true(applies("nodelay", AF_INET6, SOCK_STREAM));
	assert_false(applies("nodelay", AF_INET, SOCK_DGRAM));
	assert_false(applies("nodelay", AF_UNIX, SOCK_STREAM));
	assert_true(applies("sndbuf", AF_UNIX, SOCK_STREAM));
	assert_true(applies("sndbuf", AF_UNIX, SOCK_DGRAM));
	assert_false(applies("rcvbuf", AF_UNIX, SOCK_STREAM));
	assert_true(applies("rcvbuf", AF_INET, SOCK_DGRAM));
	assert_true(applies("v6only", AF_INET6, SOCK_STREAM));
	assert_true(applies("v6only", AF_INET6, SOCK_DGRAM));
	assert_false(applies("v6only", AF_INET, SOCK_STREAM));
	assert_false(applies("sndbuf", AF_NETLINK, SOCK_DGRAM));
	assert_false(applies("sndbuf", AF_INET, SOCK_RAW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_names_are_sorted),
		cmocka_unit_test(test_table_rows_are_complete),
		cmocka_unit_test(test_find_row_has_its_constant_unit_and_time),
		cmocka_unit_test(test_find_unknown_name_is_null),
		cmocka_unit_test(test_table_each_row_works_where_it_applies),
		cmocka_unit_test(test_applies_is_the_kinds_of_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
