/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <meari/clock.h>

#include "cli/duration.h"
#include "said.h"

static void assert_limit(const char *text, uint64_t expected)
{
	uint64_t ns = 1;

	assert_int_equal(duration_parse_limit("--timeout", text, &ns), 0);
	assert_true(ns == expected);
}

static void test_duration_parse_limit_takes_units(void **state)
{
	(void)state;
	assert_limit("10", 10 * MEARI_S);
	assert_limit("250ms", 250 * MEARI_MS);
	assert_limit("1.5s", 1500 * MEARI_MS);
	assert_limit("2m", 120 * MEARI_S);
}

static void test_duration_parse_limit_zero_is_never(void **state)
{
	(void)state;
	assert_limit("0", MEARI_NEVER);
	assert_limit("0s", MEARI_NEVER);
}

static void test_duration_parse_limit_complains_in_one_line(void **state)
{
	uint64_t ns = 7;

	(void)state;
	said_nothing_yet();
	assert_int_equal(duration_parse_limit("--timeout", "soon", &ns),
			 EINVAL);
	assert_said("--timeout 'soon': not a time, such as 10s, 500ms or 0 "
		    "for no limit");
	assert_int_equal(duration_parse_limit("--timeout", "-1", &ns), EINVAL);
	assert_int_equal(duration_parse_limit("--timeout", "", &ns), EINVAL);
	assert_int_equal(ns, 7);
}

static void assert_text(uint64_t ns, const char *expected)
{
	char buf[DURATION_TEXT];

	assert_string_equal(duration_format(ns, buf), expected);
}

static void test_duration_format_picks_the_unit(void **state)
{
	(void)state;
	assert_text(0, "0 ns");
	assert_text(999, "999 ns");
	assert_text(1500, "1.5 us");
	assert_text(250 * MEARI_MS, "250 ms");
	assert_text(10 * MEARI_S, "10 s");
	assert_text(1500 * MEARI_MS, "1.5 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration_parse_limit_takes_units),
		cmocka_unit_test(test_duration_parse_limit_zero_is_never),
		cmocka_unit_test(
			test_duration_parse_limit_complains_in_one_line),
		cmocka_unit_test(test_duration_format_picks_the_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
