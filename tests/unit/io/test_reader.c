/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include <meari/reader.h>

#include "base/cleanup.h"
#include "faults.h"

static size_t bytes_scanned;

void *__real_memchr(const void *bytes, int byte, size_t len);
void *__wrap_memchr(const void *bytes, int byte, size_t len);

void *__wrap_memchr(const void *bytes, int byte, size_t len)
{
	bytes_scanned += len;
	return __real_memchr(bytes, byte, len);
}

#define CAP_MAX 4096u

struct fixture {
	int far;
	int near;
	struct meari_reader reader;
	struct meari_span span;
	unsigned char *storage; /* heap, so that a sanitiser sees its end */
	unsigned char dst[CAP_MAX];
	size_t done;
};

static int setup(void **state)
{
	static struct fixture fixture;
	int fds[2];

	faults_reset();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		       fds) < 0)
		return -1;
	fixture = (struct fixture){ .near = fds[0], .far = fds[1] };
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	fd_closep(&fixture->near);
	fd_closep(&fixture->far);
	free(fixture->storage);
	return 0;
}

static void start(struct fixture *fixture, size_t cap)
{
	free(fixture->storage);
	fixture->storage = malloc(cap);
	assert_non_null(fixture->storage);
	meari_reader_init(&fixture->reader, fixture->near, fixture->storage,
			  cap);
}

static void peer_sends(struct fixture *fixture, const void *data, size_t len)
{
	assert_int_equal(write(fixture->far, data, len), len);
}

static void peer_says(struct fixture *fixture, const char *text)
{
	peer_sends(fixture, text, strlen(text));
}

static int line(struct fixture *fixture, uint64_t until_ns)
{
	return meari_reader_line(&fixture->reader, until_ns, &fixture->span);
}

static int reads(struct fixture *fixture, size_t len, uint64_t until_ns)
{
	fixture->done = 99;
	return meari_reader_read(&fixture->reader, fixture->dst, len, until_ns,
				 &fixture->done);
}

static void assert_span(const struct fixture *fixture, const char *text)
{
	assert_int_equal(fixture->span.len, strlen(text));
	assert_memory_equal(fixture->span.data, text, strlen(text));
}

static void assert_whole(struct fixture *fixture, const char *text)
{
	assert_int_equal(line(fixture, MEARI_NEVER), MEARI_LINE_WHOLE);
	assert_span(fixture, text);
}

static void assert_part(struct fixture *fixture, const char *text)
{
	assert_int_equal(line(fixture, MEARI_NEVER), MEARI_LINE_PART);
	assert_span(fixture, text);
}

static void assert_reads(struct fixture *fixture, const char *text)
{
	assert_int_equal(reads(fixture, strlen(text), MEARI_NEVER),
			 MEARI_IO_DONE);
	assert_int_equal(fixture->done, strlen(text));
	assert_memory_equal(fixture->dst, text, strlen(text));
}

/* Lines */

static void test_line_several_buffered_cost_one_read(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 64);
	peer_says(fixture, "one\n\nthree\n");
	assert_whole(fixture, "one\n");
	assert_int_equal(meari_reader_buffered(&fixture->reader), 7);
	assert_whole(fixture, "\n");
	assert_whole(fixture, "three\n");
	assert_int_equal(meari_reader_buffered(&fixture->reader), 0);
	assert_int_equal(on_read.calls, 1);
}

static void test_line_with_nul_bytes_keeps_them(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 64);
	peer_sends(fixture, "a\0b\0\n\0\n", 7);
	assert_int_equal(line(fixture, MEARI_NEVER), MEARI_LINE_WHOLE);
	assert_int_equal(fixture->span.len, 5);
	assert_memory_equal(fixture->span.data, "a\0b\0\n", 5);
	assert_int_equal(line(fixture, MEARI_NEVER), MEARI_LINE_WHOLE);
	assert_int_equal(fixture->span.len, 2);
	assert_memory_equal(fixture->span.data, "\0\n", 2);
}

static void test_line_that_fills_storage_is_whole(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 4);
	peer_says(fixture, "abc\ndef\n");
	assert_whole(fixture, "abc\n");
	assert_whole(fixture, "def\n");
}

static void test_line_longer_than_storage_comes_in_pieces(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 4);
	peer_says(fixture, "abcdefghij\nabcd\n");
	assert_part(fixture, "abcd");
	assert_part(fixture, "efgh");
	assert_whole(fixture, "ij\n");
	assert_part(fixture, "abcd");
	assert_whole(fixture, "\n");
}

static void test_line_across_end_of_storage_is_moved_once(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 8);
	peer_says(fixture, "abcd\nefg");
	assert_whole(fixture, "abcd\n");
	peer_says(fixture, "hijk\n");
	assert_whole(fixture, "efghijk\n");
	assert_int_equal(fixture->span.data - fixture->storage, 0);
}

