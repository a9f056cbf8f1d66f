/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <meari/endpoint.h>

static void fill(char *buf, size_t len, char c)
{
	memset(buf, c, len);
	buf[len] = '\0';
}

static struct meari_endpoint parsed(const char *text)
{
	struct meari_endpoint endpoint;
	struct meari_fail fail = { .why = "" };
	int r = meari_endpoint_parse(text, &endpoint, &fail);

	if (r != 0)
		fail_msg("%s: %d %s", text, r, fail.why);
	return endpoint;
}

static void accepts_inet(const char *text, enum meari_scheme scheme,
			 const char *host, uint16_t port)
{
	struct meari_endpoint endpoint = parsed(text);

	assert_int_equal(endpoint.scheme, scheme);
	assert_false(endpoint.is_unix);
	assert_string_equal(endpoint.host, host);
	assert_int_equal(endpoint.port, port);
	assert_string_equal(endpoint.path, "");
}

static void accepts_unix(const char *text, enum meari_scheme scheme,
			 const char *path)
{
	struct meari_endpoint endpoint = parsed(text);

	assert_int_equal(endpoint.scheme, scheme);
	assert_true(endpoint.is_unix);
	assert_string_equal(endpoint.path, path);
	assert_string_equal(endpoint.host, "");
	assert_int_equal(endpoint.port, 0);
}

/* @line is the whole message, as a user would read it. */
static void refuses(const char *text, int error, const char *line)
{
	struct meari_endpoint endpoint = { .port = 4711 };
	struct meari_fail fail = { .why = "" };
	char shown[MEARI_FAIL_TEXT];

	assert_int_equal(meari_endpoint_parse(text, &endpoint, &fail), error);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, shown, sizeof shown),
			    line);
	assert_int_equal(endpoint.port, 4711);
	assert_int_equal(meari_endpoint_parse(text, &endpoint, NULL), error);
}

static void refuses_pair(const char *host, const char *port, int error,
			 const char *line)
{
	struct meari_endpoint endpoint = { .port = 4711 };
	struct meari_fail fail = { .why = "" };
	char shown[MEARI_FAIL_TEXT];

	assert_int_equal(
		meari_endpoint_parse_pair(host, port, &endpoint, &fail),
		error);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, shown, sizeof shown),
			    line);
	assert_int_equal(endpoint.port, 4711);
}

static void test_parse_host_and_port_are_split(void **state)
{
	(void)state;
	accepts_inet("localhost:7007", MEARI_SCHEME_NONE, "localhost", 7007);
	accepts_inet("127.0.0.1:7", MEARI_SCHEME_NONE, "127.0.0.1", 7);
	accepts_inet("a-b.c_d.example.:65535", MEARI_SCHEME_NONE,
		     "a-b.c_d.example.", 65535);
	accepts_inet("3com.com:1", MEARI_SCHEME_NONE, "3com.com", 1);
}

static void test_parse_v6_loses_its_brackets(void **state)
{
	(void)state;
	accepts_inet("[::1]:7", MEARI_SCHEME_NONE, "::1", 7);
	accepts_inet("[2001:DB8::1]:0", MEARI_SCHEME_NONE, "2001:DB8::1", 0);
	accepts_inet("[::ffff:192.0.2.1]:7", MEARI_SCHEME_NONE,
		     "::ffff:192.0.2.1", 7);
}

static void test_parse_scope_stays_with_the_address(void **state)
{
	(void)state;
	accepts_inet("[fe80::1%eth0.100]:7", MEARI_SCHEME_NONE,
		     "fe80::1%eth0.100", 7);
	accepts_inet("[fe80::1%2]:7", MEARI_SCHEME_NONE, "fe80::1%2", 7);
}

static void test_parse_port_alone_has_no_host(void **state)
{
	(void)state;
	accepts_inet("7007", MEARI_SCHEME_NONE, "", 7007);
	accepts_inet(":7007", MEARI_SCHEME_NONE, "", 7007);
	accepts_inet(":0", MEARI_SCHEME_NONE, "", 0);
	accepts_inet("007", MEARI_SCHEME_NONE, "", 7);
}

