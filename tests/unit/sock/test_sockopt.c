/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <meari/sockopt.h>

#include "base/cleanup.h"

static int set_error;	      /* errno of setsockopt(2); 0: ask the kernel */
static int get_error;	      /* errno of the getsockopt(2) counted below */
static unsigned get_error_at; /* the k-th call; 0: none */
static unsigned gets;
static int set_level, set_optname; /* of the last setsockopt(2) */

int __real_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len)
{
	set_level = level;
	set_optname = name;
	if (set_error == 0)
		return __real_setsockopt(fd, level, name, value, len);
	errno = set_error;
	return -1;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (++gets != get_error_at)
		return __real_getsockopt(fd, level, name, value, len);
	errno = get_error;
	return -1;
}

static int reset(void **state)
{
	(void)state;
	set_error = 0;
	get_error_at = 0;
	gets = 0;
	return 0;
}

static struct meari_sockopt_value parsed(const char *text)
{
	struct meari_sockopt_value value;
	struct meari_fail fail = { .why = "" };
	int r = meari_sockopt_parse(text, &value, &fail);

	if (r != 0)
		fail_msg("%s: %d %s", text, r, fail.why);
	return value;
}

static void gives(const char *text, const char *name, int number)
{
	struct meari_sockopt_value value = parsed(text);

	assert_string_equal(value.opt->name, name);
	assert_int_equal(value.number, number);
	assert_string_equal(value.text, "");
}

static void refuses(const char *text, int error, const char *line)
{
	struct meari_sockopt_value value = { .number = 4711 };
	struct meari_fail fail = { .why = "" };
	char shown[MEARI_FAIL_TEXT];

	assert_int_equal(meari_sockopt_parse(text, &value, &fail), error);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, shown, sizeof shown),
			    line);
	assert_int_equal(value.number, 4711);
	assert_null(value.opt);
	assert_int_equal(meari_sockopt_parse(text, &value, NULL), error);
}

static void test_parse_flag_takes_its_six_words(void **state)
{
	(void)state;
	gives("nodelay=on", "nodelay", 1);
	gives("nodelay=yes", "nodelay", 1);
	gives("nodelay=1", "nodelay", 1);
	gives("keepalive=off", "keepalive", 0);
	gives("keepalive=no", "keepalive", 0);
	gives("keepalive=0", "keepalive", 0);
	refuses("nodelay=2", -EINVAL,
		"option \"nodelay=2\": nodelay takes on or off");
	refuses("nodelay=On", -EINVAL,
		"option \"nodelay=On\": nodelay takes on or off");
	refuses("nodelay=", -EINVAL,
		"option \"nodelay=\": nodelay takes on or off");
}

static void test_parse_size_takes_binary_and_decimal_units(void **state)
{
	(void)state;
	gives("sndbuf=4096", "sndbuf", 4096);
	gives("sndbuf=256Ki", "sndbuf", 262144);
	gives("rcvbuf=64k", "rcvbuf", 64000);
	gives("rcvbuf=0", "rcvbuf", 0);
	gives("sndbuf=2147483647", "sndbuf", 2147483647);
	refuses("sndbuf=2147483648", -ERANGE,
		"option \"sndbuf=2147483648\": "
		"sndbuf is at most 2147483647 bytes");
	refuses("sndbuf=2Gi", -ERANGE,
		"option \"sndbuf=2Gi\": sndbuf is at most 2147483647 bytes");
	refuses("sndbuf=-1", -EINVAL,
		"option \"sndbuf=-1\": "
		"sndbuf takes a size: 65536, 64k, 64Ki");
	refuses("sndbuf=64s", -EINVAL,
		"option \"sndbuf=64s\": "
		"sndbuf takes a size: 65536, 64k, 64Ki");
}

static void test_parse_time_ends_in_the_unit_of_the_row(void **state)
{
	(void)state;
	gives("keepidle=30", "keepidle", 30);
	gives("keepidle=2m", "keepidle", 120);
	gives("keepintvl=1h", "keepintvl", 3600);
	gives("defer-accept=5000ms", "defer-accept", 5);
	gives("user-timeout=500", "user-timeout", 500);
	gives("user-timeout=1.5s", "user-timeout", 1500);
	gives("busy-poll=50", "busy-poll", 50);
	gives("busy-poll=1ms", "busy-poll", 1000);
}

