/* SPDX-License-Identifier: MIT */
#include <net/if.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/wait.h>

#include <meari/clock.h>

#include "loopback.h"
#include "../stat/mappings.h"
#include "server/guard.h"

#define LO 1
#define ETH 2

static uint64_t now_ns;
static unsigned lo_ifindex;

uint64_t __wrap_meari_now_ns(void);
unsigned __wrap_if_nametoindex(const char *name);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);

uint64_t __wrap_meari_now_ns(void)
{
	return now_ns;
}

unsigned __wrap_if_nametoindex(const char *name)
{
	assert_string_equal(name, "lo");
	return lo_ifindex;
}

/* Always the same key, under which the networks of these tests do not share
 * a bucket. */
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	(void)flags;
	if (torture_hits(ENOSYS))
		return -1;
	memset(buf, 0x5a, len);
	return (ssize_t)len;
}

static int setup(void **state)
{
	(void)state;
	now_ns = 1000 * MEARI_S;
	lo_ifindex = LO;
	return 0;
}

static struct guard_state *new_guard(const struct guard_options *options)
{
	struct guard_state *guard = NULL;

	assert_int_equal(guard_new(&guard, options), 0);
	assert_non_null(guard);
	return guard;
}

static int admit(const struct guard_state *guard,
		 const struct meari_datagram *datagram)
{
	const struct guard *face = guard_face(guard);
	bool ignored;

	return face->admit(face, datagram, &ignored);
}

static bool tells(const struct guard_state *guard,
		  const struct meari_datagram *datagram)
{
	const struct guard *face = guard_face(guard);
	bool tell = true;

	(void)face->admit(face, datagram, &tell);
	return tell;
}

/* From the network, to an address of ours in the same family. */
static struct meari_datagram datagram_from(const char *host, uint16_t port)
{
	return (struct meari_datagram){
		.peer = addr_of(host, port),
		.local = addr_of(strchr(host, ':') ? "2001:db8::7" :
						     "198.51.100.7", 0),
		.ifindex = ETH,
		.len = 10,
		.unicast = true,
	};
}

/* How many of @n are admitted. */
static unsigned admitted_of(const struct guard_state *guard, unsigned n,
			    const char *host)
{
	const struct meari_datagram datagram = datagram_from(host, 40000);
	unsigned admitted = 0;

	for (unsigned i = 0; i < n; i++) {
		int reason = admit(guard, &datagram);

		assert_true(reason == 0 || reason == TALLY_DROPPED_RATE);
		admitted += reason == 0;
	}
	return admitted;
}

static void test_new_each_call_failing_leaves_nothing(void **state)
{
	const struct guard_options options = { .rate = 1 };
	struct guard_state *guard = NULL;
	size_t bytes = mapped_bytes;
	unsigned k = 1;

	(void)state;
	for (;; k++) {
		int r;

		torture_start(k);
		r = guard_new(&guard, &options);
		if (!torture_stop())
			break;
		assert_int_equal(r, k == 1 ? -ENOSYS : -ENOMEM);
		assert_null(guard);
		assert_int_equal(mapped_bytes, bytes);
	}
	assert_int_equal(k, 3);
	guard_free(guard);
	assert_int_equal(mapped_bytes, bytes);
	guard_free(NULL);
}

/* Ports */

static void test_admit_by_source_port(void **state)
{
	static const struct {
		uint16_t port;
		int reason;
	} rows[] = {
		{ 0, TALLY_DROPPED_PORT },    { 7, TALLY_DROPPED_PORT },
		{ 19, TALLY_DROPPED_PORT },   { 1023, TALLY_DROPPED_PORT },
		{ 1024, 0 },                  { 2048, 0 },
		{ 2049, TALLY_DROPPED_PORT }, { 2050, 0 },
		{ 7007, TALLY_DROPPED_PORT }, { 7008, 0 },
		{ 65535, TALLY_DROPPED_PORT }, { 65534, 0 },
	};
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" };
	static const uint16_t own_ports[] = { 7007, 65535 };
	struct guard_state *guard = new_guard(&(struct guard_options){
		.own_ports = own_ports,
		.n_own_ports = 2,
	});

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t j = 0; j < 2; j++) {
			struct meari_datagram datagram =
				datagram_from(hosts[j], rows[i].port);

			assert_int_equal(admit(guard, &datagram),
					 rows[i].reason);
		}
	guard_free(guard);
}