static void test_parse_scheme_any_case_is_known(void **state)
{
	(void)state;
	accepts_inet("tcp://localhost:7", MEARI_SCHEME_TCP, "localhost", 7);
	accepts_inet("UDP://[::1]:7", MEARI_SCHEME_UDP, "::1", 7);
	accepts_inet("Http://:80", MEARI_SCHEME_HTTP, "", 80);
	accepts_inet("tcp://7", MEARI_SCHEME_TCP, "", 7);
}

static void test_parse_unix_path_is_taken_as_typed(void **state)
{
	(void)state;
	accepts_unix("unix:/run/echo", MEARI_SCHEME_NONE, "/run/echo");
	accepts_unix("unix:rel/echo", MEARI_SCHEME_NONE, "rel/echo");
	accepts_unix("UNIX:7", MEARI_SCHEME_NONE, "7");
	accepts_unix("unix:@name", MEARI_SCHEME_NONE, "@name");
	accepts_unix("unix:a b:c://d", MEARI_SCHEME_NONE, "a b:c://d");
	accepts_unix("unix:///run/echo", MEARI_SCHEME_NONE, "///run/echo");
	accepts_unix("tcp://unix:/run/echo", MEARI_SCHEME_TCP, "/run/echo");
	accepts_unix("http://unix:@web", MEARI_SCHEME_HTTP, "@web");
}

static void test_parse_unix_path_limit_is_107_bytes(void **state)
{
	char text[5 + 108 + 1] = "unix:";

	(void)state;
	fill(text + 5, 107, 'p');
	accepts_unix(text, MEARI_SCHEME_NONE, text + 5);
	fill(text + 5, 108, 'p');
	refuses(text, -ENAMETOOLONG,
		"endpoint \"unix:pppppppppppppppppppppppppppppppppppppppppppppp"
		"ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
		"p\": the path has 108 bytes, 107 are the most");
}

static void test_parse_host_limit_is_253_bytes(void **state)
{
	struct meari_endpoint endpoint;
	struct meari_fail fail;
	char text[254 + 3], host[254 + 1];

	(void)state;
	fill(host, 253, 'h');
	(void)snprintf(text, sizeof text, "%s:7", host);
	accepts_inet(text, MEARI_SCHEME_NONE, host, 7);
	fill(host, 254, 'h');
	(void)snprintf(text, sizeof text, "%s:7", host);
	assert_int_equal(meari_endpoint_parse(text, &endpoint, &fail),
			 -ENAMETOOLONG);
	assert_string_equal(fail.why,
			    "the host has 254 bytes, 253 are the most");
	/* What was typed is cut, but still quoted. */
	assert_int_equal(strlen(fail.what), sizeof fail.what - 1);
	assert_int_equal(fail.what[sizeof fail.what - 2], '"');
}

static void test_parse_bad_port_is_named(void **state)
{
	(void)state;
	refuses("70000", -EINVAL,
		"endpoint \"70000\": port 70000 is above 65535");
	refuses("localhost:65536", -EINVAL,
		"endpoint \"localhost:65536\": port 65536 is above 65535");
	refuses("99999999999999999999999", -EINVAL,
		"endpoint \"99999999999999999999999\": "
		"port 99999999999999999999999 is above 65535");
	refuses("-1", -EINVAL,
		"endpoint \"-1\": port '-1' is not a number from 0 to 65535");
	refuses("+7", -EINVAL,
		"endpoint \"+7\": port '+7' is not a number from 0 to 65535");
	refuses("12x", -EINVAL,
		"endpoint \"12x\": port '12x' is not a number from 0 to 65535");
	refuses("127.0.0.010:7", -EINVAL,
		"endpoint \"127.0.0.010:7\": not an IPv4 address; write four "
		"decimal numbers, as in 192.0.2.1");
	refuses("127.1:7", -EINVAL,
		"endpoint \"127.1:7\": not an IPv4 address; write four "
		"decimal numbers, as in 192.0.2.1");
	refuses("0x7f.0x1:7", -EINVAL,
		"endpoint \"0x7f.0x1:7\": not an IPv4 address; write four "
		"decimal numbers, as in 192.0.2.1");
	refuses("h:echo", -EINVAL,
		"endpoint \"h:echo\": "
		"port 'echo' is not a number from 0 to 65535");
	refuses("h: 7", -EINVAL,
		"endpoint \"h: 7\": port ' 7' is not a number from 0 to 65535");
}

