/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/exchange.h"
#include "client/flight.h"
#include "world.h"

/* Which allocation fails; 0: none. */
static unsigned fail_at;

static bool allocation_fails(void)
{
	return fail_at > 0 && --fail_at == 0;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

static const struct exchange compared = {
	.infd = INFD,
	.outfd = OUTFD,
	.sockfd = SOCKFD,
	.timeout_ns = 10 * MEARI_S,
};

static const struct exchange uncompared = {
	.infd = INFD,
	.outfd = OUTFD,
	.sockfd = SOCKFD,
	.raw = true,
	.timeout_ns = 10 * MEARI_S,
};

static struct exchange_report play(const struct exchange *exchange,
				   struct world scene)
{
	struct exchange_report report = { .ending = EXCHANGE_WELL };

	world = scene;
	assert_int_equal(exchange_stream(exchange, &report), 0);
	/* Whatever the ending is: what was received has been shown. */
	if (report.ending != EXCHANGE_OUTPUT)
		assert_int_equal(world.written, world.received);
	assert_int_equal(report.sent, world.sent);
	assert_int_equal(report.received, world.received);
	return report;
}

static void test_stream_echo_ends_well(void **state)
{
	struct exchange_report report = play(&compared, echo_of(300000));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(report.sent, 300000);
	assert_int_equal(report.returned, 300000);
	assert_int_equal(report.unsent, 0);
	assert_int_equal(world.shutdowns, 1);
}

static void test_stream_empty_input_half_closes_at_once(void **state)
{
	struct exchange_report report = play(&compared, echo_of(0));

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(world.shutdowns, 1);
	assert_int_equal(report.sent, 0);
}

/* A scene of random pace: any peer that reads ahead a little only. */
static struct world random_scene(unsigned seed)
{
	struct world scene;

	srandom(seed);
	scene = echo_of((size_t)random() % 200000);
	scene.reluctant = true;
	scene.most = 1 + (size_t)random() % 30000;
	scene.room = 1 + (size_t)random() % 50000;
	scene.output_busy = (unsigned)random() % 20;
	return scene;
}

static void test_stream_random_pace_ends_well(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct exchange_report report =
			play(&compared, random_scene(seed));

		assert_int_equal(report.ending, EXCHANGE_WELL);
		assert_int_equal(report.returned, world.input_len);
		assert_int_equal(world.shutdowns, 1);
	}
}

static void test_stream_random_pace_finds_the_wrong_byte(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct world scene = random_scene(seed);
		struct exchange_report report;

		scene.input_len++;
		scene.corrupt_at = (size_t)random() % scene.input_len;
		report = play(&compared, scene);
		assert_int_equal(report.ending, EXCHANGE_DIFFERS);
		assert_int_equal(report.offset, scene.corrupt_at);
		assert_int_equal(report.returned, scene.corrupt_at);
		assert_int_equal(report.expected, typed_byte(scene.corrupt_at));
		assert_int_equal(report.got, echoed_byte(scene.corrupt_at));
	}
}

static void test_stream_random_pace_counts_what_is_missing(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct world scene = random_scene(seed);
		struct exchange_report report;

		scene.input_len++;
		scene.echo_len = (size_t)random() % scene.input_len;
		scene.room = NOWHERE;
		report = play(&compared, scene);
		assert_int_equal(report.ending, EXCHANGE_CLOSED);
		assert_int_equal(report.sent, scene.input_len);
		assert_int_equal(report.returned, scene.echo_len);
	}
}

static void test_stream_raw_random_pace_ends_well(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 30; seed++) {
		struct world scene = random_scene(seed);

		scene.corrupt_at = 0;
		scene.extra = 10;
		assert_int_equal(play(&uncompared, scene).ending,
				 EXCHANGE_WELL);
	}
}

static void test_stream_surplus_is_found_behind_the_echo(void **state)
{
	struct world scene = echo_of(12);
	struct exchange_report report;

	(void)state;
	scene.extra = 3;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_SURPLUS);
	assert_int_equal(report.offset, 12);
	assert_int_equal(report.got, echoed_byte(12));
	assert_int_equal(world.written, 15);
}

static void test_stream_peer_ends_while_input_is_open(void **state)
{
	struct world scene = echo_of(6);
	struct exchange_report report;

	(void)state;
	scene.input_stays_open = true;
	scene.echo_len = 6;
	scene.ends_early = true;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_CLOSED);
	assert_int_equal(report.returned, 6);
	assert_int_equal(world.shutdowns, 0);
}

static void test_stream_raw_peer_may_end_first(void **state)
{
	struct world scene = echo_of(0);
	struct exchange_report report;

	(void)state;
	scene.input_stays_open = true;
	scene.echo_len = 0;
	scene.extra = 20;
	scene.ends_early = true;
	report = play(&uncompared, scene);
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(report.received, 20);
}