/* Two of our own sockets could be set on each other, however many we have. */
static void test_admit_from_any_of_many_own_ports_refuses(void **state)
{
	uint16_t own_ports[300];
	struct guard_options options = { .own_ports = own_ports };
	struct guard_state *guard;

	(void)state;
	for (uint16_t i = 0; i < 300; i++)
		own_ports[options.n_own_ports++] = (uint16_t)(5000 + 2 * i);
	guard = new_guard(&options);
	for (uint16_t port = 5000; port < 5600; port++) {
		struct meari_datagram datagram =
			datagram_from("192.0.2.1", port);

		assert_int_equal(admit(guard, &datagram),
				 port % 2 ? 0 : TALLY_DROPPED_PORT);
	}
	guard_free(guard);
}

/* Addresses */

static void test_admit_by_source_address(void **state)
{
	static const struct {
		const char *host;
		int reason;
	} rows[] = {
		{ "192.0.2.1", 0 },
		{ "1.0.0.0", 0 },
		{ "126.255.255.255", 0 },
		{ "128.0.0.1", 0 },
		{ "223.255.255.255", 0 },
		{ "254.255.255.255", 0 },
		{ "0.0.0.0", TALLY_DROPPED_SOURCE },
		{ "0.255.255.255", TALLY_DROPPED_SOURCE },
		{ "127.0.0.1", TALLY_DROPPED_SOURCE },
		{ "127.255.255.255", TALLY_DROPPED_SOURCE },
		{ "224.0.0.0", TALLY_DROPPED_SOURCE },
		{ "239.255.255.255", TALLY_DROPPED_SOURCE },
		{ "255.0.0.1", TALLY_DROPPED_SOURCE },
		{ "255.255.255.255", TALLY_DROPPED_SOURCE },
		{ "2001:db8::1", 0 },
		{ "fe80::1", 0 },
		{ "fd00::2", 0 },
		{ "::", TALLY_DROPPED_SOURCE },
		{ "::1", TALLY_DROPPED_SOURCE },
		{ "ff02::1", TALLY_DROPPED_SOURCE },
		{ "ff0e::1", TALLY_DROPPED_SOURCE },
		{ "::ffff:192.0.2.1", TALLY_DROPPED_SOURCE },
	};
	struct guard_state *guard = new_guard(&(struct guard_options){ 0 });

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct meari_datagram datagram =
			datagram_from(rows[i].host, 40000);

		assert_int_equal(admit(guard, &datagram), rows[i].reason);
	}
	guard_free(guard);
}

static void test_admit_loopback_source_on_loopback_passes(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "127.3.2.1", "::1" };
	struct guard_state *guard = new_guard(&(struct guard_options){ 0 });

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct meari_datagram datagram =
			datagram_from(hosts[i], 40000);

		datagram.ifindex = LO;
		assert_int_equal(admit(guard, &datagram), 0);
		/* The kernel lets no packet for these in from outside. */
		datagram.ifindex = ETH;
		datagram.local = addr_of(i < 2 ? "127.0.0.1" : "::1", 0);
		assert_int_equal(admit(guard, &datagram), 0);
	}
	guard_free(guard);
}

/* Where there is no such interface, no index must pass for its. */
static void test_admit_loopback_source_from_unknown_refuses(void **state)
{
	struct meari_datagram datagram = datagram_from("127.0.0.1", 40000);
	struct guard_state *guard;

	(void)state;
	lo_ifindex = 0;
	guard = new_guard(&(struct guard_options){ 0 });
	datagram.ifindex = 0;
	datagram.local.len = 0;
	assert_int_equal(admit(guard, &datagram), TALLY_DROPPED_SOURCE);
	guard_free(guard);
}

