/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/line.h"

static char line[LINE_BYTES + 1]; /* the last, and a NUL */

__attribute__((format(printf, 2, 3))) static void
assert_formats(const char *expected, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	len = line_format(line, "me: ", format, args);
	va_end(args);
	line[len] = '\0';
	assert_string_equal(line, expected);
}

static void test_format_is_prefix_text_and_newline(void **state)
{
	(void)state;
	assert_formats("me: 5 is five\n", "%d is %s", 5, "five");
	assert_formats("me: \n", "%s", "");
}

static void test_format_control_characters_are_question_marks(void **state)
{
	char all[33] = "";

	(void)state;
	for (char c = 1; c < 32; c++)
		all[c - 1] = c;
	assert_formats("me: ???????????????????????????????\n", "%s", all);
	assert_formats("me: a? ~\n", "a\177 ~");
}

static void test_format_bytes_above_ascii_stay(void **state)
{
	(void)state;
	assert_formats("me: ferm\303\251 \200\377\n", "%s",
		       "ferm\303\251 \200\377");
}

static void test_format_longer_than_a_line_is_cut(void **state)
{
	static const size_t lens[] = { 1018, 1019, 1020, 3000 };
	char text[3001], expected[LINE_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t kept = lens[i] < 1019 ? lens[i] : 1019;

		memset(text, 'x', lens[i]);
		text[lens[i]] = '\0';
		memcpy(expected, "me: ", 4);
		memset(expected + 4, 'x', kept);
		memcpy(expected + 4 + kept, "\n", 2);
		assert_formats(expected, "%s", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format_is_prefix_text_and_newline),
		cmocka_unit_test(
			test_format_control_characters_are_question_marks),
		cmocka_unit_test(test_format_bytes_above_ascii_stay),
		cmocka_unit_test(test_format_longer_than_a_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