static void test_stream_reset_is_told_with_what_is_missing(void **state)
{
	struct world scene = echo_of(100);
	struct exchange_report report;

	(void)state;
	scene.echo_len = 40;
	scene.receive_error = -ECONNRESET;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -ECONNRESET);
	assert_int_equal(report.returned, 40);
}

static void test_stream_reset_behind_a_whole_echo_is_no_end(void **state)
{
	struct world scene = echo_of(100);
	struct exchange_report report;

	(void)state;
	scene.receive_error = -ECONNRESET;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.returned, 100);
}

static void test_stream_raw_reset_is_told(void **state)
{
	struct world scene = echo_of(10);

	(void)state;
	scene.receive_error = -ECONNRESET;
	assert_int_equal(play(&uncompared, scene).ending, EXCHANGE_BROKEN);
}

/* The peer goes away while we send: what it sent before is still received. */
static struct exchange_report send_fails(int error, bool peer_ends)
{
	struct world scene = echo_of(100000);

	scene.most = 1000;
	scene.echo_len = 30000;
	scene.send_error = error;
	scene.send_limit = 50000;
	scene.never_ends = !peer_ends;
	return play(&compared, scene);
}

static void test_stream_epipe_drains_then_tells_the_end(void **state)
{
	struct exchange_report report = send_fails(-EPIPE, true);

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_CLOSED);
	assert_int_equal(report.sent, 50000);
	assert_int_equal(report.returned, 30000);
}

static void test_stream_reset_at_send_drains_then_tells_it(void **state)
{
	struct exchange_report report = send_fails(-ECONNRESET, true);

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -ECONNRESET);
	assert_int_equal(report.returned, 30000);
}

static void test_stream_unreachable_at_send_does_not_wait(void **state)
{
	struct exchange_report report = send_fails(-EHOSTUNREACH, false);

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -EHOSTUNREACH);
	assert_int_equal(report.returned, 30000);
}

static void test_stream_epipe_without_an_end_times_out_as_broken(void **state)
{
	struct exchange_report report = send_fails(-EPIPE, false);

	(void)state;
	assert_int_equal(report.ending, EXCHANGE_BROKEN);
	assert_int_equal(report.error, -EPIPE);
}

static void test_stream_mute_peer_times_out(void **state)
{
	struct world scene = echo_of(100);
	struct exchange_report report;

	(void)state;
	scene.echo_len = 0;
	scene.never_ends = true;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.sent - report.returned, 100);
}

static void test_stream_peer_that_does_not_end_times_out(void **state)
{
	struct world scene = echo_of(100);
	struct exchange_report report;

	(void)state;
	scene.never_ends = true;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.sent - report.returned, 0);
}

static void test_stream_peer_that_does_not_read_times_out(void **state)
{
	struct world scene = echo_of(1000000);
	struct exchange_report report;

	(void)state;
	scene.echo_len = 0;
	scene.never_ends = true;
	scene.room = 0;
	report = play(&uncompared, scene);
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.sent, 0);
	/* It was not read further than one chunk ahead. */
	assert_int_equal(report.unsent, 65536);
	assert_int_equal(world.typed, 65536);
}

/* The world has no more to offer and no deadline was set: EDEADLK says that
 * the call would have waited for ever, as it should at a keyboard. */
static void assert_waits_for_ever(const struct exchange *exchange,
				  struct world scene)
{
	struct exchange_report report;

	world = scene;
	assert_int_equal(exchange_stream(exchange, &report), -EDEADLK);
	assert_true(world.last_until_ns == MEARI_NEVER);
	assert_int_equal(world.written, world.received);
}

static void test_stream_idle_keyboard_never_times_out(void **state)
{
	struct world scene = echo_of(6);

	(void)state;
	scene.input_stays_open = true;
	assert_waits_for_ever(&compared, scene);
	assert_int_equal(world.written, 6);
	assert_waits_for_ever(&uncompared, scene);
}

static void test_stream_zero_timeout_never_times_out(void **state)
{
	struct exchange patient = compared;
	struct world scene = echo_of(6);

	(void)state;
	patient.timeout_ns = MEARI_NEVER;
	scene.echo_len = 0;
	scene.never_ends = true;
	assert_waits_for_ever(&patient, scene);
}

static void test_stream_typing_on_does_not_stretch_the_deadline(void **state)
{
	struct world scene = echo_of(50);
	uint64_t before = meari_after_ns(compared.timeout_ns);
	struct exchange_report report;

	(void)state;
	scene.most = 1;
	scene.echo_len = 0;
	scene.never_ends = true;
	scene.input_stays_open = true;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(report.sent, 50);
	/* One poll a byte, and all with the deadline of the first. */
	assert_true(world.polls >= 50);
	assert_in_range(world.last_until_ns, before, before + MEARI_S);
}

