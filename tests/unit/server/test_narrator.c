/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <meari/sockopt.h>

#include "loopback.h"
#include "captured.h"
#include "server/narrator.h"

static struct engine_listener listeners[3];

static struct engine_env env = {
	.listeners = listeners,
	.n_listeners = 3,
};

static struct meari_addr unix_addr(const char *path)
{
	struct meari_addr addr = { .un = { .sun_family = AF_UNIX } };

	(void)snprintf(addr.un.sun_path, sizeof addr.un.sun_path, "%s", path);
	addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			       strlen(path) + 1);
	return addr;
}

static int setup(void **state)
{
	static const struct service echo = { .name = "echo" };

	(void)state;
	listeners[0] = (struct engine_listener){
		.fd = -1,
		.socktype = SOCK_STREAM,
		.addr = addr_of("::1", 7007),
		.service = &echo,
	};
	listeners[1] = (struct engine_listener){
		.fd = -1,
		.socktype = SOCK_DGRAM,
		.addr = addr_of("127.0.0.1", 7007),
		.service = &echo,
	};
	listeners[2] = (struct engine_listener){
		.fd = -1,
		.socktype = SOCK_STREAM,
		.addr = unix_addr("/run/echo"),
		.service = &echo,
	};
	log_set_level(LOG_VERBOSE);
	assert_int_equal(tally_new(&env.tally, 2), 0);
	return event_ring_new(&env.events, UINT32_MAX);
}

static int teardown(void **state)
{
	tally_free(env.tally);
	event_ring_free(env.events);
	return capture_stop(state);
}

static void count(enum tally_counter counter, uint64_t n)
{
	tally_add(tally_slot(env.tally, 1), counter, n);
}

/* The one event, and the line it makes. */
static void assert_told(struct event event, const char *line)
{
	event_ring_put(env.events, &event);
	capture_start();
	narrator_tell_all(&env, 0);
	assert_captured(line);
}

static void test_wants_at_each_level(void **state)
{
	const uint32_t always = 1u << EVENT_ACCEPT_PAUSED |
				1u << EVENT_DROPPED | 1u << EVENT_WORKER_DIED;

	(void)state;
	assert_int_equal(narrator_wants(LOG_QUIET), always);
	assert_int_equal(narrator_wants(LOG_NORMAL), always);
	assert_int_equal(narrator_wants(LOG_VERBOSE), (1u << EVENT_N) - 1);
}

static void test_tell_all_of_a_connection(void **state)
{
	struct event event = {
		.kind = EVENT_CONNECTED,
		.peer = addr_of("127.0.0.1", 40000),
	};

	(void)state;
	assert_told(event, "Connected to (127.0.0.1, 40000)\n");
	event.peer = addr_of("2001:db8::1", 40000);
	assert_told(event, "Connected to (2001:db8::1, 40000)\n");
	event.peer = unix_addr("/run/client");
	assert_told(event, "Connected to (unix:/run/client)\n");
	event.kind = EVENT_RECEIVED;
	event.value = 6;
	assert_told(event, "server received 6 bytes\n");
}

static void test_tell_all_of_how_a_connection_ended(void **state)
{
	struct event event = {
		.kind = EVENT_ENDED,
		.peer = addr_of("127.0.0.1", 40000),
	};

	(void)state;
	assert_told(event, "");
	event.value = ECONNRESET;
	assert_told(event, "meari: connection to (127.0.0.1, 40000) ended: "
			   "Connection reset by peer\n");
	event.kind = EVENT_IDLE;
	assert_told(event, "meari: connection to (127.0.0.1, 40000) ended: "
			   "idle\n");
	event.kind = EVENT_DRAIN_RESET;
	assert_told(event, "meari: connection to (127.0.0.1, 40000) reset: "
			   "the drain is over\n");
}

static void test_tell_all_of_a_pause(void **state)
{
	(void)state;
	assert_told((struct event){ .kind = EVENT_ACCEPT_PAUSED,
				    .value = EMFILE },
		    "meari: accepting is paused: Too many open files; clients "
		    "wait in the queue\n");
}

