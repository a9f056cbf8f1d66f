/* SPDX-License-Identifier: MIT */
#include "loopback.h"
#include "torture.h"

#include <meari/io.h>

#include "net/race.h"

static struct {
	bool interrupted; /* connect() starts, and then says EINTR */
	int poll_error;
	unsigned timeouts; /* how often waiting ended without an event */
} plan;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value,
		      socklen_t *len);
int __real_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __real_getpeername(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len);
int __real_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);

int __wrap_socket(int family, int type, int protocol)
{
	if (torture_hits(EMFILE))
		return -1;
	return __real_socket(family, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int r;

	if (torture_hits(ENETUNREACH))
		return -1;
	r = __real_connect(fd, sa, len);
	if (plan.interrupted) {
		errno = EINTR;
		return -1;
	}
	return r;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	if (torture_hits(ENOBUFS))
		return -1;
	return __real_getsockopt(fd, level, name, value, len);
}

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return torture_hits(ENOBUFS) ? -1 : __real_getsockname(fd, sa, len);
}

int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len)
{
	return torture_hits(ENOTCONN) ? -1 : __real_getpeername(fd, sa, len);
}

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	int r;

	if (plan.poll_error != 0)
		return plan.poll_error;
	if (torture_hits(ENOMEM))
		return -ENOMEM;
	r = __real_meari_poll(fds, n_fds, until_ns);
	plan.timeouts += r == -ETIMEDOUT;
	return r;
}

/* Attempts that failed, in the order in which that was told. */
static struct lost {
	size_t n;
	struct {
		char addr[MEARI_ADDR_TEXT];
		int error;
		uint64_t took_ns;
	} rows[128];
} lost;

static void note_lost(void *ctx, const struct meari_addr *addr, int error,
		      uint64_t took_ns)
{
	struct lost *to = ctx;

	assert_in_range(to->n, 0, 127);
	(void)meari_addr_format(addr, to->rows[to->n].addr, MEARI_ADDR_TEXT);
	to->rows[to->n].error = error;
	to->rows[to->n].took_ns = took_ns;
	to->n++;
}

static void assert_lost(size_t i, const struct meari_addr *addr, int error)
{
	assert_in_range(i + 1, 1, lost.n);
	assert_addr_text(addr, lost.rows[i].addr);
	assert_int_equal(lost.rows[i].error, error);
}

/* A run and what came of it. */
struct run {
	struct meari_dialed dialed;
	struct meari_fail last;
	int result;
};

static struct run run(struct meari_addr *addrs, size_t n, uint64_t until_ns)
{
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = n };
	const struct option_set set = {
		.addrs = &list,
		.socktype = SOCK_STREAM,
	};
	const struct meari_dial_options options = {
		.until_ns = until_ns,
		.failed = note_lost,
		.ctx = &lost,
	};
	struct run run = { .dialed = { .fd = -1 } };

	lost.n = 0;
	run.result = race_run(&set, &options, &run.dialed, &run.last);
	return run;
}

/* The addresses of these tests: one that refuses, one that answers, one from
 * which nothing comes back. */
static struct meari_addr refusing, good, dead;
static struct black_hole hole;
static int refusingfd, goodfd;
static size_t fds_before;

static int setup(void **state)
{
	(void)state;
	refusingfd = bound_socket(SOCK_STREAM, "127.0.0.1", 0);
	refusing = addr_of("127.0.0.1", port_of(refusingfd));
	goodfd = listening_socket("127.0.0.2", 0);
	good = addr_of("127.0.0.2", port_of(goodfd));
	hole = black_hole_open("127.0.0.3");
	dead = hole.addr;
	plan = (typeof(plan)){ .poll_error = 0 };
	fds_before = open_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(open_fds(), fds_before);
	black_hole_close(&hole);
	(void)close(goodfd);
	(void)close(refusingfd);
	return 0;
}

static void assert_won(struct run *run, const struct meari_addr *by)
{
	struct meari_addr peer;

	assert_int_equal(run->result, 0);
	assert_born_right(run->dialed.fd);
	assert_true(meari_addr_equal(&run->dialed.peer, by));
	assert_int_equal(meari_addr_peer(run->dialed.fd, &peer), 0);
	assert_true(meari_addr_equal(&peer, by));
	assert_int_equal(open_fds(), fds_before + 1);
	(void)close(run->dialed.fd);
}

