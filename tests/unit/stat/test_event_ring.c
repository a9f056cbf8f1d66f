/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <meari/clock.h>

#include "loopback.h"
#include "mappings.h"
#include "stat/event_ring.h"

#define CAP 2048
#define ALL UINT32_MAX
#define WRITERS 4

/* Longer than any machine takes to wake a sleeper. */
#define LONG_MS 20000

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);

int __wrap_eventfd(unsigned count, int flags)
{
	return torture_hits(EMFILE) ? -1 : __real_eventfd(count, flags);
}

static struct event_ring *new_ring(uint32_t wanted)
{
	struct event_ring *ring = NULL;

	assert_int_equal(event_ring_new(&ring, wanted), 0);
	assert_non_null(ring);
	return ring;
}

/* @writer travels as the connection's number. */
static void put(struct event_ring *ring, uint64_t writer, uint64_t value)
{
	event_ring_put(ring, &(struct event){
				     .kind = EVENT_RECEIVED,
				     .connection = writer,
				     .value = value,
			     });
}

static void assert_takes(struct event_ring *ring, uint64_t value)
{
	struct event event;

	assert_true(event_ring_take(ring, &event));
	assert_int_equal(event.value, value);
}

static void assert_empty(struct event_ring *ring)
{
	struct event event;

	assert_false(event_ring_take(ring, &event));
}

static bool is_readable(const struct event_ring *ring, int timeout_ms)
{
	struct pollfd pollfd = { .fd = event_ring_fd(ring), .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) == 1;
}

/* One writer */

static void test_new_is_empty(void **state)
{
	struct event_ring *ring = new_ring(ALL);

	(void)state;
	assert_empty(ring);
	assert_int_equal(event_ring_lost(ring), 0);
	assert_born_right(event_ring_fd(ring));
	event_ring_free(ring);
}

static void test_new_each_call_failing_leaves_nothing(void **state)
{
	size_t fds = open_fds(), bytes = mapped_bytes;
	struct event_ring *ring = NULL;
	unsigned k = 1;

	(void)state;
	for (;; k++) {
		torture_start(k);
		int r = event_ring_new(&ring, ALL);

		if (!torture_stop())
			break;
		assert_true(r == -EMFILE || r == -ENOMEM);
		assert_null(ring);
		assert_int_equal(open_fds(), fds);
		assert_int_equal(mapped_bytes, bytes);
	}
	assert_int_equal(k, 3);
	event_ring_free(ring);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(mapped_bytes, bytes);
}

static void test_free_null_does_nothing(void **state)
{
	(void)state;
	event_ring_free(NULL);
}

static void test_take_gives_back_what_was_put(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	uint64_t before_ns = meari_now_ns();
	struct event event;

	(void)state;
	event_ring_put(ring, &(struct event){
				     .kind = EVENT_ENDED,
				     .listener = 3,
				     .connection = 1ull << 40,
				     .value = ECONNRESET,
				     .peer = addr_of("192.0.2.1", 4711),
			     });
	assert_true(event_ring_take(ring, &event));
	assert_int_equal(event.kind, EVENT_ENDED);
	assert_int_equal(event.listener, 3);
	assert_int_equal(event.connection, 1ull << 40);
	assert_int_equal(event.value, ECONNRESET);
	assert_addr_text(&event.peer, "192.0.2.1:4711");
	assert_in_range(event.time_ns, before_ns, meari_now_ns());
	assert_empty(ring);
	event_ring_free(ring);
}

static void test_take_keeps_the_order(void **state)
{
	struct event_ring *ring = new_ring(ALL);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		put(ring, 0, i);
	for (uint64_t i = 0; i < 100; i++)
		assert_takes(ring, i);
	assert_empty(ring);
	event_ring_free(ring);
}

static void test_wants_what_is_in_the_mask(void **state)
{
	struct event_ring *ring = new_ring(1u << EVENT_IDLE |
					   1u << EVENT_RECEIVED);

	(void)state;
	for (int i = 0; i < EVENT_N; i++)
		assert_int_equal(event_ring_wants(ring, (enum event_kind)i),
				 i == EVENT_IDLE || i == EVENT_RECEIVED);
	assert_false(event_ring_wants(NULL, EVENT_IDLE));
	event_ring_free(ring);
}

