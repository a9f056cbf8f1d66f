/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cmocka_all.h"
#include "service/echo.h"

#define SEEDS 3000
#define STREAM_MAX 2000
#define CHUNK_MAX 64

static const unsigned char text[] = "hello, world";
static const struct meari_span message = { text, sizeof text - 1 };

static struct echo opened(const char *service)
{
	struct echo echo;

	echo_open(&echo, service_find(service), message);
	return echo;
}

/* The states one by one */

static void test_want_in_each_state(void **state)
{
	static const struct {
		bool out, ending, half_closed, eof;
		enum echo_want want;
	} rows[] = {
		{ false, false, false, false, ECHO_READ },
		{ false, false, false, true, ECHO_CLOSE },
		{ false, true, false, false, ECHO_HALF_CLOSE },
		{ false, true, false, true, ECHO_CLOSE },
		{ false, true, true, false, ECHO_READ },
		{ false, true, true, true, ECHO_CLOSE },
		{ true, false, false, false, ECHO_SEND },
		{ true, false, false, true, ECHO_SEND },
		{ true, true, false, false, ECHO_SEND },
		{ true, true, false, true, ECHO_SEND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct echo echo = {
			.service = service_find("echo"),
			.out = { text, rows[i].out ? 1 : 0 },
			.ending = rows[i].ending,
			.half_closed = rows[i].half_closed,
			.eof = rows[i].eof,
		};

		assert_int_equal(echo_want(&echo), rows[i].want);
	}
}

static void test_open_wants_what_the_service_does_first(void **state)
{
	struct echo echo = opened("echo");

	(void)state;
	assert_int_equal(echo_want(&echo), ECHO_READ);
	echo = opened("discard");
	assert_int_equal(echo_want(&echo), ECHO_READ);
	echo = opened("message");
	assert_int_equal(echo_want(&echo), ECHO_SEND);
	assert_ptr_equal(echo.out.data, message.data);
	assert_int_equal(echo.out.len, message.len);
}

static void test_open_empty_message_half_closes_at_once(void **state)
{
	struct echo echo;

	(void)state;
	echo_open(&echo, service_find("message"), (struct meari_span){ 0 });
	assert_int_equal(echo_want(&echo), ECHO_HALF_CLOSE);
}

static void test_input_echo_is_sent_without_a_copy(void **state)
{
	struct echo echo = opened("echo");

	(void)state;
	echo_input(&echo, text, 5);
	assert_int_equal(echo_want(&echo), ECHO_SEND);
	assert_ptr_equal(echo.out.data, text);
	assert_int_equal(echo.out.len, 5);
}

static void test_input_discard_is_dropped(void **state)
{
	struct echo echo = opened("discard");

	(void)state;
	echo_input(&echo, text, 5);
	assert_int_equal(echo_want(&echo), ECHO_READ);
	assert_int_equal(echo.out.len, 0);
}

static void test_input_after_stop_is_dropped(void **state)
{
	struct echo echo = opened("echo");

	(void)state;
	echo_stop(&echo);
	echo_half_closed(&echo);
	echo_input(&echo, text, 5);
	assert_int_equal(echo_want(&echo), ECHO_READ);
	assert_int_equal(echo.out.len, 0);
}

static void test_sent_in_parts_moves_on(void **state)
{
	struct echo echo = opened("echo");

	(void)state;
	echo_input(&echo, text, 5);
	echo_sent(&echo, 2);
	assert_int_equal(echo_want(&echo), ECHO_SEND);
	assert_ptr_equal(echo.out.data, text + 2);
	assert_int_equal(echo.out.len, 3);
	echo_sent(&echo, 0);
	assert_int_equal(echo.out.len, 3);
	echo_sent(&echo, 3);
	assert_int_equal(echo_want(&echo), ECHO_READ);
}

static void test_keep_rest_lives_in_the_block(void **state)
{
	struct echo echo = opened("echo");
	unsigned char read_buf[5], block[3];

	(void)state;
	memcpy(read_buf, text, sizeof read_buf);
	echo_input(&echo, read_buf, sizeof read_buf);
	echo_sent(&echo, 2);
	echo_keep(&echo, block);
	memset(read_buf, 'x', sizeof read_buf);
	assert_ptr_equal(echo.out.data, block);
	assert_int_equal(echo.out.len, 3);
	assert_memory_equal(echo.out.data, "llo", 3);
}

static void test_keep_at_the_start_of_its_own_buffer_overlaps(void **state)
{
	struct echo echo = opened("echo");
	unsigned char buf[8];

	(void)state;
	memcpy(buf, "abcdefgh", sizeof buf);
	echo_input(&echo, buf, sizeof buf);
	echo_sent(&echo, 1);
	echo_keep(&echo, buf);
	assert_int_equal(echo.out.len, 7);
	assert_memory_equal(echo.out.data, "bcdefgh", 7);
}

static void test_keep_of_nothing_keeps_nothing(void **state)
{
	struct echo echo = opened("echo");
	unsigned char block[1] = { 'x' };

	(void)state;
	echo_keep(&echo, block);
	assert_int_equal(echo_want(&echo), ECHO_READ);
	assert_int_equal(block[0], 'x');
}

static void test_eof_with_nothing_left_closes(void **state)
{
	static const char *const services[] = { "echo", "discard" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct echo echo = opened(services[i]);

		echo_eof(&echo);
		assert_int_equal(echo_want(&echo), ECHO_CLOSE);
		echo_stop(&echo); /* changes nothing any more */
		assert_int_equal(echo_want(&echo), ECHO_CLOSE);
	}
}

static void test_stop_sends_the_rest_then_half_closes(void **state)
{
	struct echo echo = opened("echo");

	(void)state;
	echo_input(&echo, text, 5);
	echo_sent(&echo, 1);
	echo_stop(&echo);
	assert_int_equal(echo_want(&echo), ECHO_SEND);
	echo_sent(&echo, 4);
	assert_int_equal(echo_want(&echo), ECHO_HALF_CLOSE);
	echo_stop(&echo);
	assert_int_equal(echo_want(&echo), ECHO_HALF_CLOSE);
	echo_half_closed(&echo);
	assert_int_equal(echo_want(&echo), ECHO_READ);
	echo_stop(&echo); /* does not half-close again */
	assert_int_equal(echo_want(&echo), ECHO_READ);
	echo_eof(&echo);
	assert_int_equal(echo_want(&echo), ECHO_CLOSE);
}

static void test_message_is_sent_then_half_close_then_read(void **state)
{
	struct echo echo = opened("message");

	(void)state;
	echo_sent(&echo, message.len - 1);
	assert_int_equal(echo_want(&echo), ECHO_SEND);
	assert_memory_equal(echo.out.data, "d", 1);
	echo_sent(&echo, 1);
	assert_int_equal(echo_want(&echo), ECHO_HALF_CLOSE);
	echo_half_closed(&echo);
	echo_input(&echo, text, 5);
	assert_int_equal(echo_want(&echo), ECHO_READ);
	echo_eof(&echo);
	assert_int_equal(echo_want(&echo), ECHO_CLOSE);
}

/* Whatever the sizes and the order of things */

struct run {
	uint64_t random;
	struct echo echo;
	unsigned char stream[STREAM_MAX]; /* what the peer sends */
	size_t len;
	size_t read;
	size_t owed; /* bytes that must come back */
	unsigned char back[STREAM_MAX];
	size_t n_back;
	/* The driver's buffers; one is the machine's at a time. */
	unsigned char blocks[2][CHUNK_MAX];
	unsigned at;
	unsigned stop_in; /* steps until the server stops; 0: stopped or not */
	bool stopped;
	bool stopped_before_eof;
	unsigned half_closes;
};

/* xorshift64: any that is the same everywhere will do. */
static uint64_t below(struct run *run, uint64_t n)
{
	run->random ^= run->random << 13;
	run->random ^= run->random >> 7;
	run->random ^= run->random << 17;
	return run->random % n;
}

static void prepare(struct run *run, const char *service, uint64_t seed)
{
	*run = (struct run){ .random = seed * 0x9e3779b97f4a7c15u + 1 };
	run->len = below(run, 4) ? below(run, STREAM_MAX) : below(run, 4);
	for (size_t i = 0; i < run->len; i++)
		run->stream[i] = (unsigned char)below(run, 256);
	run->stop_in = (unsigned)below(run, 3) * (unsigned)below(run, 100);
	echo_open(&run->echo, service_find(service), message);
}

/* What the machine no longer needs is overwritten, so that it shows if it
 * does need it. */
static void move_rest(struct run *run)
{
	unsigned next = 1 - run->at;

	echo_keep(&run->echo, run->blocks[next]);
	memset(run->blocks[run->at], 0xdb, CHUNK_MAX);
	run->at = next;
}

static void step_send(struct run *run)
{
	size_t n;

	assert_true(run->echo.out.len > 0);
	if (below(run, 3) == 0)
		move_rest(run);
	n = below(run, run->echo.out.len + 1);
	assert_true(run->n_back + n <= STREAM_MAX);
	memcpy(run->back + run->n_back, run->echo.out.data, n);
	run->n_back += n;
	echo_sent(&run->echo, n);
}

static void step_read(struct run *run)
{
	unsigned char *block = run->blocks[run->at];
	size_t n = 1 + below(run, CHUNK_MAX);

	assert_int_equal(run->echo.out.len, 0);
	if (n > run->len - run->read)
		n = run->len - run->read;
	if (n == 0) {
		echo_eof(&run->echo);
		return;
	}
	memset(block, 0xdb, CHUNK_MAX);
	memcpy(block, run->stream + run->read, n);
	run->read += n;
	if (run->echo.service->echoes && !run->stopped)
		run->owed = run->read;
	echo_input(&run->echo, block, n);
}

static void step_half_close(struct run *run)
{
	assert_true(run->stopped || run->echo.service->closes);
	assert_int_equal(run->n_back,
			 run->echo.service->greets ? message.len : run->owed);
	run->half_closes++;
	echo_half_closed(&run->echo);
}

static void step_stop(struct run *run)
{
	if (run->stop_in == 0 || --run->stop_in > 0)
		return;
	run->stopped = true;
	run->stopped_before_eof = !run->echo.eof;
	echo_stop(&run->echo);
}

/* False when the machine is over. */
static bool step(struct run *run)
{
	step_stop(run);
	switch (echo_want(&run->echo)) {
	case ECHO_SEND:
		step_send(run);
		return true;
	case ECHO_READ:
		step_read(run);
		return true;
	case ECHO_HALF_CLOSE:
		step_half_close(run);
		return true;
	case ECHO_CLOSE:
		break;
	}
	assert_true(run->echo.eof);
	assert_int_equal(run->echo.out.len, 0);
	return false;
}

static void go(struct run *run)
{
	unsigned steps = 0;

	while (step(run))
		assert_true(++steps < 100 * STREAM_MAX);
	assert_int_equal(run->read, run->len);
}

static void test_echo_any_sizes_gives_back_what_came(void **state)
{
	static struct run run;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		prepare(&run, "echo", seed);
		go(&run);
		if (!run.stopped_before_eof)
			assert_int_equal(run.owed, run.len);
		assert_int_equal(run.n_back, run.owed);
		assert_memory_equal(run.back, run.stream, run.owed);
		assert_int_equal(run.half_closes, run.stopped_before_eof);
	}
}

