/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include <meari/clock.h>

#include "base/parse.h"

/* What no parser may write on failure. */
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct good {
	const char *text;
	uint64_t value;
};

/* Never a number, whatever the units. */
static const char *const never_numbers[] = {
	"", " ", "1 ", " 1", "\t1", "1\n", "+1", "-1", "-0", "0x10", "1e3",
	"1,000", "1_000", "x", "k", "ns", "1kk", "1 k", "1K", "1ki", "1B",
	"--1", "1-", "\xff", "1\xff", "\xd9\xa1", "1.5.5", "1..5", ".", ".5",
	"1.", "1.s", "1.x", "1. 5", "1.-5", "inf", "nan",
};

static void refuses(int (*parse)(const char *text, uint64_t *ret),
		    const char *text, int expected)
{
	uint64_t value = UNTOUCHED;

	assert_int_equal(parse(text, &value), expected);
	assert_true(value == UNTOUCHED);
}

static void refuses_all(int (*parse)(const char *text, uint64_t *ret),
			const char *const *texts, size_t n, int expected)
{
	for (size_t i = 0; i < n; i++)
		refuses(parse, texts[i], expected);
}

static void accepts_all(int (*parse)(const char *text, uint64_t *ret),
			const struct good *good, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;

		assert_int_equal(parse(good[i].text, &value), 0);
		assert_int_equal(value, good[i].value);
	}
}

static int any_u64(const char *text, uint64_t *ret)
{
	return parse_u64(text, UINT64_MAX, ret);
}

static int port(const char *text, uint64_t *ret)
{
	return parse_u64(text, 65535, ret);
}

static int any_bytes(const char *text, uint64_t *ret)
{
	return parse_bytes(text, UINT64_MAX, ret);
}

static int seconds(const char *text, uint64_t *ret)
{
	return parse_duration(text, MEARI_S, ret);
}

static void test_u64_digits_are_taken(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "007", 7 },
		{ "65536", 65536 },
		{ "18446744073709551615", UINT64_MAX },
		{ "00000000000000000000000000000018446744073709551615",
		  UINT64_MAX },
	};

	(void)state;
	accepts_all(any_u64, good, COUNT(good));
}

static void test_u64_anything_else_is_invalid(void **state)
{
	static const char *const with_units[] = { "1k", "1s", "1.5" };

	(void)state;
	refuses_all(any_u64, never_numbers, COUNT(never_numbers), -EINVAL);
	refuses_all(any_u64, with_units, COUNT(with_units), -EINVAL);
}

static void test_u64_past_64_bits_is_out_of_range(void **state)
{
	static const char *const big[] = {
		"18446744073709551616",
		"18446744073709551620",
		"184467440737095516150",
		"99999999999999999999999999",
	};

	(void)state;
	refuses_all(any_u64, big, COUNT(big), -ERANGE);
}

static void test_u64_past_maximum_is_out_of_range(void **state)
{
	static const struct good good[] = { { "65535", 65535 } };

	(void)state;
	accepts_all(port, good, COUNT(good));
	refuses(port, "65536", -ERANGE);
	refuses(port, "65536x", -EINVAL);
}

static void test_bytes_units_multiply(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "64", 64 },
		{ "0Gi", 0 },
		{ "3k", 3000 },
		{ "3Ki", 3072 },
		{ "2M", 2000000 },
		{ "2Mi", 2097152 },
		{ "5G", 5000000000 },
		{ "5Gi", 5368709120 },
		{ "17179869183Gi", UINT64_MAX - (1ull << 30) + 1 },
		{ "18446744073709551615", UINT64_MAX },
	};

	(void)state;
	accepts_all(any_bytes, good, COUNT(good));
}

static void test_bytes_anything_else_is_invalid(void **state)
{
	static const char *const others[] = { "1m", "1g", "1T", "1Kib", "1s",
					      "1.5k", "1.5" };

	(void)state;
	refuses_all(any_bytes, never_numbers, COUNT(never_numbers), -EINVAL);
	refuses_all(any_bytes, others, COUNT(others), -EINVAL);
}

static void test_bytes_product_that_does_not_fit_is_out_of_range(void **state)
{
	static const char *const big[] = {
		"17179869184Gi",
		"18446744073709551615k",
		"18446744073709551616",
	};

	(void)state;
	refuses_all(any_bytes, big, COUNT(big), -ERANGE);
}

static int a_block(const char *text, uint64_t *ret)
{
	return parse_bytes(text, 4096, ret);
}