static void test_put_of_what_nobody_wants_is_dropped(void **state)
{
	struct event_ring *ring = new_ring(1u << EVENT_IDLE);

	(void)state;
	put(ring, 0, 1);
	assert_empty(ring);
	assert_int_equal(event_ring_lost(ring), 0);
	put(NULL, 0, 1);
	event_ring_free(ring);
}

static void test_put_into_a_full_ring_keeps_the_oldest(void **state)
{
	struct event_ring *ring = new_ring(ALL);

	(void)state;
	for (uint64_t i = 0; i < CAP + 5; i++)
		put(ring, 0, i);
	assert_int_equal(event_ring_lost(ring), 5);
	assert_takes(ring, 0);
	put(ring, 0, 9999); /* there is room for one again */
	put(ring, 0, 0);
	assert_int_equal(event_ring_lost(ring), 6);
	for (uint64_t i = 1; i < CAP; i++)
		assert_takes(ring, i);
	assert_takes(ring, 9999);
	assert_empty(ring);
	event_ring_free(ring);
}

static void test_put_and_take_many_rounds_wrap(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	uint64_t n_put = 0, n_taken = 0;

	(void)state;
	for (unsigned round = 0; n_put < 20 * CAP; round++) {
		for (unsigned i = 0; i < 1 + round * 37 % CAP; i++)
			put(ring, 0, n_put++);
		while (n_taken < n_put)
			assert_takes(ring, n_taken++);
		assert_empty(ring);
	}
	assert_int_equal(event_ring_lost(ring), 0);
	event_ring_free(ring);
}

/* Sleeping */

static void test_sleep_empty_is_woken_by_a_put(void **state)
{
	struct event_ring *ring = new_ring(ALL);

	(void)state;
	assert_true(event_ring_sleep(ring));
	assert_false(is_readable(ring, 0));
	put(ring, 0, 1);
	assert_true(is_readable(ring, 0));
	assert_takes(ring, 1);
	assert_true(event_ring_sleep(ring)); /* and that is over */
	assert_false(is_readable(ring, 0));
	event_ring_free(ring);
}

static void test_sleep_with_something_to_take_does_not(void **state)
{
	struct event_ring *ring = new_ring(ALL);

	(void)state;
	put(ring, 0, 1);
	assert_false(event_ring_sleep(ring));
	put(ring, 0, 2); /* an awake reader costs no system call */
	assert_false(is_readable(ring, 0));
	assert_takes(ring, 1);
	assert_takes(ring, 2);
	event_ring_free(ring);
}

static void test_sleep_is_woken_by_a_child(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	pid_t pid;

	(void)state;
	assert_true(event_ring_sleep(ring));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		put(ring, 0, 7);
		_exit(0);
	}
	assert_true(is_readable(ring, LONG_MS));
	assert_takes(ring, 7);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	event_ring_free(ring);
}

static void test_sleep_is_not_woken_by_the_unwanted(void **state)
{
	struct event_ring *ring = new_ring(1u << EVENT_IDLE);

	(void)state;
	assert_true(event_ring_sleep(ring));
	put(ring, 0, 1);
	assert_false(is_readable(ring, 0));
	event_ring_free(ring);
}

/* Each event waits until the last was taken, so the reader sleeps, or is just
 * about to, whenever one comes. */
#define PINGS 10000

struct pinger {
	struct event_ring *ring;
	_Atomic uint64_t taken;
	_Atomic bool given_up;
};

static void *ping(void *arg)
{
	struct pinger *pinger = arg;

	for (uint64_t i = 0; i < PINGS; i++) {
		put(pinger->ring, 0, i);
		while (atomic_load(&pinger->taken) <= i)
			if (atomic_load(&pinger->given_up))
				return NULL;
			else
				(void)sched_yield();
	}
	return NULL;
}

static void test_sleep_never_loses_a_wake_up(void **state)
{
	struct pinger pinger = { .ring = new_ring(ALL) };
	uint64_t n = 0;
	bool woken = true;
	struct event event;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, ping, &pinger), 0);
	while (n < PINGS && woken) {
		while (event_ring_take(pinger.ring, &event))
			atomic_store(&pinger.taken, ++n);
		if (n < PINGS && event_ring_sleep(pinger.ring))
			woken = is_readable(pinger.ring, LONG_MS);
	}
	atomic_store(&pinger.given_up, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(woken);
	assert_int_equal(n, PINGS);
	event_ring_free(pinger.ring);
}