static void test_race_refused_first_goes_on_at_once(void **state)
{
	struct meari_addr addrs[] = { refusing, refusing, good };
	struct run r = run(addrs, 3, MEARI_NEVER);

	(void)state;
	assert_won(&r, &good);
	assert_int_equal(r.dialed.n_tried, 3);
	assert_int_equal(plan.timeouts, 0);
	assert_int_equal(lost.n, 2);
	assert_lost(0, &refusing, -ECONNREFUSED);
	assert_lost(1, &refusing, -ECONNREFUSED);
}

static void test_race_black_hole_first_good_one_listed_last_wins(void **state)
{
	struct meari_addr addrs[] = { dead, refusing, good };
	struct run r = run(addrs, 3, meari_after_ns(10 * MEARI_S));

	(void)state;
	assert_won(&r, &good);
	assert_int_equal(r.dialed.n_tried, 3);
	assert_int_equal(plan.timeouts, 1);
	assert_true(r.dialed.connect_ns >= MEARI_ATTEMPT_DELAY_NS);
	assert_int_equal(lost.n, 2);
	assert_lost(0, &refusing, -ECONNREFUSED);
	assert_lost(1, &dead, -ECANCELED);
	assert_true(lost.rows[1].took_ns >= MEARI_ATTEMPT_DELAY_NS);
}

static void test_race_good_one_first_tries_no_other(void **state)
{
	struct meari_addr addrs[] = { good, dead };
	struct run r = run(addrs, 2, MEARI_NEVER);

	(void)state;
	assert_won(&r, &good);
	assert_int_equal(r.dialed.n_tried, 1);
	assert_int_equal(lost.n, 0);
}

/* Runs over addresses that all refuse, each on a port of its own. */
static void run_refused(const char *const *hosts, struct meari_addr *addrs,
			size_t n)
{
	int fds[8];

	assert_in_range(n, 1, 8);
	for (size_t i = 0; i < n; i++) {
		fds[i] = bound_socket(SOCK_STREAM, hosts[i], 0);
		addrs[i] = addr_of(hosts[i], port_of(fds[i]));
	}
	assert_int_equal(run(addrs, n, MEARI_NEVER).result, -ECONNREFUSED);
	assert_int_equal(lost.n, n);
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

static void test_race_families_take_turns(void **state)
{
	static const char *const hosts[] = { "::1", "::1", "::1", "127.0.0.1",
					     "127.0.0.2" };
	static const size_t order[] = { 0, 3, 1, 4, 2 };
	struct meari_addr addrs[5];

	(void)state;
	NEEDS_IPV6();
	run_refused(hosts, addrs, 5);
	for (size_t i = 0; i < 5; i++)
		assert_lost(i, &addrs[order[i]], -ECONNREFUSED);
}

static void test_race_first_family_of_list_starts(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "127.0.0.2", "::1" };
	static const size_t order[] = { 0, 2, 1 };
	struct meari_addr addrs[3];

	(void)state;
	NEEDS_IPV6();
	run_refused(hosts, addrs, 3);
	for (size_t i = 0; i < 3; i++)
		assert_lost(i, &addrs[order[i]], -ECONNREFUSED);
}

static void test_race_all_fail_reports_each(void **state)
{
	struct meari_addr addrs[] = { refusing, addr_of("127.255.255.255", 1) };
	struct run r = run(addrs, 2, MEARI_NEVER);

	(void)state;
	assert_int_equal(r.result, -ENETUNREACH);
	assert_int_equal(r.dialed.n_tried, 2);
	assert_lost(0, &refusing, -ECONNREFUSED);
	assert_lost(1, &addrs[1], -ENETUNREACH);
	assert_string_equal(r.last.step, "connect");
	assert_string_equal(r.last.what, "127.255.255.255:1");
	assert_int_equal(r.last.error, -ENETUNREACH);
}

static void test_race_deadline_ends_pending_attempts(void **state)
{
	struct meari_addr addrs[] = { dead, dead, good };
	const uint64_t until_ns = meari_after_ns(60 * MEARI_MS);
	struct run r = run(addrs, 3, until_ns);

	(void)state;
	assert_int_equal(r.result, -ETIMEDOUT);
	assert_true(meari_now_ns() >= until_ns);
	assert_int_equal(r.dialed.n_tried, 1);
	assert_int_equal(lost.n, 1);
	assert_lost(0, &dead, -ETIMEDOUT);
	assert_int_equal(r.last.error, -ETIMEDOUT);
}