static void test_parse_missing_port_is_said(void **state)
{
	(void)state;
	refuses("localhost", -EINVAL,
		"endpoint \"localhost\": no port; write localhost:PORT");
	refuses("127.0.0.1", -EINVAL,
		"endpoint \"127.0.0.1\": no port; write 127.0.0.1:PORT");
	refuses("host:", -EINVAL,
		"endpoint \"host:\": no port after the colon");
	refuses(":", -EINVAL, "endpoint \":\": no port after the colon");
	refuses("[::1]:", -EINVAL,
		"endpoint \"[::1]:\": no port after the colon");
	refuses("[::1]", -EINVAL,
		"endpoint \"[::1]\": no port; write [::1]:PORT");
}

static void test_parse_nothing_is_said_to_be_empty(void **state)
{
	(void)state;
	refuses("", -EINVAL,
		"endpoint \"\": is empty; write HOST:PORT, PORT or unix:PATH");
	refuses("udp://", -EINVAL,
		"endpoint \"udp://\": nothing behind the scheme; "
		"write udp://HOST:PORT");
}

static void test_parse_v6_without_brackets_names_the_remedy(void **state)
{
	(void)state;
	refuses("::1", -EINVAL,
		"endpoint \"::1\": more than one colon; "
		"write IPv6 addresses in brackets: [::1]:PORT");
	refuses("::1:7", -EINVAL,
		"endpoint \"::1:7\": more than one colon; "
		"write IPv6 addresses in brackets: [::1]:PORT");
}

static void test_parse_bad_brackets_are_described(void **state)
{
	(void)state;
	refuses("[::1", -EINVAL,
		"endpoint \"[::1\": '[' without ']'; write [ADDRESS]:PORT");
	refuses("[::1]7", -EINVAL,
		"endpoint \"[::1]7\": '7' behind ']', where :PORT must be");
	refuses("[nonsense]:7", -EINVAL,
		"endpoint \"[nonsense]:7\": 'nonsense' is not an IPv6 address");
	refuses("[]:7", -EINVAL,
		"endpoint \"[]:7\": '' is not an IPv6 address");
	refuses("[127.0.0.1]:7", -EINVAL,
		"endpoint \"[127.0.0.1]:7\": "
		"'127.0.0.1' is not an IPv6 address");
	refuses("[fe80::1%]:7", -EINVAL,
		"endpoint \"[fe80::1%]:7\": '' behind '%' is not an interface");
	refuses("[fe80::1%a b]:7", -EINVAL,
		"endpoint \"[fe80::1%a b]:7\": "
		"'a b' behind '%' is not an interface");
	refuses("[fe80::1%\xff]", -EINVAL,
		"endpoint \"[fe80::1%\\xff]\": "
		"'\\xff' behind '%' is not an interface");
	refuses("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:7",
		-EINVAL,
		"endpoint \"[0000:0000:0000:0000:0000:0000:0000:0000:0000:"
		"0000]:7\": '0000:0000:0000:0000:0000:0000:0000:0000:0000:00' "
		"is not an IPv6 address");
}

static void test_parse_bytes_no_host_has_are_refused(void **state)
{
	(void)state;
	refuses("my host:7", -EINVAL,
		"endpoint \"my host:7\": ' ' cannot be part of a host name; "
		"letters, digits, '-', '.' and '_' can");
	refuses("h\n:7", -EINVAL,
		"endpoint \"h\\x0a:7\": '\\x0a' cannot be part of a host name; "
		"letters, digits, '-', '.' and '_' can");
	refuses("b\xc3\xbc:7", -EINVAL,
		"endpoint \"b\\xc3\\xbc:7\": '\\xc3' cannot be part of a host "
		"name; letters, digits, '-', '.' and '_' can");
	refuses("u@h:7", -EINVAL,
		"endpoint \"u@h:7\": '@' cannot be part of a host name; "
		"letters, digits, '-', '.' and '_' can");
}