static void test_parse_time_not_whole_is_refused(void **state)
{
	(void)state;
	refuses("keepidle=500ms", -EINVAL,
		"option \"keepidle=500ms\": not a whole number of seconds");
	refuses("keepidle=1.5", -EINVAL,
		"option \"keepidle=1.5\": not a whole number of seconds");
	refuses("user-timeout=1500us", -EINVAL,
		"option \"user-timeout=1500us\": "
		"not a whole number of milliseconds");
	refuses("busy-poll=1ns", -EINVAL,
		"option \"busy-poll=1ns\": "
		"not a whole number of microseconds");
}

static void test_parse_time_malformed_or_large_is_refused(void **state)
{
	(void)state;
	refuses("keepidle=soon", -EINVAL,
		"option \"keepidle=soon\": "
		"keepidle takes a time: 30, 30s, 2m");
	refuses("user-timeout=", -EINVAL,
		"option \"user-timeout=\": "
		"user-timeout takes a time: 500, 500ms, 2s");
	refuses("busy-poll=1k", -EINVAL,
		"option \"busy-poll=1k\": "
		"busy-poll takes a time: 50, 50us, 1ms");
	refuses("user-timeout=600h", -ERANGE,
		"option \"user-timeout=600h\": "
		"user-timeout is at most 2147483647 milliseconds");
	refuses("keepidle=99999999999999999999", -ERANGE,
		"option \"keepidle=99999999999999999999\": "
		"keepidle is at most 2147483647 seconds");
}

static void test_parse_plain_number_has_no_unit(void **state)
{
	(void)state;
	gives("keepcnt=9", "keepcnt", 9);
	gives("tos=255", "tos", 255);
	refuses("tos=256", -ERANGE, "option \"tos=256\": tos is at most 255");
	refuses("keepcnt=9s", -EINVAL,
		"option \"keepcnt=9s\": keepcnt takes a number");
}

static void test_parse_linger_takes_off_or_a_time(void **state)
{
	(void)state;
	gives("linger=off", "linger", -1);
	gives("linger=0", "linger", 0);
	gives("linger=5s", "linger", 5);
	gives("linger=1m", "linger", 60);
	refuses("linger=on", -EINVAL,
		"option \"linger=on\": linger takes off, or a time: 0, 5s");
	refuses("linger=1ms", -EINVAL,
		"option \"linger=1ms\": not a whole number of seconds");
}

static void test_parse_text_is_a_short_printable_name(void **state)
{
	struct meari_sockopt_value value = parsed("congestion=reno");

	(void)state;
	assert_string_equal(value.text, "reno");
	assert_int_equal(value.number, 0);
	value = parsed("congestion=123456789012345");
	assert_string_equal(value.text, "123456789012345");
	refuses("congestion=1234567890123456", -ERANGE,
		"option \"congestion=1234567890123456\": "
		"congestion is at most 15 characters long");
	refuses("congestion=", -EINVAL,
		"option \"congestion=\": "
		"congestion takes a name of 1 to 15 characters");
	refuses("congestion=re\nno", -EINVAL,
		"option \"congestion=re\\x0ano\": "
		"congestion takes a name of 1 to 15 characters");
}

static void test_parse_without_value_says_what_is_taken(void **state)
{
	(void)state;
	refuses("nodelay", -EINVAL,
		"option \"nodelay\": no '='; nodelay= takes on or off");
	refuses("keepidle", -EINVAL,
		"option \"keepidle\": "
		"no '='; keepidle= takes a time: 30, 30s, 2m");
}

static void test_parse_unknown_name_is_enoent(void **state)
{
	static const char *const texts[] = {
		"",	    "=",
		"nosuch=1", "nosuch",
		"NODELAY=1", "nodelay =1",
		"a-name-that-is-longer-than-any-option=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct meari_sockopt_value value;
		struct meari_fail fail;

		assert_int_equal(meari_sockopt_parse(texts[i], &value, &fail),
				 -ENOENT);
		assert_string_equal(fail.why, "no such option; see the list "
					      "in meari-serve(1)");
		assert_int_equal(strlen(fail.what), strlen(texts[i]) + 2);
	}
}

