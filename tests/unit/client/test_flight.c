/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/flight.h"

static bool malloc_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

static unsigned char byte_at(uint64_t position)
{
	/* Its period is no power of two, so a wrong index shows. */
	return (unsigned char)(position % 251);
}

static void fill(unsigned char *buf, uint64_t position, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(position + i);
}

static void append(struct flight *flight, size_t len)
{
	unsigned char *buf = __real_malloc(len);

	assert_non_null(buf);
	fill(buf, flight->end, len);
	assert_int_equal(flight_append(flight, buf, len), 0);
	free(buf);
}

/* Marks @len bytes as sent, and checks that they are the right ones. */
static void send_bytes(struct flight *flight, size_t len)
{
	while (len > 0) {
		size_t n;
		const unsigned char *data = flight_unsent(flight, &n);

		assert_true(n > 0);
		if (n > len)
			n = len;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(data[i], byte_at(flight->sent + i));
		flight_advance(flight, n);
		len -= n;
	}
}

static void return_bytes(struct flight *flight, size_t len)
{
	unsigned char *buf = __real_malloc(len);
	size_t good;

	assert_non_null(buf);
	fill(buf, flight->first, len);
	assert_int_equal(flight_match(flight, buf, len, &good), FLIGHT_SAME);
	assert_int_equal(good, len);
	free(buf);
}

static size_t random_up_to(size_t max)
{
	return max ? (size_t)random() % (max + 1) : 0;
}

static void test_flight_random_chunks_return_in_order(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct flight flight = { .data = NULL };

		srandom(seed);
		for (int i = 0; i < 400; i++) {
			size_t n = random_up_to(20000);

			if (n > 0)
				append(&flight, n);
			n = random_up_to((size_t)(flight.end - flight.sent));
			send_bytes(&flight, n);
			n = random_up_to((size_t)(flight.sent - flight.first));
			if (n > 0)
				return_bytes(&flight, n);
			assert_true(flight.end - flight.first <= flight.cap);
		}
		flight_deinit(&flight);
	}
}

static void test_flight_random_damage_is_found_where_it_is(void **state)
{
	unsigned char buf[5000];

	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		struct flight flight = { .data = NULL };
		size_t skip, at, good;

		srandom(seed);
		/* Start anywhere in the ring, so that the wrap is hit too. */
		skip = 1 + random_up_to(130000);
		append(&flight, skip);
		send_bytes(&flight, skip);
		return_bytes(&flight, skip);
		append(&flight, sizeof buf);
		send_bytes(&flight, sizeof buf);
		fill(buf, skip, sizeof buf);
		at = random_up_to(sizeof buf - 1);
		buf[at] ^= (unsigned char)(1 + random_up_to(254));
		assert_int_equal(flight_match(&flight, buf, sizeof buf, &good),
				 FLIGHT_DIFFERS);
		assert_int_equal(good, at);
		assert_int_equal(flight.first, skip + at);
		assert_int_equal(flight_front(&flight), byte_at(skip + at));
		flight_deinit(&flight);
	}
}

static void test_flight_match_unsent_bytes_are_surplus(void **state)
{
	struct flight flight = { .data = NULL };
	size_t good;

	(void)state;
	assert_int_equal(flight_append(&flight, "abcdef", 6), 0);
	flight_advance(&flight, 3);
	/* "d" would be right, but cannot be an echo: it has not left yet. */
	assert_int_equal(flight_match(&flight, "abcd", 4, &good),
			 FLIGHT_SURPLUS);
	assert_int_equal(good, 3);
	assert_int_equal(flight.first, 3);
	flight_deinit(&flight);
}

static void test_flight_match_empty_ring_is_surplus(void **state)
{
	struct flight flight = { .data = NULL };
	size_t good = 9;

	(void)state;
	assert_int_equal(flight_match(&flight, "x", 1, &good), FLIGHT_SURPLUS);
	assert_int_equal(good, 0);
	assert_int_equal(flight_match(&flight, "", 0, &good), FLIGHT_SAME);
}

static void test_flight_nul_bytes_count(void **state)
{
	struct flight flight = { .data = NULL };
	size_t good;

	(void)state;
	assert_int_equal(flight_append(&flight, "a\0b\0", 4), 0);
	flight_advance(&flight, 4);
	assert_int_equal(flight_match(&flight, "a\0c", 3, &good),
			 FLIGHT_DIFFERS);
	assert_int_equal(good, 2);
	flight_deinit(&flight);
}

static void test_flight_limit_leaves_no_room(void **state)
{
	struct flight flight = { .data = NULL };
	const size_t piece = 1u << 20;

	(void)state;
	assert_int_equal(flight_room(&flight), FLIGHT_LIMIT_BYTES);
	append(&flight, 100); /* the ring does not start at its beginning */
	send_bytes(&flight, 100);
	return_bytes(&flight, 100);
	for (size_t n = 0; n < FLIGHT_LIMIT_BYTES; n += piece)
		append(&flight, piece);
	assert_int_equal(flight_room(&flight), 0);
	assert_int_equal(flight.cap, FLIGHT_LIMIT_BYTES);
	send_bytes(&flight, FLIGHT_LIMIT_BYTES);
	return_bytes(&flight, 7);
	assert_int_equal(flight_room(&flight), 7);
	flight_deinit(&flight);
}

static void test_flight_append_without_memory_changes_nothing(void **state)
{
	static unsigned char more[70000];
	struct flight flight = { .data = NULL };

	(void)state;
	malloc_fails = true;
	assert_int_equal(flight_append(&flight, "a", 1), -ENOMEM);
	malloc_fails = false;
	assert_int_equal(flight.end, 0);
	append(&flight, 10);
	malloc_fails = true;
	assert_int_equal(flight_append(&flight, more, sizeof more), -ENOMEM);
	malloc_fails = false;
	assert_int_equal(flight.end, 10);
	send_bytes(&flight, 10);
	return_bytes(&flight, 10);
	flight_deinit(&flight);
}

static void test_flight_forget_frees_room_of_what_was_sent(void **state)
{
	struct flight flight = { .data = NULL };
	size_t len;

	(void)state;
	append(&flight, 100);
	send_bytes(&flight, 60);
	flight_forget(&flight);
	assert_int_equal(flight_room(&flight), FLIGHT_LIMIT_BYTES - 40);
	flight_unsent(&flight, &len);
	assert_int_equal(len, 40);
	flight_deinit(&flight);
}

static void test_flight_deinit_twice_is_harmless(void **state)
{
	struct flight flight = { .data = NULL };

	(void)state;
	flight_deinit(&flight);
	append(&flight, 1);
	flight_deinit(&flight);
	flight_deinit(&flight);
	assert_null(flight.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flight_random_chunks_return_in_order),
		cmocka_unit_test(
			test_flight_random_damage_is_found_where_it_is),
		cmocka_unit_test(test_flight_match_unsent_bytes_are_surplus),
		cmocka_unit_test(test_flight_match_empty_ring_is_surplus),
		cmocka_unit_test(test_flight_nul_bytes_count),
		cmocka_unit_test(test_flight_limit_leaves_no_room),
		cmocka_unit_test(
			test_flight_append_without_memory_changes_nothing),
		cmocka_unit_test(
			test_flight_forget_frees_room_of_what_was_sent),
		cmocka_unit_test(test_flight_deinit_twice_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