static void test_parse_slash_names_the_unix_form(void **state)
{
	(void)state;
	refuses("/run/echo", -EINVAL,
		"endpoint \"/run/echo\": '/' cannot be part of a host or port; "
		"write unix:PATH for a Unix socket");
	refuses("a/b:7", -EINVAL,
		"endpoint \"a/b:7\": '/' cannot be part of a host or port; "
		"write unix:PATH for a Unix socket");
	refuses("http://h:80/", -EINVAL,
		"endpoint \"http://h:80/\": "
		"port '80/' is not a number from 0 to 65535");
}

static void test_parse_unknown_scheme_is_named_with_the_known(void **state)
{
	(void)state;
	refuses("tls://h:7", -EINVAL,
		"endpoint \"tls://h:7\": scheme 'tls' is not known; "
		"tcp://, udp://, http:// and unix: are");
	refuses("foo://unix:/p", -EINVAL,
		"endpoint \"foo://unix:/p\": scheme 'foo' is not known; "
		"tcp://, udp://, http:// and unix: are");
	refuses("://h:7", -EINVAL,
		"endpoint \"://h:7\": scheme '' is not known; "
		"tcp://, udp://, http:// and unix: are");
}

static void test_parse_bad_unix_is_described(void **state)
{
	(void)state;
	refuses("unix:", -EINVAL,
		"endpoint \"unix:\": no path behind unix:");
	refuses("unix:@", -EINVAL,
		"endpoint \"unix:@\": no name behind unix:@");
	refuses("udp://unix:/p", -EINVAL,
		"endpoint \"udp://unix:/p\": Unix sockets carry a stream here, "
		"not datagrams; leave out udp://");
}

static void pair(const char *host, const char *port, const char *ret_host,
		 uint16_t ret_port)
{
	struct meari_endpoint endpoint;

	assert_int_equal(
		meari_endpoint_parse_pair(host, port, &endpoint, NULL), 0);
	assert_int_equal(endpoint.scheme, MEARI_SCHEME_NONE);
	assert_false(endpoint.is_unix);
	assert_string_equal(endpoint.host, ret_host);
	assert_int_equal(endpoint.port, ret_port);
}

static void test_parse_pair_takes_v6_with_or_without_brackets(void **state)
{
	(void)state;
	pair("localhost", "7007", "localhost", 7007);
	pair("127.0.0.1", "0", "127.0.0.1", 0);
	pair("unix.example", "7", "unix.example", 7);
	pair("::1", "7", "::1", 7);
	pair("[::1]", "7", "::1", 7);
	pair("fe80::1%eth0", "7", "fe80::1%eth0", 7);
}

static void test_parse_pair_refuses_the_word_at_fault(void **state)
{
	(void)state;
	refuses_pair("localhost", "70000", -EINVAL,
		     "endpoint \"70000\": port 70000 is above 65535");
	refuses_pair("localhost", "", -EINVAL,
		     "endpoint \"\": port '' is not a number from 0 to 65535");
	refuses_pair("", "7", -EINVAL, "endpoint \"\": the host is empty");
	refuses_pair("[::1", "7", -EINVAL,
		     "endpoint \"[::1\": '[' without ']'; "
		     "write [ADDRESS]:PORT");
	refuses_pair("[::1]:7", "7", -EINVAL,
		     "endpoint \"[::1]:7\": the host goes on behind ']'");
	refuses_pair("[x]", "7", -EINVAL,
		     "endpoint \"[x]\": 'x' is not an IPv6 address");
	/* Between brackets, as it is formatted, it could not be read back. */
	refuses_pair("fe80::1%lo]", "7", -EINVAL,
		     "endpoint \"fe80::1%lo]\": "
		     "'lo]' behind '%' is not an interface");
	refuses_pair("Unix", "7", -EINVAL,
		     "endpoint \"Unix\": stands for Unix sockets, unix:PATH; "
		     "write the host's full name");
	refuses_pair("localhost:7", "7", -EINVAL,
		     "endpoint \"localhost:7\": "
		     "'localhost:7' is not an IPv6 address");
	refuses_pair("a b", "7", -EINVAL,
		     "endpoint \"a b\": ' ' cannot be part of a host name; "
		     "letters, digits, '-', '.' and '_' can");
}

