/* SPDX-License-Identifier: MIT */
#include "engine/pending.h"

#include <errno.h>
#include <stdlib.h>

#include "cmocka_all.h"

static bool realloc_fails;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	return realloc_fails ? NULL : __real_realloc(old, size);
}

static void put(struct pending *pending, uint64_t number)
{
	const struct connection connection = { .number = number };

	assert_int_equal(pending_reserve(pending), 0);
	pending_put(pending, &connection);
}

static void expect(struct pending *pending, uint64_t number)
{
	struct connection connection;

	assert_true(pending_take(pending, &connection));
	assert_int_equal(connection.number, number);
}

static void test_take_from_an_empty_list_is_nothing(void **state)
{
	struct pending pending = { 0 };
	struct connection connection;

	(void)state;
	assert_true(pending_is_empty(&pending));
	assert_false(pending_take(&pending, &connection));
	pending_deinit(&pending);
}

static void test_order_is_kept_while_it_grows(void **state)
{
	struct pending pending = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		put(&pending, i);
	for (uint64_t i = 0; i < 1000; i++)
		expect(&pending, i);
	assert_true(pending_is_empty(&pending));
	pending_deinit(&pending);
}

/* One that is always emptied again does not grow. */
static void test_room_is_used_again(void **state)
{
	struct pending pending = { 0 };
	size_t cap;

	(void)state;
	put(&pending, 0);
	expect(&pending, 0);
	cap = pending.cap;
	for (uint64_t i = 1; i < 1000; i++) {
		put(&pending, i);
		expect(&pending, i);
	}
	assert_int_equal(pending.cap, cap);
	pending_deinit(&pending);
}

static void test_reserve_without_memory_changes_nothing(void **state)
{
	struct pending pending = { 0 };

	(void)state;
	realloc_fails = true;
	assert_int_equal(pending_reserve(&pending), -ENOMEM);
	realloc_fails = false;
	put(&pending, 1);
	while (pending.end < pending.cap)
		put(&pending, 1 + pending.end);
	realloc_fails = true;
	assert_int_equal(pending_reserve(&pending), -ENOMEM);
	realloc_fails = false;
	for (uint64_t i = 1; i <= pending.cap; i++)
		expect(&pending, i);
	pending_deinit(&pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_from_an_empty_list_is_nothing),
		cmocka_unit_test(test_order_is_kept_while_it_grows),
		cmocka_unit_test(test_room_is_used_again),
		cmocka_unit_test(test_reserve_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
