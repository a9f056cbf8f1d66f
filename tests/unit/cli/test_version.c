/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <meari/version.h>

#include "cli/command.h"
#include "cli/version.h"

static void test_version_print_names_what_a_report_needs(void **state)
{
	static const char *const lines[] = {
		"\ncompiler: ", "\nlibc: glibc ", "\nsystem: Linux ",
		"\nfeatures on: ", "\nfeatures off: ",
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(version_print(out), CLI_WELL);
	assert_int_equal(fclose(out), 0);
	assert_memory_equal(text, "meari ", 6);
	assert_memory_equal(text + 6, meari_version(), strlen(meari_version()));
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		assert_non_null(strstr(text, lines[i]));
	assert_int_equal(text[size - 1], '\n');
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_print_names_what_a_report_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
