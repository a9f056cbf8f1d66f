/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <meari/io.h>

#include "cli/message.h"

static char line[4096];
static unsigned n_writes;

int __wrap_meari_write_full(int fd, const void *buf, size_t len,
			    uint64_t until_ns, size_t *done);

int __wrap_meari_write_full(int fd, const void *buf, size_t len,
			    uint64_t until_ns, size_t *done)
{
	assert_int_equal(fd, 2);
	assert_true(until_ns == MEARI_NEVER);
	assert_true(len < sizeof line);
	memcpy(line, buf, len);
	line[len] = '\0';
	n_writes++;
	*done = len;
	return MEARI_IO_DONE;
}

static void test_cli_error_is_one_line_in_one_write(void **state)
{
	(void)state;
	n_writes = 0;
	cli_error("%s is %d", "x", 5);
	assert_string_equal(line, "meari: x is 5\n");
	assert_int_equal(n_writes, 1);
}

static void test_cli_error_control_bytes_do_not_reach_the_screen(void **state)
{
	(void)state;
	cli_error("'%s'", "a\nb\rc\033[2J\177\t");
	assert_string_equal(line, "meari: 'a?b?c?[2J?" "?'\n");
}

static void test_cli_error_keeps_bytes_above_ascii(void **state)
{
	(void)state;
	cli_error("%s", "fermé");
	assert_string_equal(line, "meari: fermé\n");
}

static void test_cli_error_long_line_is_cut_and_ended(void **state)
{
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	cli_error("%s", text);
	assert_int_equal(strlen(line), 1024);
	assert_int_equal(line[1023], '\n');
	assert_int_equal(line[1022], 'x');
}

static void test_cli_usage_is_what_argp_takes_as_an_error(void **state)
{
	(void)state;
	assert_int_equal(cli_usage("no %s", "way"), EINVAL);
	assert_string_equal(line, "meari: no way\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cli_error_is_one_line_in_one_write),
		cmocka_unit_test(
			test_cli_error_control_bytes_do_not_reach_the_screen),
		cmocka_unit_test(test_cli_error_keeps_bytes_above_ascii),
		cmocka_unit_test(test_cli_error_long_line_is_cut_and_ended),
		cmocka_unit_test(test_cli_usage_is_what_argp_takes_as_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
