/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/fail.h"

#define LONG_TEXT 400

struct long_texts {
	char w[LONG_TEXT + 1];
	char y[LONG_TEXT + 1];
};

static const struct long_texts *long_texts(void)
{
	static struct long_texts texts;

	for (size_t i = 0; i < LONG_TEXT; i++) {
		texts.w[i] = 'w';
		texts.y[i] = 'y';
	}
	return &texts;
}

static void test_set_records_what_failed_and_why(void **state)
{
	struct meari_fail fail;

	(void)state;
	assert_int_equal(fail_set(&fail, -EADDRINUSE, "bind", "[::1]:7"),
			 -EADDRINUSE);
	assert_int_equal(fail.error, -EADDRINUSE);
	assert_string_equal(fail.step, "bind");
	assert_string_equal(fail.what, "[::1]:7");
	assert_string_equal(fail.why, strerror(EADDRINUSE));
}

static void test_set_without_record_returns_error(void **state)
{
	(void)state;
	assert_int_equal(fail_set(NULL, -EIO, "bind", "x"), -EIO);
	assert_int_equal(fail_setf(NULL, -EIO, "bind", "x", "%d", 1), -EIO);
}

static void test_set_without_object_leaves_it_empty(void **state)
{
	struct meari_fail fail;

	(void)state;
	assert_int_equal(fail_set(&fail, -ENOMEM, "start", NULL), -ENOMEM);
	assert_string_equal(fail.what, "");
}

static void test_set_unknown_error_has_a_reason(void **state)
{
	struct meari_fail fail;

	(void)state;
	assert_int_equal(fail_set(&fail, -4000, "start", NULL), -4000);
	assert_true(fail.why[0] != '\0');
}

static void test_setf_formats_the_reason(void **state)
{
	struct meari_fail fail;

	(void)state;
	assert_int_equal(fail_setf(&fail, -EINVAL, "parse", "7:x",
				   "port %s%u", "past ", 65535u), -EINVAL);
	assert_int_equal(fail.error, -EINVAL);
	assert_string_equal(fail.what, "7:x");
	assert_string_equal(fail.why, "port past 65535");
}

static void test_setf_long_texts_are_cut(void **state)
{
	struct meari_fail fail;

	(void)state;
	(void)fail_setf(&fail, -EINVAL, "parse", long_texts()->w, "%s",
			long_texts()->y);
	assert_int_equal(strlen(fail.what), sizeof fail.what - 1);
	assert_int_equal(strlen(fail.why), sizeof fail.why - 1);
	assert_int_equal(fail.what[sizeof fail.what - 2], 'w');
	assert_int_equal(fail.why[sizeof fail.why - 2], 'y');
}

static void test_set_object_with_percent_is_not_a_format(void **state)
{
	struct meari_fail fail;

	(void)state;
	(void)fail_set(&fail, -EINVAL, "parse", "fe80::1%n%s");
	assert_string_equal(fail.what, "fe80::1%n%s");
}

static void test_format_joins_step_object_and_reason(void **state)
{
	const struct meari_fail fail = {
		.error = -EADDRINUSE,
		.step = "bind",
		.what = "127.0.0.1:7007",
		.why = "Address already in use",
	};
	char text[MEARI_FAIL_TEXT];

	(void)state;
	assert_ptr_equal(meari_fail_format(&fail, text, sizeof text), text);
	assert_string_equal(text,
			    "bind 127.0.0.1:7007: Address already in use");
}

static void test_format_without_object_has_no_gap(void **state)
{
	const struct meari_fail fail = { .step = "start", .why = "no memory" };
	char text[MEARI_FAIL_TEXT];

	(void)state;
	assert_string_equal(meari_fail_format(&fail, text, sizeof text),
			    "start: no memory");
}

static void test_format_small_buffer_cuts(void **state)
{
	const struct meari_fail fail = { .step = "start", .why = "no memory" };
	char text[8] = "#######";

	(void)state;
	assert_string_equal(meari_fail_format(&fail, text, 1), "");
	assert_int_equal(text[1], '#');
	assert_string_equal(meari_fail_format(&fail, text, 7), "start:");
	assert_int_equal(text[7], '\0');
}

static void test_format_longest_texts_fit(void **state)
{
	struct meari_fail fail;
	char text[MEARI_FAIL_TEXT];
	char *end;

	(void)state;
	(void)fail_setf(&fail, -EINVAL, "a step with quite a long name",
			long_texts()->w, "%s", long_texts()->y);
	end = strchr(meari_fail_format(&fail, text, sizeof text), '\0');
	assert_int_equal(end - text, strlen(fail.step) + 1 +
				     sizeof fail.what - 1 + 2 +
				     sizeof fail.why - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_records_what_failed_and_why),
		cmocka_unit_test(test_set_without_record_returns_error),
		cmocka_unit_test(test_set_without_object_leaves_it_empty),
		cmocka_unit_test(test_set_unknown_error_has_a_reason),
		cmocka_unit_test(test_setf_formats_the_reason),
		cmocka_unit_test(test_setf_long_texts_are_cut),
		cmocka_unit_test(test_set_object_with_percent_is_not_a_format),
		cmocka_unit_test(test_format_joins_step_object_and_reason),
		cmocka_unit_test(test_format_without_object_has_no_gap),
		cmocka_unit_test(test_format_small_buffer_cuts),
		cmocka_unit_test(test_format_longest_texts_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