static void test_race_deadline_ends_several_attempts(void **state)
{
	struct meari_addr addrs[] = { dead, dead };
	struct run r = run(addrs, 2, meari_after_ns(MEARI_ATTEMPT_DELAY_NS +
						    50 * MEARI_MS));

	(void)state;
	assert_int_equal(r.result, -ETIMEDOUT);
	assert_int_equal(r.dialed.n_tried, 2);
	assert_int_equal(lost.n, 2);
	assert_lost(0, &dead, -ETIMEDOUT);
	assert_lost(1, &dead, -ETIMEDOUT);
	assert_true(lost.rows[1].took_ns < lost.rows[0].took_ns);
}

static void test_race_deadline_passed_tries_one(void **state)
{
	struct meari_addr addrs[] = { refusing, good };
	struct run r = run(addrs, 2, 1);

	(void)state;
	assert_int_equal(r.result, -ETIMEDOUT);
	assert_int_equal(r.dialed.n_tried, 1);
	assert_int_equal(r.last.error, -ETIMEDOUT);
	assert_int_equal(lost.n, 1);
}

static void test_race_long_list_is_cut(void **state)
{
	struct meari_addr addrs[100];
	struct run r;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		addrs[i] = refusing;
	r = run(addrs, 100, MEARI_NEVER);
	assert_int_equal(r.result, -ECONNREFUSED);
	assert_int_equal(r.dialed.n_tried, RACE_MAX);
	assert_int_equal(lost.n, RACE_MAX);
}

static void test_race_interrupted_connect_goes_on(void **state)
{
	struct meari_addr addrs[] = { good };
	struct run r;

	(void)state;
	plan.interrupted = true;
	r = run(addrs, 1, MEARI_NEVER);
	plan.interrupted = false;
	assert_won(&r, &good);
}

static void test_race_poll_that_fails_ends_it(void **state)
{
	struct meari_addr addrs[] = { dead, good };
	struct run r;

	(void)state;
	plan.poll_error = -EINVAL;
	r = run(addrs, 2, MEARI_NEVER);
	assert_int_equal(r.result, -EINVAL);
	assert_lost(0, &dead, -EINVAL);
}

static void test_race_no_descriptors_names_the_step(void **state)
{
	struct meari_addr addrs[] = { good };
	struct run r;

	(void)state;
	torture_start(1);
	r = run(addrs, 1, MEARI_NEVER);
	assert_true(torture_stop());
	assert_int_equal(r.result, -EMFILE);
	assert_string_equal(r.last.step, "socket");
	assert_addr_text(&good, r.last.what);
	assert_lost(0, &good, -EMFILE);
}

/* Whatever fails, the race is lost or won, and nothing else stays open. */
static void test_race_any_call_fails_leaks_nothing(void **state)
{
	unsigned k = 1, n_lost = 0;

	(void)state;
	for (;; k++) {
		struct meari_addr addrs[] = { refusing, good };
		struct run r;

		torture_start(k);
		r = run(addrs, 2, meari_after_ns(20 * MEARI_MS));
		if (r.result == 0)
			(void)close(r.dialed.fd);
		else
			n_lost++;
		assert_int_equal(open_fds(), fds_before);
		if (!torture_stop())
			break;
		assert_true(r.result <= 0);
	}
	assert_in_range(k, 5, 50);
	assert_in_range(n_lost, 3, k);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_race_refused_first_goes_on_at_once),
		TEST(test_race_black_hole_first_good_one_listed_last_wins),
		TEST(test_race_good_one_first_tries_no_other),
		TEST(test_race_families_take_turns),
		TEST(test_race_first_family_of_list_starts),
		TEST(test_race_all_fail_reports_each),
		TEST(test_race_deadline_ends_pending_attempts),
		TEST(test_race_deadline_ends_several_attempts),
		TEST(test_race_deadline_passed_tries_one),
		TEST(test_race_long_list_is_cut),
		TEST(test_race_interrupted_connect_goes_on),
		TEST(test_race_poll_that_fails_ends_it),
		TEST(test_race_no_descriptors_names_the_step),
		TEST(test_race_any_call_fails_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