static void test_tell_all_of_a_drop_says_why_and_how_many(void **state)
{
	static const struct {
		enum tally_counter reason;
		const char *words;
	} rows[] = {
		{ TALLY_DROPPED_PORT,
		  "its source port belongs to a service that may answer" },
		{ TALLY_DROPPED_SOURCE, "its source is no address to answer "
					"to" },
		{ TALLY_DROPPED_GROUP, "it was sent to a group" },
		{ TALLY_DROPPED_RATE, "its network sends faster than "
				      "--udp-rate" },
		{ TALLY_DROPPED_ERROR, "it could not be answered" },
	};
	char line[200];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		count(rows[i].reason, 10 + i);
		(void)snprintf(line, sizeof line,
			       "meari: datagram from [2001:db8::1]:7 not "
			       "answered: %s (%zu so far)\n",
			       rows[i].words, 10 + i);
		assert_told((struct event){ .kind = EVENT_DROPPED,
					    .value = rows[i].reason,
					    .peer = addr_of("2001:db8::1",
							    7) },
			    line);
	}
}

static void test_tell_all_of_a_worker_that_died(void **state)
{
	struct event event = {
		.kind = EVENT_WORKER_DIED,
		.value = SIGSEGV,
		.peer = addr_of("127.0.0.1", 40000),
	};

	(void)state;
	assert_told(event, "meari: the process serving (127.0.0.1, 40000) "
			   "died: signal 11 (Segmentation fault)\n");
	event.value = 3 << 8;
	assert_told(event, "meari: the process serving (127.0.0.1, 40000) "
			   "died: status 3\n");
}

/* One that serves datagrams has no peer, but a listener. */
static void test_tell_all_of_a_datagram_worker_that_died(void **state)
{
	(void)state;
	assert_told((struct event){ .kind = EVENT_WORKER_DIED,
				    .listener = 1,
				    .value = SIGKILL },
		    "meari: the process serving udp://127.0.0.1:7007 died: "
		    "signal 9 (Killed)\n");
}

static void test_tell_all_keeps_the_order(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3; i++)
		event_ring_put(env.events,
			       &(struct event){ .kind = EVENT_RECEIVED,
						.value = i });
	capture_start();
	narrator_tell_all(&env, 0);
	assert_captured("server received 1 bytes\n"
			"server received 2 bytes\n"
			"server received 3 bytes\n");
}

static void test_tell_all_without_room_leaves_events_for_later(void **state)
{
	char packet[16];
	struct event event;

	(void)state;
	event_ring_put(env.events, &(struct event){ .kind = EVENT_RECEIVED,
						    .value = 5 });
	capture_start();
	while (write(STDERR_FILENO, "x", 1) == 1)
		;
	narrator_tell_all(&env, 0);
	while (read(captured.readfd, packet, sizeof packet) > 0)
		assert_int_equal(packet[0], 'x');
	narrator_tell_all(&env, 0);
	assert_captured("server received 5 bytes\n");
	assert_false(event_ring_take(env.events, &event));
}

static void test_tell_ready_names_each_listener(void **state)
{
	const struct engine engine = { .name = "some" };

	(void)state;
	capture_start();
	narrator_tell_ready(&env, &engine);
	assert_captured("meari: listening on tcp://[::1]:7007 (service echo, "
			"engine some)\n"
			"meari: listening on udp://127.0.0.1:7007 (service "
			"echo, engine some)\n"
			"meari: listening on unix:/run/echo (service echo, "
			"engine some)\n");
}

/* All that the socket has, and what it holds of a few. */
static void test_tell_options_lists_what_was_granted(void **state)
{
	struct meari_sockopt_value value;
	const struct meari_sockopt *table;
	size_t n;

	(void)state;
	env.n_listeners = 1;
	listeners[0].fd = listening_socket("127.0.0.1", 0);
	capture_start();
	narrator_tell_options(&env);
	env.n_listeners = 3;
	(void)capture_end();
	assert_int_equal(captured.writes, 1);
	assert_memory_equal(captured.text,
			    "meari: granted on tcp://[::1]:7007: ", 36);
	assert_non_null(strstr(captured.text, "nodelay off"));
	table = meari_sockopt_table(&n);
	for (size_t i = 0; i < n; i++) {
		char name[32];

		(void)snprintf(name, sizeof name, " %s ", table[i].name);
		if (meari_sockopt_get(listeners[0].fd, &table[i], &value) == 0)
			assert_non_null(strstr(captured.text, name));
	}
	(void)close(listeners[0].fd);
}

