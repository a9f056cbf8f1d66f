/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "cli/endpoint_args.h"
#include "said.h"

static error_t parse(struct endpoint_args *args, char *const *words)
{
	char *argv[12] = { (char[]){ "meari test" } };
	int argc = 1;

	*args = (struct endpoint_args){ .n_words = 0 };
	for (; *words; words++)
		argv[argc++] = *words;
	said_nothing_yet();
	return argp_parse(&endpoint_argp, argc, argv, 0, NULL, args);
}

#define WORDS(...) (char *const[]){ __VA_ARGS__, NULL }
#define W(text) (char[]){ text }

static void assert_refused(char *const *words, const char *message)
{
	struct endpoint_args args;

	assert_int_equal(parse(&args, words), EINVAL);
	assert_said(message);
}

static void test_endpoint_args_one_word_is_an_endpoint(void **state)
{
	struct endpoint_args args;

	(void)state;
	assert_int_equal(parse(&args, WORDS(W("udp://[::1]:7"))), 0);
	assert_string_equal(args.endpoint.host, "::1");
	assert_int_equal(args.endpoint.port, 7);
	assert_int_equal(args.endpoint.scheme, MEARI_SCHEME_UDP);
	assert_int_equal(args.flags.family, AF_UNSPEC);
}

static void test_endpoint_args_two_words_are_host_and_port(void **state)
{
	struct endpoint_args args;

	(void)state;
	assert_int_equal(parse(&args, WORDS(W("::1"), W("7"))), 0);
	assert_string_equal(args.endpoint.host, "::1");
	assert_int_equal(args.endpoint.port, 7);
}

static void test_endpoint_args_options_may_follow_words(void **state)
{
	struct endpoint_args args;

	(void)state;
	assert_int_equal(parse(&args, WORDS(W("host"), W("7"), W("-6"))), 0);
	assert_int_equal(args.flags.family, AF_INET6);
	assert_int_equal(parse(&args, WORDS(W("host:7"), W("-4"), W("-4"))), 0);
	assert_int_equal(args.flags.family, AF_INET);
}

static void test_endpoint_args_udp_flag_is_the_scheme(void **state)
{
	struct endpoint_args args;

	(void)state;
	assert_int_equal(parse(&args, WORDS(W("-u"), W("host:7"))), 0);
	assert_int_equal(args.endpoint.scheme, MEARI_SCHEME_UDP);
	assert_int_equal(parse(&args, WORDS(W("--udp"), W("udp://host:7"))), 0);
	assert_int_equal(args.endpoint.scheme, MEARI_SCHEME_UDP);
}

static void test_endpoint_args_unix_flag_takes_a_path(void **state)
{
	struct endpoint_args args;

	(void)state;
	assert_int_equal(parse(&args, WORDS(W("-U"), W("/run/echo"))), 0);
	assert_true(args.endpoint.is_unix);
	assert_string_equal(args.endpoint.path, "/run/echo");
	assert_int_equal(parse(&args, WORDS(W("-U"), W("unix:@a"))), 0);
	assert_string_equal(args.endpoint.path, "@a");
	/* A path that looks like an endpoint stays a path. */
	assert_int_equal(parse(&args, WORDS(W("-U"), W("host:7"))), 0);
	assert_string_equal(args.endpoint.path, "host:7");
}

static void test_endpoint_args_contradictions_are_refused(void **state)
{
	(void)state;
	assert_refused(WORDS(W("-4"), W("-6"), W("host:7")),
		       "-4 and -6 exclude each other");
	assert_refused(WORDS(W("-u"), W("tcp://host:7")),
		       "endpoint tcp://host:7: its scheme and UDP (-u) exclude "
		       "each other");
	assert_refused(WORDS(W("-u"), W("-U"), W("/run/echo")),
		       "endpoint unix:/run/echo: UDP (-u) and a Unix socket "
		       "exclude each other");
	assert_refused(WORDS(W("-u"), W("unix:/run/echo")),
		       "endpoint unix:/run/echo: UDP (-u) and a Unix socket "
		       "exclude each other");
	assert_refused(WORDS(W("-4"), W("unix:/run/echo")),
		       "endpoint unix:/run/echo: a Unix socket is neither IPv4 "
		       "nor IPv6 (-4, -6)");
}

static void test_endpoint_args_wrong_number_of_words_is_refused(void **state)
{
	(void)state;
	assert_refused(WORDS(W("-4")),
		       "where to? ENDPOINT or HOST PORT is missing");
	assert_refused(WORDS(W("a"), W("1"), W("c")),
		       "'c' is one word too many: ENDPOINT or HOST PORT was "
		       "expected");
	assert_refused(WORDS(W("-U"), W("/a"), W("7")),
		       "-U takes one path, and no port");
}

static void test_endpoint_args_bad_endpoints_are_refused(void **state)
{
	struct endpoint_args args;
	char longest[300];

	(void)state;
	assert_refused(WORDS(W("host:0")), "port 0 cannot be connected to");
	assert_int_equal(parse(&args, WORDS(W("host:"))), EINVAL);
	assert_int_equal(n_said, 1);
	assert_int_equal(parse(&args, WORDS(W("host"), W("x"))), EINVAL);
	assert_int_equal(n_said, 1);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(parse(&args, WORDS(W("-U"), longest)), EINVAL);
	assert_int_equal(n_said, 1);
	longest[108] = '\0';
	assert_int_equal(parse(&args, WORDS(W("-U"), longest)), EINVAL);
	longest[107] = '\0';
	assert_int_equal(parse(&args, WORDS(W("-U"), longest)), 0);
	assert_string_equal(args.endpoint.path, longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint_args_one_word_is_an_endpoint),
		cmocka_unit_test(
			test_endpoint_args_two_words_are_host_and_port),
		cmocka_unit_test(test_endpoint_args_options_may_follow_words),
		cmocka_unit_test(test_endpoint_args_udp_flag_is_the_scheme),
		cmocka_unit_test(test_endpoint_args_unix_flag_takes_a_path),
		cmocka_unit_test(test_endpoint_args_contradictions_are_refused),
		cmocka_unit_test(
			test_endpoint_args_wrong_number_of_words_is_refused),
		cmocka_unit_test(test_endpoint_args_bad_endpoints_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