static void test_line_with_room_behind_it_is_not_moved(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 8);
	peer_says(fixture, "ab\ncd");
	assert_whole(fixture, "ab\n");
	peer_says(fixture, "ef\n");
	assert_whole(fixture, "cdef\n");
	assert_int_equal(fixture->span.data - fixture->storage, 3);
}

static void test_line_after_emptied_storage_has_all_of_it(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 8);
	peer_says(fixture, "abcd\n");
	assert_whole(fixture, "abcd\n");
	peer_says(fixture, "1234567\n");
	assert_whole(fixture, "1234567\n");
	assert_int_equal(on_read.calls, 2);
}

static void test_line_with_storage_of_one_byte_gives_bytes(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 1);
	peer_says(fixture, "ab\n\n");
	assert_part(fixture, "a");
	assert_part(fixture, "b");
	assert_whole(fixture, "\n");
	assert_whole(fixture, "\n");
}

static void test_line_at_end_of_stream_says_so_again_and_again(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	fd_closep(&fixture->far);
	for (int i = 0; i < 3; i++)
		assert_int_equal(line(fixture, 0), MEARI_IO_EOF);
	assert_int_equal(reads(fixture, 1, 0), MEARI_IO_EOF);
	assert_int_equal(fixture->done, 0);
	assert_int_equal(on_read.calls, 1);
}

static void test_line_cut_by_end_of_stream_is_a_part(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "whole\ncut");
	fd_closep(&fixture->far);
	assert_whole(fixture, "whole\n");
	assert_part(fixture, "cut");
	assert_int_equal(line(fixture, MEARI_NEVER), MEARI_IO_EOF);
}

static void test_line_before_failure_is_handed_out_first(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "whole\ncut");
	fault_set(&on_read, (struct fault_plan){ .at = 2, .error = EIO });
	assert_whole(fixture, "whole\n");
	assert_part(fixture, "cut");
	peer_says(fixture, "too late\n");
	assert_int_equal(line(fixture, MEARI_NEVER), -EIO);
	assert_int_equal(line(fixture, MEARI_NEVER), -EIO);
	assert_int_equal(reads(fixture, 1, MEARI_NEVER), -EIO);
	assert_int_equal(on_read.calls, 2);
}

static void test_line_at_deadline_keeps_what_came(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns = meari_after_ns(5 * MEARI_MS);

	start(fixture, 16);
	peer_says(fixture, "be");
	assert_int_equal(line(fixture, until_ns), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_int_equal(meari_reader_buffered(&fixture->reader), 2);
	assert_int_equal(fixture->reader.ending, 0);
	peer_says(fixture, "gun\n");
	assert_whole(fixture, "begun\n");
}

static void test_line_deadline_in_past_takes_what_is_there(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	assert_int_equal(line(fixture, 0), -ETIMEDOUT);
	peer_says(fixture, "there\n");
	assert_int_equal(line(fixture, 0), MEARI_LINE_WHOLE);
	assert_span(fixture, "there\n");
	assert_int_equal(on_ppoll.calls, 0);
}

static void test_line_deadline_holds_against_willing_peer(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "a byte at a time\n");
	fault_set(&on_read, (struct fault_plan){ .limit = 1 });
	assert_int_equal(line(fixture, 0), -ETIMEDOUT);
	assert_int_equal(meari_reader_buffered(&fixture->reader), 1);
}

/* TCP gives a dead connection up with ETIMEDOUT, once; a reader that took it
 * for its deadline would go on and find what looks like the end. */
static void test_line_connection_timed_out_is_an_ending(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	fault_set(&on_read, (struct fault_plan){ .at = 1,
						 .error = ETIMEDOUT });
	assert_int_equal(line(fixture, MEARI_NEVER), -ETIMEDOUT);
	assert_int_equal(fixture->reader.ending, -ETIMEDOUT);
	assert_int_equal(line(fixture, MEARI_NEVER), -ETIMEDOUT);
	assert_int_equal(on_read.calls, 1);
}

static void test_line_wait_failure_does_not_stick(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "ab");
	fault_set(&on_ppoll, (struct fault_plan){ .at = 1, .error = ENOMEM });
	assert_int_equal(line(fixture, MEARI_NEVER), -ENOMEM);
	peer_says(fixture, "c\n");
	assert_whole(fixture, "abc\n");
}

static void test_line_from_slow_peer_looks_at_each_byte_once(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, CAP_MAX);
	bytes_scanned = 0;
	for (unsigned i = 0; i < CAP_MAX - 1; i++) {
		peer_says(fixture, "x");
		assert_int_equal(line(fixture, 0), -ETIMEDOUT);
	}
	peer_says(fixture, "\n");
	assert_int_equal(line(fixture, 0), MEARI_LINE_WHOLE);
	assert_int_equal(fixture->span.len, CAP_MAX);
	assert_int_equal(bytes_scanned, CAP_MAX);
}