static void test_tell_options_of_no_socket_lists_none(void **state)
{
	(void)state;
	capture_start();
	narrator_tell_options(&env);
	assert_captured("meari: granted on tcp://[::1]:7007: \n"
			"meari: granted on udp://127.0.0.1:7007: \n"
			"meari: granted on unix:/run/echo: \n");
}

static void test_tell_tallies_lists_every_counter(void **state)
{
	(void)state;
	log_set_level(LOG_QUIET); /* it was asked for */
	for (int i = 0; i < TALLY_N; i++)
		count((enum tally_counter)i, 100 - (uint64_t)i);
	capture_start();
	narrator_tell_tallies(&env);
	assert_captured("meari: tallies: active=1 accepted=100 ended=99 "
			"failed=98 idle=97 drain_reset=96 accept_pauses=95 "
			"received_bytes=94 sent_bytes=93 received_datagrams=92 "
			"sent_datagrams=91 dropped_port=90 dropped_source=89 "
			"dropped_group=88 dropped_rate=87 "
			"dropped_error=86\n");
}

static void test_tell_tallies_largest_fit(void **state)
{
	char expected[32];

	(void)state;
	for (int i = 0; i < TALLY_N; i++)
		count((enum tally_counter)i, UINT64_MAX);
	capture_start();
	narrator_tell_tallies(&env);
	(void)snprintf(expected, sizeof expected, "=%" PRIu64 "\n",
		       UINT64_MAX);
	assert_non_null(strstr(capture_end(), "dropped_error=1844"));
	assert_string_equal(captured.text + captured.len - strlen(expected),
			    expected);
}

static void lose_events(uint64_t n)
{
	while (event_ring_lost(env.events) < n)
		event_ring_put(env.events,
			       &(struct event){ .kind = EVENT_RECEIVED });
}

static void test_tell_tallies_says_what_was_lost(void **state)
{
	(void)state;
	lose_events(3);
	capture_start();
	narrator_tell_tallies(&env);
	assert_non_null(strstr(capture_end(), " lost_log_lines=3\n"));
	assert_int_equal(captured.writes, 1);
}

static void test_tell_end_sums_up(void **state)
{
	(void)state;
	count(TALLY_ACCEPTED, 3);
	count(TALLY_RECEIVED_DATAGRAMS, 4);
	count(TALLY_RECEIVED_BYTES, 50);
	count(TALLY_SENT_BYTES, 49);
	capture_start();
	narrator_tell_end(&env);
	assert_captured("meari: served 3 connections and 4 datagrams: 50 bytes "
			"in, 49 out\n");
}

static void test_tell_end_after_resets_and_losses(void **state)
{
	(void)state;
	count(TALLY_DRAIN_RESET, 2);
	lose_events(5);
	capture_start();
	narrator_tell_end(&env);
	assert_captured("meari: still open at the end, and reset: "
			"2 connections\n"
			"meari: served 0 connections and 0 datagrams: 0 bytes "
			"in, 0 out\n"
			"meari: 5 log lines were lost to keep serving\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wants_at_each_level),
		TEST(test_tell_all_of_a_connection),
		TEST(test_tell_all_of_how_a_connection_ended),
		TEST(test_tell_all_of_a_pause),
		TEST(test_tell_all_of_a_drop_says_why_and_how_many),
		TEST(test_tell_all_of_a_worker_that_died),
		TEST(test_tell_all_of_a_datagram_worker_that_died),
		TEST(test_tell_all_keeps_the_order),
		TEST(test_tell_all_without_room_leaves_events_for_later),
		TEST(test_tell_ready_names_each_listener),
		TEST(test_tell_options_lists_what_was_granted),
		TEST(test_tell_options_of_no_socket_lists_none),
		TEST(test_tell_tallies_lists_every_counter),
		TEST(test_tell_tallies_largest_fit),
		TEST(test_tell_tallies_says_what_was_lost),
		TEST(test_tell_end_sums_up),
		TEST(test_tell_end_after_resets_and_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
