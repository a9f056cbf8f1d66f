/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "captured.h"
#include "server/choice.h"
#include "server/log.h"

/* Engines as the test wants them, in the place of the real ones. */
static const struct engine *engines[4];

const struct engine *__wrap_engine_at(size_t index);

const struct engine *__wrap_engine_at(size_t index)
{
	assert_true(index < 4);
	return engines[index];
}

static int probe_well(char *why)
{
	(void)why;
	return 0;
}

static int probe_badly(char *why)
{
	(void)snprintf(why, ENGINE_WHY, "this kernel lacks it");
	return -ENOSYS;
}

static int probe_worse(char *why)
{
	(void)snprintf(why, ENGINE_WHY, "it may not");
	return -EPERM;
}

static const struct engine all = {
	.name = "all",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX,
	.probe = probe_well,
};
static const struct engine tcp_only = {
	.name = "tcp_only",
	.caps = ENGINE_TCP,
	.probe = probe_well,
};
static const struct engine absent = {
	.name = "absent",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX,
	.probe = probe_badly,
};
static const struct engine forbidden = {
	.name = "forbidden",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX,
	.probe = probe_worse,
};

static const struct engine_listener listeners[] = {
	{
		.socktype = SOCK_STREAM,
		.addr = { .in = { .sin_family = AF_INET } },
	},
	{
		.socktype = SOCK_DGRAM,
		.addr = { .in = { .sin_family = AF_INET } },
	},
};

static void set_engines(const struct engine *a, const struct engine *b,
			const struct engine *c)
{
	engines[0] = a;
	engines[1] = b;
	engines[2] = c;
	log_set_level(LOG_NORMAL);
}

/* Succeeds; over the first @n_listeners. */
static const struct engine *chosen(const struct engine *asked,
				   size_t n_listeners)
{
	const struct engine *engine = NULL;
	struct meari_fail fail;

	assert_int_equal(choose_engine(asked, listeners, n_listeners, &engine,
				       &fail),
			 0);
	return engine;
}

static void assert_chooses_none(const struct engine *asked, int error,
				const char *text)
{
	char line[MEARI_FAIL_TEXT];
	const struct engine *engine = NULL;
	struct meari_fail fail = { .error = 0 };

	assert_int_equal(choose_engine(asked, listeners, 2, &engine, &fail),
			 error);
	assert_null(engine);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, line, sizeof line), text);
	assert_int_equal(choose_engine(asked, listeners, 2, &engine, NULL),
			 error);
}

static void test_choose_takes_the_first_silently(void **state)
{
	(void)state;
	set_engines(&all, &tcp_only, NULL);
	capture_start();
	assert_ptr_equal(chosen(NULL, 2), &all);
	assert_captured("");
}

static void test_choose_passes_over_those_that_cannot(void **state)
{
	(void)state;
	set_engines(&absent, &tcp_only, &all);
	capture_start();
	assert_ptr_equal(chosen(NULL, 2), &all);
	assert_captured("meari: passed over engine absent: this kernel lacks "
			"it\n"
			"meari: passed over engine tcp_only: does not serve "
			"UDP\n");
}

static void test_choose_looks_at_what_is_to_be_served(void **state)
{
	(void)state;
	set_engines(&tcp_only, &all, NULL);
	capture_start();
	assert_ptr_equal(chosen(NULL, 1), &tcp_only);
	assert_captured("");
}

static void test_choose_asked_for_is_taken(void **state)
{
	(void)state;
	set_engines(&all, &tcp_only, NULL);
	capture_start();
	assert_ptr_equal(chosen(&tcp_only, 1), &tcp_only);
	assert_captured("");
}

static void test_choose_asked_for_is_never_replaced(void **state)
{
	(void)state;
	set_engines(&all, &absent, &tcp_only);
	capture_start();
	assert_chooses_none(&absent, -ENOSYS,
			    "engine absent: this kernel lacks it");
	assert_chooses_none(&tcp_only, -EOPNOTSUPP,
			    "engine tcp_only: does not serve UDP");
	assert_captured("");
}

static void test_choose_none_can_says_why_the_last_cannot(void **state)
{
	(void)state;
	set_engines(&absent, &forbidden, NULL);
	capture_start();
	assert_chooses_none(NULL, -EPERM, "engine forbidden: it may not");
	assert_captured("meari: passed over engine absent: this kernel lacks "
			"it\n"
			"meari: passed over engine forbidden: it may not\n"
			"meari: passed over engine absent: this kernel lacks "
			"it\n"
			"meari: passed over engine forbidden: it may not\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, capture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_choose_takes_the_first_silently),
		TEST(test_choose_passes_over_those_that_cannot),
		TEST(test_choose_looks_at_what_is_to_be_served),
		TEST(test_choose_asked_for_is_taken),
		TEST(test_choose_asked_for_is_never_replaced),
		TEST(test_choose_none_can_says_why_the_last_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