static void test_stream_slow_output_is_not_the_peers_fault(void **state)
{
	struct world scene = echo_of(1000000);
	struct exchange_report report;

	(void)state;
	scene.output_busy = 90; /* fewer than the tries of one poll */
	scene.room = 100;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_WELL);
	assert_int_equal(world.written, 1000000);
}

static void test_stream_in_flight_limit_stops_the_input(void **state)
{
	struct world scene = echo_of(FLIGHT_LIMIT_BYTES + 1000000);
	struct exchange_report report;

	(void)state;
	scene.echo_len = 0;
	scene.never_ends = true;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_SILENT);
	assert_int_equal(world.typed, FLIGHT_LIMIT_BYTES);
	assert_int_equal(report.sent, FLIGHT_LIMIT_BYTES);
}

static void test_stream_input_error_ends_it(void **state)
{
	struct world scene = echo_of(10);
	struct exchange_report report;

	(void)state;
	scene.input_error = -EIO;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_INPUT);
	assert_int_equal(report.error, -EIO);
}

static void test_stream_output_error_ends_it(void **state)
{
	struct world scene = echo_of(10);
	struct exchange_report report;

	(void)state;
	scene.output_error = -ENOSPC;
	report = play(&compared, scene);
	assert_int_equal(report.ending, EXCHANGE_OUTPUT);
	assert_int_equal(report.error, -ENOSPC);
}

static void test_stream_poll_error_is_returned(void **state)
{
	struct exchange_report report;

	(void)state;
	world = echo_of(10);
	world.poll_error = -ENOMEM;
	assert_int_equal(exchange_stream(&compared, &report), -ENOMEM);
}

/* The first allocation is the state; later ones are the growing ring. */
static void test_stream_each_allocation_may_fail(void **state)
{
	unsigned k = 1;
	int r;

	(void)state;
	for (;; k++) {
		struct exchange_report report = { .ending = EXCHANGE_WELL };

		world = echo_of(300000);
		world.echo_len = 0;
		world.never_ends = true;
		fail_at = k;
		r = exchange_stream(&compared, &report);
		if (fail_at > 0)
			break;
		assert_int_equal(r, k == 1 ? -ENOMEM : 0);
		assert_int_equal(report.ending,
				 k == 1 ? EXCHANGE_WELL : EXCHANGE_INPUT);
		assert_int_equal(report.error, k == 1 ? 0 : -ENOMEM);
	}
	fail_at = 0;
	assert_true(k > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream_echo_ends_well),
		cmocka_unit_test(test_stream_empty_input_half_closes_at_once),
		cmocka_unit_test(test_stream_random_pace_ends_well),
		cmocka_unit_test(test_stream_random_pace_finds_the_wrong_byte),
		cmocka_unit_test(
			test_stream_random_pace_counts_what_is_missing),
		cmocka_unit_test(test_stream_raw_random_pace_ends_well),
		cmocka_unit_test(test_stream_surplus_is_found_behind_the_echo),
		cmocka_unit_test(test_stream_peer_ends_while_input_is_open),
		cmocka_unit_test(test_stream_raw_peer_may_end_first),
		cmocka_unit_test(
			test_stream_reset_is_told_with_what_is_missing),
		cmocka_unit_test(
			test_stream_reset_behind_a_whole_echo_is_no_end),
		cmocka_unit_test(test_stream_raw_reset_is_told),
		cmocka_unit_test(test_stream_epipe_drains_then_tells_the_end),
		cmocka_unit_test(
			test_stream_reset_at_send_drains_then_tells_it),
		cmocka_unit_test(test_stream_unreachable_at_send_does_not_wait),
		cmocka_unit_test(
			test_stream_epipe_without_an_end_times_out_as_broken),
		cmocka_unit_test(test_stream_mute_peer_times_out),
		cmocka_unit_test(test_stream_peer_that_does_not_end_times_out),
		cmocka_unit_test(test_stream_peer_that_does_not_read_times_out),
		cmocka_unit_test(test_stream_idle_keyboard_never_times_out),
		cmocka_unit_test(test_stream_zero_timeout_never_times_out),
		cmocka_unit_test(
			test_stream_typing_on_does_not_stretch_the_deadline),
		cmocka_unit_test(
			test_stream_slow_output_is_not_the_peers_fault),
		cmocka_unit_test(test_stream_in_flight_limit_stops_the_input),
		cmocka_unit_test(test_stream_input_error_ends_it),
		cmocka_unit_test(test_stream_output_error_ends_it),
		cmocka_unit_test(test_stream_poll_error_is_returned),
		cmocka_unit_test(test_stream_each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
