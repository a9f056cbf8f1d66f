/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <time.h>

#include <meari/clock.h>

static struct {
	bool armed;
	struct timespec now;
	clockid_t asked;
} fake;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	fake.asked = clock;
	if (!fake.armed)
		return __real_clock_gettime(clock, ts);
	*ts = fake.now;
	return 0;
}

static void set_clock(time_t sec, long nsec)
{
	fake.armed = true;
	fake.now = (struct timespec){ .tv_sec = sec, .tv_nsec = nsec };
}

static int teardown(void **state)
{
	(void)state;
	fake.armed = false;
	return 0;
}

static void test_now_counts_nanoseconds(void **state)
{
	(void)state;
	set_clock(12, 345678901);
	assert_int_equal(meari_now_ns(), 12345678901);
	assert_int_equal(fake.asked, CLOCK_MONOTONIC);
}

static void test_now_past_32_bits_of_seconds_counts_on(void **state)
{
	(void)state;
	set_clock(5000000000, 7);
	assert_int_equal(meari_now_ns(), 5000000000000000007);
}

static void test_now_read_twice_does_not_go_back(void **state)
{
	uint64_t before = meari_now_ns();

	(void)state;
	assert_true(before > 0);
	assert_true(meari_now_ns() >= before);
	assert_true(meari_now_ns() != MEARI_NEVER);
}

static void test_after_adds_to_now(void **state)
{
	(void)state;
	set_clock(1, 500000000);
	assert_int_equal(meari_after_ns(0), 1500000000);
	assert_int_equal(meari_after_ns(2 * MEARI_S + 3 * MEARI_MS + MEARI_US),
			 3503001000);
}

static void test_after_never_stays_never(void **state)
{
	(void)state;
	set_clock(1, 0);
	assert_true(meari_after_ns(MEARI_NEVER) == MEARI_NEVER);
	set_clock(0, 0);
	assert_true(meari_after_ns(MEARI_NEVER) == MEARI_NEVER);
}

static void test_after_sum_that_does_not_fit_is_never(void **state)
{
	(void)state;
	set_clock(1, 0);
	assert_true(meari_after_ns(UINT64_MAX - MEARI_S - 1) ==
		    UINT64_MAX - 1);
	assert_true(meari_after_ns(UINT64_MAX - MEARI_S) == MEARI_NEVER);
	assert_true(meari_after_ns(UINT64_MAX - MEARI_S + 1) == MEARI_NEVER);
	assert_true(meari_after_ns(UINT64_MAX - 1) == MEARI_NEVER);
}

#define TEST(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_now_counts_nanoseconds),
		TEST(test_now_past_32_bits_of_seconds_counts_on),
		TEST(test_now_read_twice_does_not_go_back),
		TEST(test_after_adds_to_now),
		TEST(test_after_never_stays_never),
		TEST(test_after_sum_that_does_not_fit_is_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