/* The mark of what has been looked at must move along with the bytes. */
static void test_line_after_move_finds_newline_behind_mark(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 8);
	peer_says(fixture, "abcdefg");
	assert_int_equal(line(fixture, 0), -ETIMEDOUT);
	assert_reads(fixture, "abcde");
	peer_says(fixture, "hi\njk\n");
	assert_whole(fixture, "fghi\n");
	assert_whole(fixture, "jk\n");
	peer_says(fixture, "\n");
	assert_whole(fixture, "\n");
}

/* Counts */

static void test_read_nothing_asked_makes_no_call(void **state)
{
	struct fixture *fixture = *state;
	size_t done = 99;

	start(fixture, 8);
	assert_int_equal(meari_reader_read(&fixture->reader, NULL, 0, 0,
					   &done), MEARI_IO_DONE);
	assert_int_equal(done, 0);
	assert_int_equal(on_read.calls, 0);
}

static void test_read_small_counts_are_buffered(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "abcdefghi");
	assert_reads(fixture, "ab");
	assert_reads(fixture, "cdefgh");
	assert_int_equal(meari_reader_buffered(&fixture->reader), 1);
	assert_int_equal(on_read.calls, 1);
}

static void test_read_mixed_with_lines_keeps_order(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "3\nabc2\nde\nrest");
	assert_whole(fixture, "3\n");
	assert_reads(fixture, "abc");
	assert_whole(fixture, "2\n");
	assert_reads(fixture, "de");
	assert_whole(fixture, "\n");
	assert_reads(fixture, "rest");
}

static void test_read_large_count_bypasses_storage(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 4);
	peer_says(fixture, "a\nbc");
	assert_whole(fixture, "a\n");
	peer_says(fixture, "defghijklmnop");
	assert_reads(fixture, "bcdefghijklm");
	assert_int_equal(meari_reader_buffered(&fixture->reader), 0);
	assert_int_equal(on_read.calls, 2);
	assert_reads(fixture, "nop");
}

static void test_read_cut_by_end_of_stream_keeps_count(void **state)
{
	struct fixture *fixture = *state;

	for (size_t cap = 1; cap < 16; cap++) {
		start(fixture, cap);
		peer_says(fixture, "abcde");
		assert_reads(fixture, "ab");
		assert_int_equal(reads(fixture, 9, 0), -ETIMEDOUT);
		assert_int_equal(fixture->done, 3);
		assert_memory_equal(fixture->dst, "cde", 3);
	}
	peer_says(fixture, "fg");
	fd_closep(&fixture->far);
	assert_int_equal(reads(fixture, 9, MEARI_NEVER), MEARI_IO_EOF);
	assert_int_equal(fixture->done, 2);
	assert_memory_equal(fixture->dst, "fg", 2);
	assert_int_equal(reads(fixture, 9, MEARI_NEVER), MEARI_IO_EOF);
	assert_int_equal(fixture->done, 0);
}

static void test_read_after_failure_hands_out_buffered_first(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, 16);
	peer_says(fixture, "abcde");
	fault_set(&on_read, (struct fault_plan){ .at = 2, .error = EIO });
	assert_reads(fixture, "a");
	assert_int_equal(reads(fixture, 20, MEARI_NEVER), -EIO);
	assert_int_equal(fixture->done, 4);
	assert_memory_equal(fixture->dst, "bcde", 4);
	assert_int_equal(reads(fixture, 20, MEARI_NEVER), -EIO);
	assert_int_equal(fixture->done, 0);
	assert_int_equal(line(fixture, MEARI_NEVER), -EIO);
}

static void test_read_silent_peer_honours_deadline(void **state)
{
	struct fixture *fixture = *state;
	uint64_t until_ns = meari_after_ns(5 * MEARI_MS);

	start(fixture, 16);
	peer_says(fixture, "abc");
	assert_int_equal(reads(fixture, 4, until_ns), -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_int_equal(fixture->done, 3);
	peer_says(fixture, "de");
	assert_reads(fixture, "de");
}

/* Whatever the sizes: what comes out is what went in */

struct random {
	uint64_t state;
};

/* xorshift64: any seed but 0. */
static size_t below(struct random *random, size_t bound)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (size_t)(random->state % bound);
}

struct stream {
	unsigned char bytes[3000];
	size_t len;
	size_t sent;
	size_t seen;
};

static void make_stream(struct stream *stream, struct random *random)
{
	size_t rarity = 1 + below(random, 200);

	stream->sent = stream->seen = 0;
	stream->len = below(random, sizeof stream->bytes + 1);
	for (size_t i = 0; i < stream->len; i++)
		stream->bytes[i] = below(random, rarity) == 0 ? '\n' :
			(unsigned char)(below(random, 3) * below(random, 100));
}