/* An IPv4-mapped source was unmapped on arrival. On a socket that takes both
 * families our own address was, too. */
static void test_admit_unmapped_source_by_the_local_family(void **state)
{
	struct guard_state *guard = new_guard(&(struct guard_options){ 0 });
	struct meari_datagram datagram = datagram_from("192.0.2.1", 40000);

	(void)state;
	datagram.local = addr_of("2001:db8::7", 0);
	assert_int_equal(admit(guard, &datagram), TALLY_DROPPED_SOURCE);
	datagram.local = addr_of("198.51.100.7", 0);
	assert_int_equal(admit(guard, &datagram), 0);
	datagram.local.len = 0; /* unknown */
	assert_int_equal(admit(guard, &datagram), 0);
	guard_free(guard);
}

static void test_admit_sent_to_a_group_refuses(void **state)
{
	static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" };
	struct guard_state *guard = new_guard(&(struct guard_options){ 0 });

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct meari_datagram datagram =
			datagram_from(hosts[i], 40000);

		datagram.unicast = false;
		assert_int_equal(admit(guard, &datagram),
				 TALLY_DROPPED_GROUP);
		datagram.ifindex = LO;
		assert_int_equal(admit(guard, &datagram),
				 TALLY_DROPPED_GROUP);
	}
	guard_free(guard);
}

/* Rate */

static void test_rate_admits_a_second_worth_at_once(void **state)
{
	static const uint64_t rates[] = { 1, 2, 3, 7, 10, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct guard_state *guard = new_guard(
			&(struct guard_options){ .rate = rates[i] });

		assert_int_equal(admitted_of(guard, 2000, "192.0.2.1"),
				 rates[i]);
		assert_int_equal(admitted_of(guard, 2000, "2001:db8::1"),
				 rates[i]);
		guard_free(guard);
	}
}

static void test_rate_0_admits_any(void **state)
{
	struct guard_state *guard = new_guard(&(struct guard_options){ 0 });

	(void)state;
	assert_int_equal(admitted_of(guard, 5000, "192.0.2.1"), 5000);
	guard_free(guard);
}

static void test_rate_is_shared_within_a_network(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });

	(void)state;
	assert_int_equal(admitted_of(guard, 6, "192.0.2.1"), 6);
	assert_int_equal(admitted_of(guard, 9, "192.0.2.254"), 4);
	assert_int_equal(admitted_of(guard, 6, "2001:db8:0:100::1"), 6);
	assert_int_equal(admitted_of(guard, 9, "2001:db8:0:1ff:f::2"), 4);
	guard_free(guard);
}

static void test_rate_of_another_network_is_its_own(void **state)
{
	static const char *const hosts[] = {
		"192.0.2.1",	     "192.0.3.1",	  "192.1.2.1",
		"2001:db8:0:100::1", "2001:db8:0:200::1", "2001:db9:0:100::1",
		"200:c000::1", /* in memory the bits of 192.0.2.0/24 */
	};
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		assert_int_equal(admitted_of(guard, 20, hosts[i]), 10);
	guard_free(guard);
}

static void test_rate_refills_with_time(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });

	(void)state;
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 10);
	now_ns += 99 * MEARI_MS;
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 0);
	now_ns += 1 * MEARI_MS; /* what was refused has cost nothing */
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 1);
	now_ns += 350 * MEARI_MS;
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 3);
	now_ns += 3600 * MEARI_S; /* does not add up beyond a burst */
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 10);
	guard_free(guard);
}

static void test_rate_kept_to_is_never_refused(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(admitted_of(guard, 1, "192.0.2.1"), 1);
		now_ns += 100 * MEARI_MS;
	}
	guard_free(guard);
}

/* Nobody else can forge those, and a test on one machine may be fast. */
static void test_rate_is_not_for_what_came_from_here(void **state)
{
	struct meari_datagram datagram = datagram_from("127.0.0.1", 40000);
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 1 });

	(void)state;
	datagram.ifindex = LO;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(admit(guard, &datagram), 0);
	guard_free(guard);
}