/* Several writers */

struct writer {
	struct event_ring *ring;
	uint64_t number;
	uint64_t n_events;
	pthread_barrier_t *start; /* NULL: at once */
};

static void *write_events(void *arg)
{
	const struct writer *writer = arg;

	if (writer->start)
		(void)pthread_barrier_wait(writer->start);
	for (uint64_t i = 0; i < writer->n_events; i++)
		put(writer->ring, writer->number, i);
	return NULL;
}

struct reading {
	uint64_t next[WRITERS]; /* the least value that may come */
	uint64_t n_taken;
};

/* Values of one writer only ever grow: so none comes twice, or late. */
static void read_events(struct event_ring *ring, struct reading *reading)
{
	struct event event;

	while (event_ring_take(ring, &event)) {
		assert_true(event.connection < WRITERS);
		assert_true(event.value >= reading->next[event.connection]);
		reading->next[event.connection] = event.value + 1;
		reading->n_taken++;
	}
}

static void start_threads(struct writer *writers, pthread_t *threads,
			  struct event_ring *ring, uint64_t n_events)
{
	static pthread_barrier_t start;

	assert_int_equal(pthread_barrier_init(&start, NULL, WRITERS), 0);
	for (size_t i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ ring, i, n_events, &start };
		assert_int_equal(pthread_create(&threads[i], NULL,
						write_events, &writers[i]), 0);
	}
}

static void test_put_from_threads_each_event_comes_once(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct reading reading = { .n_taken = 0 };

		start_threads(writers, threads, ring, CAP / WRITERS);
		while (reading.n_taken < CAP)
			read_events(ring, &reading);
		for (size_t i = 0; i < WRITERS; i++)
			(void)pthread_join(threads[i], NULL);
		assert_empty(ring);
		for (size_t i = 0; i < WRITERS; i++)
			assert_int_equal(reading.next[i], CAP / WRITERS);
	}
	assert_int_equal(event_ring_lost(ring), 0);
	event_ring_free(ring);
}

static void test_put_from_threads_too_fast_counts_the_lost(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	struct reading reading = { .n_taken = 0 };
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];

	(void)state;
	start_threads(writers, threads, ring, 10 * CAP);
	while (reading.n_taken < CAP)
		read_events(ring, &reading);
	for (size_t i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	read_events(ring, &reading);
	assert_int_equal(reading.n_taken + event_ring_lost(ring),
			 WRITERS * 10 * CAP);
	event_ring_free(ring);
}

static void test_put_from_children_each_event_comes_once(void **state)
{
	struct event_ring *ring = new_ring(ALL);
	struct reading reading = { .n_taken = 0 };
	pid_t pids[WRITERS];

	(void)state;
	for (size_t i = 0; i < WRITERS; i++) {
		struct writer writer = { ring, i, CAP / WRITERS, NULL };

		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			(void)write_events(&writer);
			_exit(0);
		}
	}
	for (size_t i = 0; i < WRITERS; i++) {
		read_events(ring, &reading);
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	}
	read_events(ring, &reading);
	assert_int_equal(reading.n_taken, CAP);
	assert_int_equal(event_ring_lost(ring), 0);
	event_ring_free(ring);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_is_empty),
		TEST(test_new_each_call_failing_leaves_nothing),
		TEST(test_free_null_does_nothing),
		TEST(test_take_gives_back_what_was_put),
		TEST(test_take_keeps_the_order),
		TEST(test_wants_what_is_in_the_mask),
		TEST(test_put_of_what_nobody_wants_is_dropped),
		TEST(test_put_into_a_full_ring_keeps_the_oldest),
		TEST(test_put_and_take_many_rounds_wrap),
		TEST(test_sleep_empty_is_woken_by_a_put),
		TEST(test_sleep_with_something_to_take_does_not),
		TEST(test_sleep_is_woken_by_a_child),
		TEST(test_sleep_is_not_woken_by_the_unwanted),
		TEST(test_sleep_never_loses_a_wake_up),
		TEST(test_put_from_threads_each_event_comes_once),
		TEST(test_put_from_threads_too_fast_counts_the_lost),
		TEST(test_put_from_children_each_event_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