static void test_format_parses_to_the_same(void **state)
{
	static const char *const texts[] = {
		"localhost:7007",  "[::1]:7",	 "[fe80::1%eth0]:7",
		":0",		   "udp://:7",	 "http://h:80",
		"tcp://[::1]:7",   "unix:/run/echo",
		"unix:@name",	   "tcp://unix:rel",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct meari_endpoint endpoint = parsed(texts[i]);
		char buf[MEARI_ENDPOINT_TEXT];

		assert_string_equal(
			meari_endpoint_format(&endpoint, buf, sizeof buf),
			texts[i]);
	}
}

static void test_format_bare_port_gets_its_colon(void **state)
{
	struct meari_endpoint endpoint = parsed("7");
	char buf[MEARI_ENDPOINT_TEXT];

	(void)state;
	assert_string_equal(meari_endpoint_format(&endpoint, buf, sizeof buf),
			    ":7");
}

static void test_format_longest_text_is_not_cut(void **state)
{
	struct meari_endpoint endpoint = {
		.scheme = MEARI_SCHEME_HTTP,
		.port = 65535,
	};
	char buf[MEARI_ENDPOINT_TEXT];

	(void)state;
	fill(endpoint.host, 253, ':');
	(void)meari_endpoint_format(&endpoint, buf, sizeof buf);
	assert_int_equal(strlen(buf), strlen("http://[]:65535") + 253);
	assert_string_equal(buf + strlen(buf) - 7, "]:65535");
}

static void test_format_small_buffer_cuts_the_text(void **state)
{
	struct meari_endpoint endpoint = parsed("localhost:7");
	char buf[] = "????????";

	(void)state;
	assert_ptr_equal(meari_endpoint_format(&endpoint, buf, 6), buf);
	assert_memory_equal(buf, "local\0??", 8);
	assert_string_equal(meari_endpoint_format(&endpoint, buf, 1), "");
}

static void test_socktype_udp_alone_is_datagram(void **state)
{
	struct meari_endpoint endpoint = parsed("udp://:7");

	(void)state;
	assert_int_equal(meari_endpoint_socktype(&endpoint), SOCK_DGRAM);
	endpoint = parsed(":7");
	assert_int_equal(meari_endpoint_socktype(&endpoint), SOCK_STREAM);
	endpoint = parsed("http://:7");
	assert_int_equal(meari_endpoint_socktype(&endpoint), SOCK_STREAM);
	endpoint = parsed("unix:/p");
	assert_int_equal(meari_endpoint_socktype(&endpoint), SOCK_STREAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_host_and_port_are_split),
		cmocka_unit_test(test_parse_v6_loses_its_brackets),
		cmocka_unit_test(test_parse_scope_stays_with_the_address),
		cmocka_unit_test(test_parse_port_alone_has_no_host),
		cmocka_unit_test(test_parse_scheme_any_case_is_known),
		cmocka_unit_test(test_parse_unix_path_is_taken_as_typed),
		cmocka_unit_test(test_parse_unix_path_limit_is_107_bytes),
		cmocka_unit_test(test_parse_host_limit_is_253_bytes),
		cmocka_unit_test(test_parse_bad_port_is_named),
		cmocka_unit_test(test_parse_missing_port_is_said),
		cmocka_unit_test(test_parse_nothing_is_said_to_be_empty),
		cmocka_unit_test(
			test_parse_v6_without_brackets_names_the_remedy),
		cmocka_unit_test(test_parse_bad_brackets_are_described),
		cmocka_unit_test(test_parse_bytes_no_host_has_are_refused),
		cmocka_unit_test(test_parse_slash_names_the_unix_form),
		cmocka_unit_test(
			test_parse_unknown_scheme_is_named_with_the_known),
		cmocka_unit_test(test_parse_bad_unix_is_described),
		cmocka_unit_test(
			test_parse_pair_takes_v6_with_or_without_brackets),
		cmocka_unit_test(test_parse_pair_refuses_the_word_at_fault),
		cmocka_unit_test(test_format_parses_to_the_same),
		cmocka_unit_test(test_format_bare_port_gets_its_colon),
		cmocka_unit_test(test_format_longest_text_is_not_cut),
		cmocka_unit_test(test_format_small_buffer_cuts_the_text),
		cmocka_unit_test(test_socktype_udp_alone_is_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