/* What is refused for another reason costs its network nothing: anybody could
 * use its allowance up. */
static void test_rate_counts_only_what_may_be_answered(void **state)
{
	struct meari_datagram datagram = datagram_from("192.0.2.1", 7);
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(admit(guard, &datagram), TALLY_DROPPED_PORT);
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 10);
	guard_free(guard);
}

static void *admit_many(void *arg)
{
	return (void *)(uintptr_t)admitted_of(arg, 2000, "192.0.2.1");
}

static void test_rate_among_threads_is_exact(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 1000 });
	pthread_t threads[4];
	uintptr_t admitted = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, admit_many,
						guard), 0);
	for (size_t i = 0; i < 4; i++) {
		void *ret;

		assert_int_equal(pthread_join(threads[i], &ret), 0);
		admitted += (uintptr_t)ret;
	}
	assert_int_equal(admitted, 1000);
	guard_free(guard);
}

static void test_rate_is_shared_by_processes(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 10 });
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit((int)admitted_of(guard, 7, "192.0.2.1"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(admitted_of(guard, 20, "192.0.2.1"), 3);
	guard_free(guard);
}

/* Reports */

static void test_tell_at_most_one_a_second_and_reason(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 1 });
	const struct meari_datagram port = datagram_from("192.0.2.1", 7);
	const struct meari_datagram source = datagram_from("0.0.0.0", 40000);

	(void)state;
	assert_true(tells(guard, &port));
	assert_false(tells(guard, &port));
	assert_true(tells(guard, &source));
	assert_false(tells(guard, &source));
	now_ns += MEARI_S - 1;
	assert_false(tells(guard, &port));
	now_ns += 1;
	assert_true(tells(guard, &port));
	assert_false(tells(guard, &port));
	assert_true(tells(guard, &source));
	guard_free(guard);
}

static void test_tell_not_of_what_is_admitted(void **state)
{
	struct guard_state *guard =
		new_guard(&(struct guard_options){ .rate = 1 });
	const struct meari_datagram datagram =
		datagram_from("192.0.2.1", 40000);

	(void)state;
	assert_false(tells(guard, &datagram));
	assert_true(tells(guard, &datagram)); /* too fast */
	guard_free(guard);
}

static void test_is_needed_unless_bound_to_loopback(void **state)
{
	static const struct {
		const char *host;
		bool needed;
	} rows[] = {
		{ "0.0.0.0", true },	{ "::", true },
		{ "192.0.2.1", true },	{ "2001:db8::1", true },
		{ "127.0.0.1", false }, { "127.1.2.3", false },
		{ "::1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct meari_addr bound = addr_of(rows[i].host, 7007);

		assert_int_equal(guard_is_needed(&bound), rows[i].needed);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_each_call_failing_leaves_nothing),
		TEST(test_admit_by_source_port),
		TEST(test_admit_from_any_of_many_own_ports_refuses),
		TEST(test_admit_by_source_address),
		TEST(test_admit_loopback_source_on_loopback_passes),
		TEST(test_admit_loopback_source_from_unknown_refuses),
		TEST(test_admit_unmapped_source_by_the_local_family),
		TEST(test_admit_sent_to_a_group_refuses),
		TEST(test_rate_admits_a_second_worth_at_once),
		TEST(test_rate_0_admits_any),
		TEST(test_rate_is_shared_within_a_network),
		TEST(test_rate_of_another_network_is_its_own),
		TEST(test_rate_refills_with_time),
		TEST(test_rate_kept_to_is_never_refused),
		TEST(test_rate_is_not_for_what_came_from_here),
		TEST(test_rate_counts_only_what_may_be_answered),
		TEST(test_rate_among_threads_is_exact),
		TEST(test_rate_is_shared_by_processes),
		TEST(test_tell_at_most_one_a_second_and_reason),
		TEST(test_tell_not_of_what_is_admitted),
		TEST(test_is_needed_unless_bound_to_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