static void test_discard_any_sizes_sends_nothing(void **state)
{
	static struct run run;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		prepare(&run, "discard", seed);
		go(&run);
		assert_int_equal(run.n_back, 0);
		assert_int_equal(run.half_closes, run.stopped_before_eof);
	}
}

static void test_message_any_sizes_sends_just_that(void **state)
{
	static struct run run;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		prepare(&run, "message", seed);
		go(&run);
		assert_int_equal(run.n_back, message.len);
		assert_memory_equal(run.back, message.data, message.len);
		assert_int_equal(run.half_closes, 1);
	}
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_want_in_each_state),
		TEST(test_open_wants_what_the_service_does_first),
		TEST(test_open_empty_message_half_closes_at_once),
		TEST(test_input_echo_is_sent_without_a_copy),
		TEST(test_input_discard_is_dropped),
		TEST(test_input_after_stop_is_dropped),
		TEST(test_sent_in_parts_moves_on),
		TEST(test_keep_rest_lives_in_the_block),
		TEST(test_keep_at_the_start_of_its_own_buffer_overlaps),
		TEST(test_keep_of_nothing_keeps_nothing),
		TEST(test_eof_with_nothing_left_closes),
		TEST(test_stop_sends_the_rest_then_half_closes),
		TEST(test_message_is_sent_then_half_close_then_read),
		TEST(test_echo_any_sizes_gives_back_what_came),
		TEST(test_discard_any_sizes_sends_nothing),
		TEST(test_message_any_sizes_sends_just_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