static int open_socket(int family, int socktype)
{
	int fd = socket(family, socktype | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* What the kernel granted after @text was set. */
static struct meari_sockopt_value granted(int fd, const char *text)
{
	struct meari_sockopt_value value = parsed(text), ret;
	struct meari_fail fail = { .why = "" };
	int r = meari_sockopt_set(fd, &value, &fail);

	if (r != 0)
		fail_msg("%s: %d %s", text, r, fail.why);
	assert_int_equal(meari_sockopt_get(fd, value.opt, &ret), 0);
	assert_ptr_equal(ret.opt, value.opt);
	return ret;
}

static void test_set_value_can_be_read_back(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {
		{ "nodelay=on", 1 },	   { "nodelay=off", 0 },
		{ "keepalive=on", 1 },	   { "keepidle=2m", 120 },
		{ "keepintvl=7", 7 },	   { "keepcnt=3", 3 },
		{ "user-timeout=3s", 3000 }, { "linger=5s", 5 },
		{ "linger=0", 0 },	   { "linger=off", -1 },
		{ "oobinline=on", 1 },	   { "reuseaddr=on", 1 },
		{ "reuseport=on", 1 },	   { "tos=16", 16 },
		{ "busy-poll=0", 0 },	   { "defer-accept=1", 1 },
	};
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(granted(fd, rows[i].text).number,
				 rows[i].number);
	assert_string_equal(granted(fd, "congestion=reno").text, "reno");
}

/* socket(7): the kernel doubles what is asked for, and caps it. */
static void test_set_buffer_grants_no_less_than_asked(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);
	MEARI_AUTO(fd_closep) int un = open_socket(AF_UNIX, SOCK_STREAM);

	(void)state;
	assert_true(granted(fd, "sndbuf=64Ki").number >= 65536);
	assert_true(granted(fd, "rcvbuf=64Ki").number >= 65536);
	assert_true(granted(un, "sndbuf=64Ki").number >= 65536);
}

static void test_set_on_v6_uses_the_v6_option(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET6, SOCK_DGRAM);

	(void)state;
	assert_int_equal(granted(fd, "tos=32").number, 32);
	assert_int_equal(set_level, IPPROTO_IPV6);
	assert_int_equal(set_optname, IPV6_TCLASS);
	assert_int_equal(granted(fd, "v6only=on").number, 1);
	assert_int_equal(granted(fd, "v6only=off").number, 0);
}

static void set_fails(int fd, const char *text, int error, const char *line)
{
	struct meari_sockopt_value value = parsed(text);
	struct meari_fail fail = { .why = "" };
	char shown[MEARI_FAIL_TEXT];

	assert_int_equal(meari_sockopt_set(fd, &value, &fail), error);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, shown, sizeof shown),
			    line);
	assert_int_equal(meari_sockopt_set(fd, &value, NULL), error);
}

static void test_set_where_it_does_not_apply_is_said_in_words(void **state)
{
	MEARI_AUTO(fd_closep) int tcp = open_socket(AF_INET, SOCK_STREAM);
	MEARI_AUTO(fd_closep) int tcp6 = open_socket(AF_INET6, SOCK_STREAM);
	MEARI_AUTO(fd_closep) int udp = open_socket(AF_INET, SOCK_DGRAM);
	MEARI_AUTO(fd_closep) int udp6 = open_socket(AF_INET6, SOCK_DGRAM);
	MEARI_AUTO(fd_closep) int un = open_socket(AF_UNIX, SOCK_STREAM);
	MEARI_AUTO(fd_closep) int other = open_socket(AF_NETLINK, SOCK_RAW);
	struct meari_sockopt_value value;

	(void)state;
	set_fails(tcp, "v6only=on", -ENOPROTOOPT,
		  "set v6only=on: a TCP socket over IPv4 has no IPV6_V6ONLY");
	set_fails(udp, "nodelay=on", -ENOPROTOOPT,
		  "set nodelay=on: a UDP socket over IPv4 has no TCP_NODELAY");
	set_fails(udp6, "keepidle=2m", -ENOPROTOOPT,
		  "set keepidle=120: "
		  "a UDP socket over IPv6 has no TCP_KEEPIDLE");
	set_fails(un, "congestion=reno", -ENOPROTOOPT,
		  "set congestion=reno: a Unix socket has no TCP_CONGESTION");
	set_fails(other, "linger=off", -ENOPROTOOPT,
		  "set linger=off: a socket of this family has no SO_LINGER");
	assert_int_equal(meari_sockopt_get(udp, meari_sockopt_find("nodelay"),
					   &value),
			 -ENOPROTOOPT);
	assert_int_equal(granted(tcp6, "nodelay=on").number, 1);
}

