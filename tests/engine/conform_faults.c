/* SPDX-License-Identifier: MIT */
/* conform_faults.c - every engine when the kernel says no, or says less */
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "cmocka_all.h"
#include "inject.h"
#include "peer.h"
#include "suite.h"

static _Atomic uint64_t *count_accepts(void)
{
	inject.accept_calls = mmap(NULL, sizeof *inject.accept_calls,
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(inject.accept_calls, MAP_FAILED);
	return inject.accept_calls;
}

/* Waits, neither spins nor dies; the client stays queued meanwhile. */
static void test_accept_without_room_pauses(struct harness *h)
{
	/* The last is a security module's word. */
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM,
				      EACCES };
	_Atomic uint64_t *calls = count_accepts();

	inject.accept_errors = errors;
	inject.n_accept_errors = 5;
	harness_start(h);
	peer_converse(harness_addr(h));
	assert_int_equal(harness_count(h, TALLY_ACCEPT_PAUSES), 5);
	/* One for each error, one that works, and at most one look at an
	 * empty queue for each time something woke the loop. */
	assert_in_range(atomic_load(calls), 6, 12);
	harness_finish(h);
	(void)munmap(calls, sizeof *calls);
}

static void test_accept_of_a_dead_client_is_no_event(struct harness *h)
{
	static const int errors[] = { ECONNABORTED, EPROTO, EINTR, ENETDOWN,
				      EHOSTUNREACH };

	inject.accept_errors = errors;
	inject.n_accept_errors = 5;
	harness_start(h);
	peer_converse(harness_addr(h));
	assert_int_equal(harness_count(h, TALLY_ACCEPT_PAUSES), 0);
	assert_int_equal(harness_count(h, TALLY_ACCEPTED), 1);
	harness_finish(h);
}

static void test_short_and_interrupted_transfers(struct harness *h)
{
	static unsigned char data[64 * 1024];
	int fd;

	peer_pattern(data, sizeof data, 1);
	inject.max_bytes = 7;
	inject.interrupt_every = 3;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo_duplex(fd, data, sizeof data);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
	harness_finish(h);
}

static const struct suite_row rows[] = {
	{ "accept_without_room_pauses", test_accept_without_room_pauses, 0,
	  NULL },
	{ "accept_of_a_dead_client_is_no_event",
	  test_accept_of_a_dead_client_is_no_event, 0, NULL },
	{ "short_and_interrupted_transfers",
	  test_short_and_interrupted_transfers, 0, NULL },
	{ NULL, NULL, 0, NULL },
};

int main(int argc, char **argv)
{
	return suite_main(argc, argv, stream_families, rows);
}
