/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/sockopt_args.h"
#include "said.h"

static error_t parse(struct sockopt_args *args, int n, char *option)
{
	char *argv[SOCKOPT_ARGS_MAX + 2] = { (char[]){ "meari test" } };

	*args = (struct sockopt_args){ .n_values = 0 };
	for (int i = 1; i <= n; i++)
		argv[i] = option;
	said_nothing_yet();
	return argp_parse(&sockopt_argp, n + 1, argv, 0, NULL, args);
}

static void test_sockopt_args_may_be_repeated_up_to_a_limit(void **state)
{
	char option[] = "--sockopt=nodelay=1";
	struct sockopt_args args;

	(void)state;
	assert_int_equal(parse(&args, SOCKOPT_ARGS_MAX, option), 0);
	assert_int_equal(args.n_values, SOCKOPT_ARGS_MAX);
	assert_string_equal(args.values[0].opt->name, "nodelay");
	assert_int_equal(args.values[0].number, 1);
	assert_int_equal(parse(&args, SOCKOPT_ARGS_MAX + 1, option), EINVAL);
	assert_said("more than 64 times --sockopt");
}

static void test_sockopt_args_unknown_name_is_refused(void **state)
{
	char option[] = "--sockopt=nonsense=1";
	struct sockopt_args args;

	(void)state;
	assert_int_equal(parse(&args, 1, option), EINVAL);
	assert_non_null(strstr(said, "nonsense"));
	assert_int_equal(n_said, 1);
}

static void test_sockopt_args_report_says_what_was_granted(void **state)
{
	char option[] = "--sockopt=nodelay=on";
	struct sockopt_args args;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(parse(&args, 1, option), 0);
	sockopt_args_report(&args, fd);
	assert_said("nodelay: asked on, granted off");
	assert_int_equal(meari_sockopt_set(fd, &args.values[0], NULL), 0);
	sockopt_args_report(&args, fd);
	assert_said("nodelay: asked on, granted on");
	(void)close(fd);
	sockopt_args_report(&args, fd);
	assert_said("nodelay: asked on, cannot be read back: "
		    "Bad file descriptor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_sockopt_args_may_be_repeated_up_to_a_limit),
		cmocka_unit_test(test_sockopt_args_unknown_name_is_refused),
		cmocka_unit_test(
			test_sockopt_args_report_says_what_was_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
