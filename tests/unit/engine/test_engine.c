/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cmocka_all.h"
#include "engine/engine.h"

static const struct meari_addr tcp4 = {
	.len = sizeof tcp4.in,
	.in = { .sin_family = AF_INET },
};

static const struct meari_addr tcp6 = {
	.len = sizeof tcp6.in6,
	.in6 = { .sin6_family = AF_INET6 },
};

static const struct meari_addr local = {
	.len = sizeof local.un,
	.un = { .sun_family = AF_UNIX },
};

static size_t n_engines(void)
{
	size_t n = 0;

	while (engine_at(n))
		n++;
	return n;
}

static void test_at_ends_in_null(void **state)
{
	(void)state;
	assert_true(n_engines() >= 1);
	assert_null(engine_at(n_engines()));
	assert_null(engine_at(n_engines() + 1));
	assert_null(engine_at(SIZE_MAX));
}

/* Who does not choose gets one that serves clients side by side. */
static void test_at_prefers_the_concurrent(void **state)
{
	bool concurrent_is_over = false;

	(void)state;
	for (size_t i = 0; i < n_engines(); i++) {
		bool concurrent = engine_at(i)->caps & ENGINE_CONCURRENT;

		assert_false(concurrent && concurrent_is_over);
		concurrent_is_over = !concurrent;
	}
}

static void test_rows_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_engines(); i++) {
		const struct engine *engine = engine_at(i);

		assert_in_range(strlen(engine->name), 1, 12);
		assert_in_range(strlen(engine->summary), 1, 70);
		assert_true(engine->caps &
			    (ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX));
		assert_non_null(engine->probe);
		assert_non_null(engine->start);
		assert_non_null(engine->run);
		assert_non_null(engine->free);
		engine->free(NULL);
	}
}

static void test_names_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_engines(); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(engine_at(i)->name,
						engine_at(j)->name);
}

static void test_probe_that_fails_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_engines(); i++) {
		char why[ENGINE_WHY] = "";
		int r = engine_at(i)->probe(why);

		assert_true(r <= 0);
		assert_true(r == 0 || why[0] != '\0');
		assert_non_null(memchr(why, '\0', sizeof why));
	}
}

static void test_find_of_each_name_is_its_engine(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_engines(); i++)
		assert_ptr_equal(engine_find(engine_at(i)->name),
				 engine_at(i));
}

static void test_find_of_another_name_is_null(void **state)
{
	static const char *const names[] = { "", "auto", "Thread", "thread ",
					     "threads" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_null(engine_find(names[i]));
}

static void test_lacks_names_what_is_not_among_the_caps(void **state)
{
	static const struct {
		const struct meari_addr *addr;
		int socktype;
		uint32_t cap;
		const char *words;
	} rows[] = {
		{ &tcp4, SOCK_STREAM, ENGINE_TCP, "TCP" },
		{ &tcp6, SOCK_STREAM, ENGINE_TCP, "TCP" },
		{ &tcp4, SOCK_DGRAM, ENGINE_UDP, "UDP" },
		{ &tcp6, SOCK_DGRAM, ENGINE_UDP, "UDP" },
		{ &local, SOCK_STREAM, ENGINE_UNIX, "Unix sockets" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct engine only = { .caps = rows[i].cap };
		const struct engine others = { .caps = ~rows[i].cap };

		assert_null(engine_lacks(&only, rows[i].addr,
					 rows[i].socktype));
		assert_string_equal(engine_lacks(&others, rows[i].addr,
						 rows[i].socktype),
				    rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_ends_in_null),
		cmocka_unit_test(test_at_prefers_the_concurrent),
		cmocka_unit_test(test_rows_are_complete),
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_probe_that_fails_says_why),
		cmocka_unit_test(test_find_of_each_name_is_its_engine),
		cmocka_unit_test(test_find_of_another_name_is_null),
		cmocka_unit_test(test_lacks_names_what_is_not_among_the_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
