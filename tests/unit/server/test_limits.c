/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "cmocka_all.h"
#include "server/limits.h"

/* Beside connections and listeners, as limits.c says. */
#define RESERVE 16

/* The kernel's part. */
static struct {
	struct rlimit limit;
	bool get_fails;
	bool set_fails;
	unsigned sets;
} kernel;

/* What glibc makes of getrlimit and setrlimit where files may be large. */
int __wrap_getrlimit64(int resource, struct rlimit *limit);
int __wrap_setrlimit64(int resource, const struct rlimit *limit);

int __wrap_getrlimit64(int resource, struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_NOFILE);
	errno = EPERM;
	if (kernel.get_fails)
		return -1;
	*limit = kernel.limit;
	return 0;
}

int __wrap_setrlimit64(int resource, const struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_NOFILE);
	assert_true(limit->rlim_cur <= limit->rlim_max);
	assert_true(limit->rlim_max == kernel.limit.rlim_max);
	kernel.sets++;
	errno = EPERM;
	if (kernel.set_fails)
		return -1;
	kernel.limit = *limit;
	return 0;
}

static void set_kernel(rlim_t soft, rlim_t hard)
{
	kernel.limit = (struct rlimit){ .rlim_cur = soft, .rlim_max = hard };
	kernel.get_fails = false;
	kernel.set_fails = false;
	kernel.sets = 0;
}

static struct descriptor_limit fit(unsigned asked, size_t n_listeners)
{
	struct descriptor_limit limit = { .max_connections = 4711 };

	assert_int_equal(limits_fit(asked, n_listeners, &limit), 0);
	return limit;
}

static void test_fit_enough_changes_nothing(void **state)
{
	struct descriptor_limit limit;

	(void)state;
	set_kernel(1024, 4096);
	limit = fit(1024 - RESERVE - 4, 4);
	assert_int_equal(limit.max_connections, 1024 - RESERVE - 4);
	assert_int_equal(limit.needed, 1024);
	assert_int_equal(limit.allowed, 1024);
	assert_int_equal(kernel.sets, 0);
}

static void test_fit_raises_to_what_is_needed(void **state)
{
	struct descriptor_limit limit;

	(void)state;
	set_kernel(1024, 4096);
	limit = fit(2000, 4);
	assert_int_equal(limit.max_connections, 2000);
	assert_int_equal(limit.needed, 2000 + RESERVE + 4);
	assert_int_equal(limit.allowed, 2000 + RESERVE + 4);
	assert_int_equal(kernel.limit.rlim_cur, 2000 + RESERVE + 4);
	assert_int_equal(kernel.limit.rlim_max, 4096);
}

static void test_fit_raises_no_higher_than_the_hard_limit(void **state)
{
	struct descriptor_limit limit;

	(void)state;
	set_kernel(1024, 4096);
	limit = fit(10000, 4);
	assert_int_equal(limit.max_connections, 4096 - RESERVE - 4);
	assert_int_equal(limit.needed, 10000 + RESERVE + 4);
	assert_int_equal(limit.allowed, 4096);
	assert_int_equal(kernel.limit.rlim_cur, 4096);
}

static void test_fit_without_a_hard_limit_gives_all(void **state)
{
	struct descriptor_limit limit;

	(void)state;
	set_kernel(1024, RLIM_INFINITY);
	limit = fit(UINT_MAX, 1);
	assert_int_equal(limit.max_connections, UINT_MAX);
	assert_int_equal(limit.allowed, UINT_MAX + 1ull + RESERVE);
	set_kernel(RLIM_INFINITY, RLIM_INFINITY);
	limit = fit(UINT_MAX, 1);
	assert_int_equal(limit.max_connections, UINT_MAX);
	assert_int_equal(kernel.sets, 0);
}

static void test_fit_raise_refused_takes_what_there_is(void **state)
{
	struct descriptor_limit limit;

	(void)state;
	set_kernel(1024, 4096);
	kernel.set_fails = true;
	limit = fit(2000, 4);
	assert_int_equal(kernel.sets, 1);
	assert_int_equal(limit.max_connections, 1024 - RESERVE - 4);
	assert_int_equal(limit.allowed, 1024);
}

static void test_fit_next_to_nothing_still_gives_one(void **state)
{
	(void)state;
	set_kernel(3, 3);
	assert_int_equal(fit(100, 4).max_connections, 1);
	set_kernel(RESERVE + 4, RESERVE + 4);
	assert_int_equal(fit(100, 4).max_connections, 1);
	set_kernel(RESERVE + 5, RESERVE + 5);
	assert_int_equal(fit(100, 4).max_connections, 1);
	set_kernel(RESERVE + 6, RESERVE + 6);
	assert_int_equal(fit(100, 4).max_connections, 2);
}

static void test_fit_unknown_limit_fails(void **state)
{
	struct descriptor_limit limit = { .max_connections = 4711 };

	(void)state;
	set_kernel(1024, 4096);
	kernel.get_fails = true;
	assert_int_equal(limits_fit(10, 1, &limit), -EPERM);
	assert_int_equal(limit.max_connections, 4711);
	assert_int_equal(kernel.sets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit_enough_changes_nothing),
		cmocka_unit_test(test_fit_raises_to_what_is_needed),
		cmocka_unit_test(test_fit_raises_no_higher_than_the_hard_limit),
		cmocka_unit_test(test_fit_without_a_hard_limit_gives_all),
		cmocka_unit_test(test_fit_raise_refused_takes_what_there_is),
		cmocka_unit_test(test_fit_next_to_nothing_still_gives_one),
		cmocka_unit_test(test_fit_unknown_limit_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
