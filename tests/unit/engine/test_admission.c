/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "engine/admission.h"

#define THREADS 8
#define ADMITTED 1000

static _Atomic uint64_t admitted;

static struct engine_env env_of(uint64_t max_admitted)
{
	struct engine_env env = {
		.limits = { .max_admitted = max_admitted },
		.admitted = &admitted,
		.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	assert_true(env.stop_fd >= 0);
	atomic_store(&admitted, 0);
	return env;
}

/* How often the stop was raised. */
static uint64_t raised(const struct engine_env *env)
{
	eventfd_t count = 0;

	(void)eventfd_read(env->stop_fd, &count);
	return count;
}

static void test_take_without_a_bound_always_may(void **state)
{
	struct engine_env env = env_of(0);

	(void)state;
	env.admitted = NULL; /* is not looked at */
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(admission_take(&env));
		admission_done(&env);
	}
	assert_true(admission_take(&env));
	admission_return(&env);
	assert_false(admission_closed(&env));
	assert_int_equal(raised(&env), 0);
	(void)close(env.stop_fd);
}

static void test_take_ends_at_the_bound(void **state)
{
	struct engine_env env = env_of(3);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_false(admission_closed(&env));
		assert_true(admission_take(&env));
	}
	assert_true(admission_closed(&env));
	assert_false(admission_take(&env));
	assert_false(admission_take(&env));
	(void)close(env.stop_fd);
}

static void test_return_makes_room_for_another(void **state)
{
	struct engine_env env = env_of(1);

	(void)state;
	assert_true(admission_take(&env));
	admission_return(&env);
	assert_false(admission_closed(&env));
	assert_true(admission_take(&env));
	assert_false(admission_take(&env));
	assert_int_equal(raised(&env), 0);
	(void)close(env.stop_fd);
}

static void test_done_makes_no_room(void **state)
{
	struct engine_env env = env_of(2);

	(void)state;
	assert_true(admission_take(&env));
	admission_done(&env);
	assert_true(admission_take(&env));
	assert_true(admission_closed(&env));
	assert_false(admission_take(&env));
	(void)close(env.stop_fd);
}

static void test_done_of_the_last_raises_the_stop(void **state)
{
	struct engine_env env = env_of(3);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_true(admission_take(&env));
	admission_done(&env);
	admission_done(&env);
	assert_int_equal(raised(&env), 0);
	admission_done(&env);
	assert_int_equal(raised(&env), 1);
	(void)close(env.stop_fd);
}

/* All that are admitted are over, but not all that may be admitted. */
static void test_done_before_the_bound_does_not_stop(void **state)
{
	struct engine_env env = env_of(2);

	(void)state;
	assert_true(admission_take(&env));
	assert_true(admission_take(&env));
	admission_return(&env);
	admission_done(&env);
	assert_int_equal(raised(&env), 0);
	assert_true(admission_take(&env));
	admission_done(&env);
	assert_int_equal(raised(&env), 1);
	(void)close(env.stop_fd);
}

struct worker {
	const struct engine_env *env;
	uint64_t taken;
};

/* Every third does not come after all. */
static void *take_all(void *arg)
{
	struct worker *worker = arg;

	for (unsigned i = 0; !admission_closed(worker->env); i++) {
		if (!admission_take(worker->env))
			continue;
		if (i % 3 == 0) {
			admission_return(worker->env);
			continue;
		}
		worker->taken++;
		admission_done(worker->env);
	}
	return NULL;
}

static void test_take_among_threads_is_exact(void **state)
{
	struct engine_env env = env_of(ADMITTED);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	uint64_t taken = 0;

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .env = &env };
		assert_int_equal(pthread_create(&threads[i], NULL, take_all,
						&workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		taken += workers[i].taken;
	}
	/* What a thread held and gave back may have sent all others home. */
	while (admission_take(&env)) {
		taken++;
		admission_done(&env);
	}
	assert_int_equal(taken, ADMITTED);
	assert_int_equal(raised(&env), 1);
	(void)close(env.stop_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_without_a_bound_always_may),
		cmocka_unit_test(test_take_ends_at_the_bound),
		cmocka_unit_test(test_return_makes_room_for_another),
		cmocka_unit_test(test_done_makes_no_room),
		cmocka_unit_test(test_done_of_the_last_raises_the_stop),
		cmocka_unit_test(test_done_before_the_bound_does_not_stop),
		cmocka_unit_test(test_take_among_threads_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