static void test_set_unknown_congestion_is_said_in_words(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);

	(void)state;
	set_fails(fd, "congestion=nosuch", -ENOENT,
		  "set congestion=nosuch: this kernel has none of that name");
}

static void test_set_kernel_refusal_is_passed_up(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);

	(void)state;
	set_fails(fd, "keepidle=0", -EINVAL,
		  "set keepidle=0: Invalid argument");
	set_fails(-1, "linger=0", -EBADF, "set linger=0: Bad file descriptor");
}

/* Only without the privilege does the kernel refuse, so it is played here. */
static void test_set_without_privilege_names_it(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);

	(void)state;
	set_error = EPERM;
	set_fails(fd, "busy-poll=50us", -EPERM,
		  "set busy-poll=50: Operation not permitted; "
		  "SO_BUSY_POLL needs CAP_NET_ADMIN for this value");
}

static void test_set_and_get_any_getsockopt_failure_is_passed_up(void **state)
{
	MEARI_AUTO(fd_closep) int fd = open_socket(AF_INET, SOCK_STREAM);
	const struct meari_sockopt_value value = parsed("nodelay=on");

	(void)state;
	get_error = ENOBUFS;
	/* SO_DOMAIN, SO_TYPE, and for reading the option itself. */
	for (unsigned k = 1; k <= 3; k++) {
		struct meari_sockopt_value ret = { .number = 4711 };
		struct meari_fail fail = { .why = "" };

		get_error_at = k;
		gets = 0;
		assert_int_equal(meari_sockopt_get(fd, value.opt, &ret),
				 -ENOBUFS);
		assert_int_equal(ret.number, 4711);
		gets = 0;
		assert_int_equal(meari_sockopt_set(fd, &value, &fail),
				 k <= 2 ? -ENOBUFS : 0);
		assert_string_equal(fail.what, k <= 2 ? "nodelay=on" : "");
	}
}

static void formats(const char *text, const char *expected)
{
	struct meari_sockopt_value value = parsed(text);
	char buf[MEARI_SOCKOPT_VALUE_TEXT];

	assert_ptr_equal(meari_sockopt_format(&value, buf, sizeof buf), buf);
	assert_string_equal(buf, expected);
}

static void test_format_value_has_its_unit(void **state)
{
	(void)state;
	formats("nodelay=yes", "on");
	formats("nodelay=no", "off");
	formats("sndbuf=425984", "425984 bytes");
	formats("keepidle=2h", "7200 s");
	formats("user-timeout=2s", "2000 ms");
	formats("busy-poll=50", "50 us");
	formats("keepcnt=9", "9");
	formats("congestion=reno", "reno");
	formats("linger=off", "off");
	formats("linger=0", "0 s");
}

static void test_format_any_small_buffer_holds_a_beginning(void **state)
{
	struct meari_sockopt_value value = parsed("sndbuf=425984");

	(void)state;
	for (size_t len = 1; len <= sizeof "425984 bytes"; len++) {
		/* Exactly as large, for the address sanitizer. */
		MEARI_AUTO(freep) char *buf = malloc(len);

		(void)meari_sockopt_format(&value, buf, len);
		assert_int_equal(strlen(buf), len - 1);
		assert_memory_equal(buf, "425984 bytes", len - 1);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parse_flag_takes_its_six_words),
		TEST(test_parse_size_takes_binary_and_decimal_units),
		TEST(test_parse_time_ends_in_the_unit_of_the_row),
		TEST(test_parse_time_not_whole_is_refused),
		TEST(test_parse_time_malformed_or_large_is_refused),
		TEST(test_parse_plain_number_has_no_unit),
		TEST(test_parse_linger_takes_off_or_a_time),
		TEST(test_parse_text_is_a_short_printable_name),
		TEST(test_parse_without_value_says_what_is_taken),
		TEST(test_parse_unknown_name_is_enoent),
		TEST(test_set_value_can_be_read_back),
		TEST(test_set_buffer_grants_no_less_than_asked),
		TEST(test_set_on_v6_uses_the_v6_option),
		TEST(test_set_where_it_does_not_apply_is_said_in_words),
		TEST(test_set_unknown_congestion_is_said_in_words),
		TEST(test_set_kernel_refusal_is_passed_up),
		TEST(test_set_without_privilege_names_it),
		TEST(test_set_and_get_any_getsockopt_failure_is_passed_up),
		TEST(test_format_value_has_its_unit),
		TEST(test_format_any_small_buffer_holds_a_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