static void send_some(struct fixture *fixture, struct stream *stream,
		      struct random *random)
{
	size_t len = 1 + below(random, 64);

	if (len > stream->len - stream->sent)
		len = stream->len - stream->sent;
	if (len > 0)
		peer_sends(fixture, stream->bytes + stream->sent, len);
	stream->sent += len;
	if (stream->sent == stream->len)
		fd_closep(&fixture->far);
}

static void assert_next(struct stream *stream, const unsigned char *data,
			size_t len)
{
	assert_in_range(len, 0, stream->sent - stream->seen);
	if (len > 0)
		assert_memory_equal(data, stream->bytes + stream->seen, len);
	stream->seen += len;
}

static int check_line(struct fixture *fixture, struct stream *stream)
{
	int r = line(fixture, 0);
	size_t len = fixture->span.len;

	if (r != MEARI_LINE_WHOLE && r != MEARI_LINE_PART)
		return r;
	assert_in_range(len, 1, fixture->reader.cap);
	assert_null(__real_memchr(fixture->span.data, '\n', len - 1));
	assert_int_equal(fixture->span.data[len - 1] == '\n',
			 r == MEARI_LINE_WHOLE);
	assert_next(stream, fixture->span.data, len);
	if (r == MEARI_LINE_PART && len < fixture->reader.cap)
		assert_int_equal(stream->seen, stream->len);
	return r;
}

static int check_read(struct fixture *fixture, struct stream *stream,
		      size_t len)
{
	int r = reads(fixture, len, 0);

	assert_int_equal(r == MEARI_IO_DONE, fixture->done == len);
	assert_next(stream, fixture->dst, fixture->done);
	return r;
}

static void check_stream(struct fixture *fixture, struct stream *stream,
			 struct random *random)
{
	int r = MEARI_IO_DONE;

	while (r != MEARI_IO_EOF) {
		if (fixture->far >= 0 && below(random, 2))
			send_some(fixture, stream, random);
		if (below(random, 3))
			r = check_line(fixture, stream);
		else
			r = check_read(fixture, stream, below(random, 100));
		assert_true(r >= 0 || r == -ETIMEDOUT);
	}
	assert_int_equal(stream->seen, stream->len);
	assert_int_equal(meari_reader_buffered(&fixture->reader), 0);
}

static void test_reader_any_sizes_give_the_stream_back(void **state)
{
	static const int harmless[] = { EINTR, EAGAIN };
	static struct stream stream;

	teardown(state);
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct random random = { .state = seed * 0x9e3779b97f4a7c15 };
		struct fixture *fixture;

		assert_int_equal(setup(state), 0);
		fixture = *state;
		start(fixture, 1 + below(&random, seed % 2 ? 12 : 300));
		make_stream(&stream, &random);
		fault_set(&on_read, (struct fault_plan){
			.limit = below(&random, 20),
			.every = (unsigned)below(&random, 5) * 2,
			.error = harmless[below(&random, 2)],
		});
		check_stream(fixture, &stream, &random);
		teardown(state);
	}
	assert_int_equal(setup(state), 0);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_line_several_buffered_cost_one_read),
		TEST(test_line_with_nul_bytes_keeps_them),
		TEST(test_line_that_fills_storage_is_whole),
		TEST(test_line_longer_than_storage_comes_in_pieces),
		TEST(test_line_across_end_of_storage_is_moved_once),
		TEST(test_line_with_room_behind_it_is_not_moved),
		TEST(test_line_after_emptied_storage_has_all_of_it),
		TEST(test_line_with_storage_of_one_byte_gives_bytes),
		TEST(test_line_at_end_of_stream_says_so_again_and_again),
		TEST(test_line_cut_by_end_of_stream_is_a_part),
		TEST(test_line_before_failure_is_handed_out_first),
		TEST(test_line_at_deadline_keeps_what_came),
		TEST(test_line_deadline_in_past_takes_what_is_there),
		TEST(test_line_deadline_holds_against_willing_peer),
		TEST(test_line_connection_timed_out_is_an_ending),
		TEST(test_line_wait_failure_does_not_stick),
		TEST(test_line_from_slow_peer_looks_at_each_byte_once),
		TEST(test_line_after_move_finds_newline_behind_mark),
		TEST(test_read_nothing_asked_makes_no_call),
		TEST(test_read_small_counts_are_buffered),
		TEST(test_read_mixed_with_lines_keeps_order),
		TEST(test_read_large_count_bypasses_storage),
		TEST(test_read_cut_by_end_of_stream_keeps_count),
		TEST(test_read_after_failure_hands_out_buffered_first),
		TEST(test_read_silent_peer_honours_deadline),
		TEST(test_reader_any_sizes_give_the_stream_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
