/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>

#include <meari/clock.h>

#include "captured.h"
#include "server/log.h"

static void write_each_level(void)
{
	log_line(LOG_QUIET, "quiet %d", 1);
	log_line(LOG_NORMAL, "normal %d", 2);
	log_line(LOG_VERBOSE, "verbose %d", 3);
	log_plain(LOG_QUIET, "plain quiet %s", "4");
	log_plain(LOG_NORMAL, "plain normal %s", "5");
	log_plain(LOG_VERBOSE, "plain verbose %s", "6");
}

/* Runs first: nobody has set the level yet. */
static void test_line_at_the_start_is_normal(void **state)
{
	(void)state;
	capture_start();
	write_each_level();
	assert_captured("meari: quiet 1\n"
			"meari: normal 2\n"
			"plain quiet 4\n"
			"plain normal 5\n");
}

static void test_line_above_the_level_is_dropped(void **state)
{
	(void)state;
	capture_start();
	log_set_level(LOG_QUIET);
	write_each_level();
	assert_captured("meari: quiet 1\n"
			"plain quiet 4\n");
}

static void test_line_verbose_writes_all(void **state)
{
	(void)state;
	capture_start();
	log_set_level(LOG_VERBOSE);
	write_each_level();
	assert_captured("meari: quiet 1\n"
			"meari: normal 2\n"
			"meari: verbose 3\n"
			"plain quiet 4\n"
			"plain normal 5\n"
			"plain verbose 6\n");
}

static void test_line_empty_is_a_newline(void **state)
{
	(void)state;
	capture_start();
	log_plain(LOG_QUIET, "%s", "");
	log_line(LOG_QUIET, "%s", "");
	assert_captured("\n"
			"meari: \n");
}

static void test_line_control_characters_are_question_marks(void **state)
{
	(void)state;
	capture_start();
	log_line(LOG_QUIET, "peer '%s'", "a\nmeari: b\033[2J\177");
	log_plain(LOG_QUIET, "%s", "c\rd");
	assert_captured("meari: peer 'a?meari: b?[2J?'\n"
			"c?d\n");
}

/* Long lines are cut, and still are one line. */
static void test_line_too_long_is_cut(void **state)
{
	static char word[3001];
	static const size_t lens[] = { 1022, 1023, 1024, 3000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t expected = lens[i] < 1023 ? lens[i] + 1 : 1024;

		memset(word, 'x', lens[i]);
		word[lens[i]] = '\0';
		capture_start();
		log_plain(LOG_QUIET, "%s", word);
		(void)capture_end();
		assert_int_equal(captured.len, expected);
		assert_int_equal(captured.writes, 1);
		assert_int_equal(captured.text[expected - 1], '\n');
		assert_int_equal(strspn(captured.text, "x"), expected - 1);
	}
}

static void test_line_too_long_keeps_its_prefix(void **state)
{
	char word[2001] = "";

	(void)state;
	memset(word, 'x', 2000);
	capture_start();
	log_line(LOG_QUIET, "%s", word);
	(void)capture_end();
	assert_int_equal(captured.len, 1024);
	assert_memory_equal(captured.text, "meari: xxx", 10);
	assert_int_equal(captured.text[1023], '\n');
}

static void test_line_nobody_can_read_is_dropped(void **state)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);

	(void)state;
	capture_start();
	(void)close(captured.readfd);
	log_line(LOG_QUIET, "into a pipe without a reader");
	assert_true(log_has_room(0)); /* to lose it */
	(void)close(STDERR_FILENO);
	log_line(LOG_QUIET, "without standard error");
	assert_true(log_has_room(0));
	captured.readfd = -1;
	(void)capture_stop(NULL);
	(void)signal(SIGPIPE, before);
}

static void fill_stderr(void)
{
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
}

static void test_line_without_room_waits_a_while_then_is_dropped(void **state)
{
	uint64_t start_ns;
	char packet[16];

	(void)state;
	capture_start();
	assert_true(log_has_room(0));
	fill_stderr();
	assert_false(log_has_room(0));
	start_ns = meari_now_ns();
	log_line(LOG_QUIET, "dropped");
	assert_in_range(meari_now_ns() - start_ns, MEARI_MS, 60 * MEARI_S);
	assert_int_equal(read(captured.readfd, packet, sizeof packet), 1);
	assert_true(log_has_room(0));
	log_line(LOG_QUIET, "again");
	assert_null(strstr(capture_end(), "dropped"));
	assert_non_null(strstr(captured.text, "xmeari: again\n"));
}

#define TEST(name) cmocka_unit_test_teardown(name, capture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_line_at_the_start_is_normal),
		TEST(test_line_above_the_level_is_dropped),
		TEST(test_line_verbose_writes_all),
		TEST(test_line_empty_is_a_newline),
		TEST(test_line_control_characters_are_question_marks),
		TEST(test_line_too_long_is_cut),
		TEST(test_line_too_long_keeps_its_prefix),
		TEST(test_line_nobody_can_read_is_dropped),
		TEST(test_line_without_room_waits_a_while_then_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
