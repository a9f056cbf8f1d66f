/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "mappings.h"
#include "stat/tally.h"

#define THREADS 4
#define ROUNDS 20000

static struct tally *new_tally(size_t n_slots)
{
	struct tally *tally = NULL;

	assert_int_equal(tally_new(&tally, n_slots), 0);
	assert_non_null(tally);
	return tally;
}

static void test_new_counts_from_zero(void **state)
{
	struct tally *tally = new_tally(3);

	(void)state;
	for (int i = 0; i < TALLY_N; i++)
		assert_int_equal(tally_sum(tally, (enum tally_counter)i), 0);
	tally_free(tally);
}

static void test_new_without_memory_fails(void **state)
{
	struct tally *tally = NULL;

	(void)state;
	torture_start(1);
	assert_int_equal(tally_new(&tally, 1), -ENOMEM);
	assert_true(torture_stop());
	assert_null(tally);
}

static void test_free_unmaps_all(void **state)
{
	struct tally *tally = new_tally(100);

	(void)state;
	assert_in_range(mapped_bytes, 100 * sizeof(struct tally_slot),
			102 * sizeof(struct tally_slot));
	tally_free(tally);
	assert_int_equal(mapped_bytes, 0);
	tally_free(NULL);
}

static void test_slots_do_not_share_cache_lines(void **state)
{
	struct tally *tally = new_tally(2);

	(void)state;
	assert_int_equal((uintptr_t)tally_slot(tally, 0) % 64, 0);
	assert_int_equal((uintptr_t)tally_slot(tally, 1) % 64, 0);
	tally_free(tally);
}

static void test_slot_beyond_the_last_wraps(void **state)
{
	struct tally *tally = new_tally(3);

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		assert_ptr_equal(tally_slot(tally, i), &tally->slots[i]);
		assert_ptr_equal(tally_slot(tally, 3 + i), &tally->slots[i]);
	}
	assert_ptr_equal(tally_slot(tally, UINT64_MAX),
			 &tally->slots[UINT64_MAX % 3]);
	tally_free(tally);
}

static void test_sum_adds_all_slots_of_one_counter(void **state)
{
	struct tally *tally = new_tally(3);

	(void)state;
	tally_add(tally_slot(tally, 0), TALLY_SENT_BYTES, 1);
	tally_add(tally_slot(tally, 1), TALLY_SENT_BYTES, 20);
	tally_add(tally_slot(tally, 2), TALLY_SENT_BYTES, 300);
	tally_add(tally_slot(tally, 2), TALLY_SENT_BYTES, 1ull << 40);
	tally_add(tally_slot(tally, 1), TALLY_RECEIVED_BYTES, 7);
	assert_int_equal(tally_sum(tally, TALLY_SENT_BYTES),
			 321 + (1ull << 40));
	assert_int_equal(tally_sum(tally, TALLY_RECEIVED_BYTES), 7);
	assert_int_equal(tally_sum(tally, TALLY_ACCEPTED), 0);
	tally_free(tally);
}

static void test_sum_shows_what_a_child_counted(void **state)
{
	struct tally *tally = new_tally(2);
	int status = -1;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		tally_add(tally_slot(tally, 1), TALLY_ACCEPTED, 5);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	tally_add(tally_slot(tally, 1), TALLY_ACCEPTED, 1);
	assert_int_equal(tally_sum(tally, TALLY_ACCEPTED), 6);
	tally_free(tally);
}

/* In a slot of its own, and in one that all use. */
struct counting {
	struct tally *tally;
	uint64_t slot;
};

static void *count(void *arg)
{
	const struct counting *counting = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		tally_add(tally_slot(counting->tally, counting->slot),
			  TALLY_RECEIVED_DATAGRAMS, 1);
		tally_add(tally_slot(counting->tally, 0),
			  TALLY_SENT_DATAGRAMS, 2);
	}
	return NULL;
}

static void test_add_from_threads_loses_nothing(void **state)
{
	struct tally *tally = new_tally(THREADS);
	struct counting countings[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++) {
		countings[i] = (struct counting){ tally, i };
		assert_int_equal(pthread_create(&threads[i], NULL, count,
						&countings[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(tally_sum(tally, TALLY_RECEIVED_DATAGRAMS),
			 THREADS * ROUNDS);
	assert_int_equal(tally_sum(tally, TALLY_SENT_DATAGRAMS),
			 2 * THREADS * ROUNDS);
	tally_free(tally);
}

/* Metrics and logs are searched for these. */
static void test_names_are_unique_and_snake_case(void **state)
{
	(void)state;
	for (int i = 0; i < TALLY_N; i++) {
		const char *name = tally_name((enum tally_counter)i);

		assert_non_null(name);
		assert_true(strlen(name) > 0);
		for (const char *p = name; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '_');
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
				name, tally_name((enum tally_counter)j));
	}
}

static void test_names_of_some(void **state)
{
	(void)state;
	assert_string_equal(tally_name(TALLY_ACCEPTED), "accepted");
	assert_string_equal(tally_name(TALLY_RECEIVED_BYTES),
			    "received_bytes");
	assert_string_equal(tally_name(TALLY_DROPPED_ERROR), "dropped_error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_counts_from_zero),
		cmocka_unit_test(test_new_without_memory_fails),
		cmocka_unit_test(test_free_unmaps_all),
		cmocka_unit_test(test_slots_do_not_share_cache_lines),
		cmocka_unit_test(test_slot_beyond_the_last_wraps),
		cmocka_unit_test(test_sum_adds_all_slots_of_one_counter),
		cmocka_unit_test(test_sum_shows_what_a_child_counted),
		cmocka_unit_test(test_add_from_threads_loses_nothing),
		cmocka_unit_test(test_names_are_unique_and_snake_case),
		cmocka_unit_test(test_names_of_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
