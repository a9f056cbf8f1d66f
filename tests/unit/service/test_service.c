/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "cmocka_all.h"
#include "service/service.h"

static const struct service expected[] = {
	{ .name = "echo", .echoes = true, .datagrams = true },
	{ .name = "discard", .datagrams = true },
	{ .name = "message", .greets = true, .closes = true },
};

#define N_EXPECTED (sizeof expected / sizeof expected[0])

static void test_at_lists_all_in_order_then_null(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXPECTED; i++) {
		assert_non_null(service_at(i));
		assert_string_equal(service_at(i)->name, expected[i].name);
	}
	assert_null(service_at(N_EXPECTED));
	assert_null(service_at(SIZE_MAX));
}

static void test_find_of_each_name_is_its_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXPECTED; i++)
		assert_ptr_equal(service_find(expected[i].name),
				 service_at(i));
}

static void test_find_of_another_name_is_null(void **state)
{
	static const char *const names[] = { "", "ech", "echoo", "Echo",
					     "echo ", "chargen" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_null(service_find(names[i]));
}

static void test_rows_say_what_is_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXPECTED; i++) {
		const struct service *service = service_at(i);

		assert_int_equal(service->echoes, expected[i].echoes);
		assert_int_equal(service->greets, expected[i].greets);
		assert_int_equal(service->closes, expected[i].closes);
		assert_int_equal(service->datagrams, expected[i].datagrams);
	}
}

static void test_rows_have_a_summary_of_one_line(void **state)
{
	const struct service *service;

	(void)state;
	for (size_t i = 0; (service = service_at(i)); i++) {
		assert_in_range(strlen(service->summary), 1, 60);
		assert_null(strchr(service->summary, '\n'));
	}
}

/* A reply larger than its request would amplify what a forger sends. */
static void test_rows_that_greet_are_not_for_datagrams(void **state)
{
	const struct service *service;

	(void)state;
	for (size_t i = 0; (service = service_at(i)); i++)
		assert_false(service->greets && service->datagrams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_lists_all_in_order_then_null),
		cmocka_unit_test(test_find_of_each_name_is_its_row),
		cmocka_unit_test(test_find_of_another_name_is_null),
		cmocka_unit_test(test_rows_say_what_is_done),
		cmocka_unit_test(test_rows_have_a_summary_of_one_line),
		cmocka_unit_test(test_rows_that_greet_are_not_for_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