static void test_bytes_maximum_is_compared_in_bytes(void **state)
{
	static const struct good good[] = { { "4Ki", 4096 }, { "4k", 4000 } };

	(void)state;
	accepts_all(a_block, good, COUNT(good));
	refuses(a_block, "4097", -ERANGE);
	refuses(a_block, "5k", -ERANGE);
}

static void test_duration_units_multiply(void **state)
{
	static const struct good good[] = {
		{ "0", 0 },
		{ "2", 2000000000 },
		{ "7ns", 7 },
		{ "7us", 7000 },
		{ "7ms", 7000000 },
		{ "7s", 7000000000 },
		{ "7m", 420000000000 },
		{ "7h", 25200000000000 },
		{ "5124095h", 18446742000000000000u },
	};

	(void)state;
	accepts_all(seconds, good, COUNT(good));
}

static void test_duration_fractions_are_exact_to_the_nanosecond(void **state)
{
	static const struct good good[] = {
		{ "1.5", 1500000000 },
		{ "0.25s", 250000000 },
		{ "1.000000001s", 1000000001 },
		{ "1.0000000019s", 1000000001 },
		{ "0.5m", 30000000000 },
		{ "1.5ns", 1 },
		{ "0.0000000001h", 360 },
		{ "0.000000000001h", 3 },
		{ "0.123456789012345678901234567890h", 444444440444 },
		{ "0.999999999999999999999999999999h", 3599999999999 },
		{ "1.50000000000000000000000000000000000000000s",
		  1500000000 },
	};

	(void)state;
	accepts_all(seconds, good, COUNT(good));
}

static int bare_ms(const char *text, uint64_t *ret)
{
	return parse_duration(text, MEARI_MS, ret);
}

static void test_duration_without_unit_takes_the_callers(void **state)
{
	static const struct good good[] = {
		{ "20", 20000000 },
		{ "0.5", 500000 },
		{ "20s", 20000000000 },
	};

	(void)state;
	accepts_all(bare_ms, good, COUNT(good));
}

static int bare_huge(const char *text, uint64_t *ret)
{
	return parse_duration(text, UINT64_MAX, ret);
}

static void test_duration_largest_bare_unit_does_not_wrap(void **state)
{
	static const struct good good[] = { { "0.5", UINT64_MAX / 2 } };

	(void)state;
	accepts_all(bare_huge, good, COUNT(good));
	refuses(bare_huge, "1", -ERANGE);
	refuses(bare_huge, "2", -ERANGE);
}

static void test_duration_anything_else_is_invalid(void **state)
{
	static const char *const others[] = { "1d", "1sec", "1S", "1mss",
					      "1s ", "1k", "1s1s" };

	(void)state;
	refuses_all(seconds, never_numbers, COUNT(never_numbers), -EINVAL);
	refuses_all(seconds, others, COUNT(others), -EINVAL);
}

static void test_duration_that_does_not_fit_is_out_of_range(void **state)
{
	static const char *const big[] = {
		"5124096h",
		"18446744074s",
		"18446744073.709551616s",
		"18446744073709551616ns",
	};
	static const struct good last[] = {
		{ "18446744073.709551614s", MEARI_NEVER - 1 },
	};

	(void)state;
	refuses_all(seconds, big, COUNT(big), -ERANGE);
	accepts_all(seconds, last, COUNT(last));
}

/* MEARI_NEVER means "for ever": no typed number may turn into it. */
static void test_duration_that_would_mean_never_is_out_of_range(void **state)
{
	(void)state;
	refuses(seconds, "18446744073709551615ns", -ERANGE);
	refuses(seconds, "18446744073.709551615s", -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64_digits_are_taken),
		cmocka_unit_test(test_u64_anything_else_is_invalid),
		cmocka_unit_test(test_u64_past_64_bits_is_out_of_range),
		cmocka_unit_test(test_u64_past_maximum_is_out_of_range),
		cmocka_unit_test(test_bytes_units_multiply),
		cmocka_unit_test(test_bytes_anything_else_is_invalid),
		cmocka_unit_test(
			test_bytes_product_that_does_not_fit_is_out_of_range),
		cmocka_unit_test(test_bytes_maximum_is_compared_in_bytes),
		cmocka_unit_test(test_duration_units_multiply),
		cmocka_unit_test(
			test_duration_fractions_are_exact_to_the_nanosecond),
		cmocka_unit_test(test_duration_without_unit_takes_the_callers),
		cmocka_unit_test(test_duration_largest_bare_unit_does_not_wrap),
		cmocka_unit_test(test_duration_anything_else_is_invalid),
		cmocka_unit_test(
			test_duration_that_does_not_fit_is_out_of_range),
		cmocka_unit_test(
			test_duration_that_would_mean_never_is_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
