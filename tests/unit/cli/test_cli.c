/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/command.h"
#include "said.h"

/* What the command was given. */
static char seen[128];

int __wrap_cli_connect(int argc, char **argv);

int __wrap_cli_connect(int argc, char **argv)
{
	seen[0] = '\0';
	for (int i = 0; i < argc; i++) {
		strcat(seen, "|");
		strcat(seen, argv[i]);
	}
	assert_null(argv[argc]);
	return 7;
}

#define W(text) (char[]){ text }
#define RUN(...)                                                         \
	run((char *[]){ W("/opt/bin/meari"), __VA_ARGS__, NULL },        \
	    sizeof(char *[]){ W("/opt/bin/meari"), __VA_ARGS__, NULL } / \
			    sizeof(char *) - 1)

static int run(char **argv, size_t argc)
{
	said_nothing_yet();
	return cli_main((int)argc, argv);
}

static void test_cli_command_gets_its_name_and_words(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("connect"), W("-v"), W("host"), W("7")), 7);
	assert_string_equal(seen, "|meari connect|-v|host|7");
	assert_int_equal(n_said, 0);
}

static void test_cli_options_behind_a_command_are_its_own(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("connect"), W("--version")), 7);
	assert_string_equal(seen, "|meari connect|--version");
}

static void test_cli_help_of_a_command_is_its_help_option(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("help"), W("connect")), 7);
	assert_string_equal(seen, "|meari connect|--help");
}

static void test_cli_unknown_command_is_refused(void **state)
{
	(void)state;
	assert_int_equal(RUN(W("dance")), CLI_SETUP);
	assert_said("unknown command 'dance'; 'meari help' lists them");
	assert_int_equal(RUN(W("help"), W("dance")), CLI_SETUP);
	assert_said("unknown command 'dance'; 'meari help' lists them");
	assert_int_equal(RUN(W("")), CLI_SETUP);
	assert_said("unknown command ''; 'meari help' lists them");
}

static void test_command_find_knows_every_row(void **state)
{
	(void)state;
	assert_non_null(command_find("serve"));
	assert_non_null(command_find("connect"));
	assert_non_null(command_find("engines"));
	assert_null(command_find("help"));
	for (const struct command *c = commands; c->name; c++) {
		assert_ptr_equal(command_find(c->name), c);
		assert_non_null(c->run);
		assert_true(strlen(c->summary) <= 60);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cli_command_gets_its_name_and_words),
		cmocka_unit_test(test_cli_options_behind_a_command_are_its_own),
		cmocka_unit_test(test_cli_help_of_a_command_is_its_help_option),
		cmocka_unit_test(test_cli_unknown_command_is_refused),
		cmocka_unit_test(test_command_find_knows_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
