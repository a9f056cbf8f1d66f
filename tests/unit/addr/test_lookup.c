/* SPDX-License-Identifier: MIT */
#include "addr/lookup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <meari/clock.h>

#include "cmocka_all.h"

/* The resolver of these tests: it can be held until the test lets it go on,
 * and it tells when an answer of its has been freed. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool held;
	unsigned asked, freed;
	bool signals_blocked;
	int eai;
} resolver = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static unsigned calls_until_failure; /* of calloc, eventfd, pthread_create */
static bool wait_lies; /* an event comes at once */

static bool fails_now(void)
{
	return calls_until_failure > 0 && --calls_until_failure == 0;
}

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __real_meari_wait(int fd, short events, uint64_t until_ns);
int __wrap_meari_wait(int fd, short events, uint64_t until_ns);

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found)
{
	sigset_t mask;

	assert_string_equal(host, "echo.example");
	assert_null(service);
	assert_int_equal(hints->ai_family, AF_INET6);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	(void)pthread_mutex_lock(&resolver.lock);
	resolver.asked++;
	resolver.signals_blocked = sigismember(&mask, SIGTERM) == 1;
	while (resolver.held)
		(void)pthread_cond_wait(&resolver.changed, &resolver.lock);
	(void)pthread_mutex_unlock(&resolver.lock);
	errno = EMFILE;
	if (resolver.eai == 0)
		*found = __real_calloc(1, sizeof **found);
	return resolver.eai;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
	free(found);
	(void)pthread_mutex_lock(&resolver.lock);
	resolver.freed++;
	(void)pthread_cond_broadcast(&resolver.changed);
	(void)pthread_mutex_unlock(&resolver.lock);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

int __wrap_eventfd(unsigned value, int flags)
{
	if (!fails_now())
		return __real_eventfd(value, flags);
	errno = EMFILE;
	return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	if (fails_now())
		return EAGAIN;
	return __real_pthread_create(thread, attr, start, arg);
}

int __wrap_meari_wait(int fd, short events, uint64_t until_ns)
{
	return wait_lies ? POLLERR : __real_meari_wait(fd, events, until_ns);
}

static int ask(uint64_t until_ns, struct lookup_answer *ret)
{
	const struct addrinfo hints = { .ai_family = AF_INET6 };

	return lookup("echo.example", &hints, until_ns, ret);
}

static int reset(void **state)
{
	(void)state;
	resolver.held = false;
	resolver.asked = resolver.freed = 0;
	resolver.eai = 0;
	calls_until_failure = 0;
	wait_lies = false;
	return 0;
}

static void test_lookup_without_deadline_asks_directly(void **state)
{
	struct lookup_answer answer;

	(void)state;
	assert_int_equal(ask(MEARI_NEVER, &answer), 0);
	assert_int_equal(answer.eai, 0);
	assert_non_null(answer.found);
	assert_false(resolver.signals_blocked);
	__wrap_freeaddrinfo(answer.found);
}

static void test_lookup_in_time_hands_over_the_answer(void **state)
{
	struct lookup_answer answer;

	(void)state;
	assert_int_equal(ask(meari_after_ns(60 * MEARI_S), &answer), 0);
	assert_int_equal(answer.eai, 0);
	assert_non_null(answer.found);
	assert_true(resolver.signals_blocked);
	assert_int_equal(resolver.freed, 0);
	__wrap_freeaddrinfo(answer.found);
}

static void test_lookup_error_comes_with_its_errno(void **state)
{
	struct lookup_answer answer;

	(void)state;
	resolver.eai = EAI_SYSTEM;
	assert_int_equal(ask(meari_after_ns(60 * MEARI_S), &answer), 0);
	assert_int_equal(answer.eai, EAI_SYSTEM);
	assert_int_equal(answer.err, EMFILE);
	assert_null(answer.found);
}

/* Lets the resolver answer, and waits until that has been freed. */
static void let_go_on(void)
{
	(void)pthread_mutex_lock(&resolver.lock);
	resolver.held = false;
	(void)pthread_cond_broadcast(&resolver.changed);
	while (resolver.freed == 0)
		(void)pthread_cond_wait(&resolver.changed, &resolver.lock);
	(void)pthread_mutex_unlock(&resolver.lock);
}

/* The answer that comes after all is freed by the thread. */
static void test_lookup_past_deadline_leaves_the_thread_to_itself(void **state)
{
	struct lookup_answer answer;

	(void)state;
	resolver.held = true;
	assert_int_equal(ask(meari_after_ns(20 * MEARI_MS), &answer),
			 -ETIMEDOUT);
	let_go_on();
	assert_int_equal(resolver.asked, 1);
}

static void test_lookup_without_room_says_so(void **state)
{
	static const int expected[] = { -ENOMEM, -EMFILE, -EAGAIN };
	struct lookup_answer answer;

	(void)state;
	for (unsigned k = 0; k < 3; k++) {
		calls_until_failure = k + 1;
		assert_int_equal(ask(meari_after_ns(MEARI_S), &answer),
				 expected[k]);
	}
	assert_int_equal(resolver.asked, 0);
}

/* The answer that was not waited for is freed by the thread. */
static void test_lookup_woken_without_an_answer_is_an_error(void **state)
{
	struct lookup_answer answer = { .eai = 4711 };

	(void)state;
	resolver.held = true;
	wait_lies = true;
	assert_int_equal(ask(meari_after_ns(60 * MEARI_S), &answer), -EIO);
	assert_int_equal(answer.eai, 4711);
	let_go_on();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			test_lookup_without_deadline_asks_directly, reset),
		cmocka_unit_test_setup(
			test_lookup_in_time_hands_over_the_answer, reset),
		cmocka_unit_test_setup(test_lookup_error_comes_with_its_errno,
				       reset),
		cmocka_unit_test_setup(
			test_lookup_past_deadline_leaves_the_thread_to_itself,
			reset),
		cmocka_unit_test_setup(test_lookup_without_room_says_so, reset),
		cmocka_unit_test_setup(
			test_lookup_woken_without_an_answer_is_an_error, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
