/* SPDX-License-Identifier: MIT */
#include "server/guard.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <meari/clock.h>

/* Networks whose hash collides share a bucket. The hash is keyed, so nobody
 * can pick an address that starves another. */
#define BUCKETS 4096u

/* A network may use up this much of its rate at once. */
#define BURST_NS MEARI_S

/* One report for each reason in this time. */
#define TELL_NS MEARI_S

static_assert((BUCKETS & (BUCKETS - 1)) == 0, "buckets are found by masking");

struct guard_state {
	struct guard face;
	uint64_t interval_ns; /* between datagrams at the full rate; 0: any */
	uint64_t key;
	unsigned loopback_ifindex;
	uint64_t own_ports[65536 / 64]; /* a bit each */
	_Atomic uint64_t told_ns[TALLY_N];
	/* When the network's allowance will be whole again. */
	_Atomic uint64_t whole_ns[BUCKETS];
};

static bool is_service_port(const struct guard_state *state, uint16_t port)
{
	return port < 1024 || port == 2049 ||
	       state->own_ports[port / 64] >> (port % 64) & 1;
}

/* What the kernel looped back never crossed a network, so nobody else can
 * have put a loopback address there. */
static bool came_from_here(const struct guard_state *state,
			   const struct meari_datagram *datagram)
{
	return (datagram->ifindex > 0 &&
		datagram->ifindex == state->loopback_ifindex) ||
	       (datagram->local.len > 0 &&
		meari_addr_is_loopback(&datagram->local));
}

static bool is_bogus_v4(const struct in_addr *in)
{
	uint32_t host = ntohl(in->s_addr);

	return host >> 24 == 0 || host >> 24 == 255 || host >> 28 == 0xe;
}

static bool is_bogus_v6(const struct in6_addr *in6)
{
	return IN6_IS_ADDR_UNSPECIFIED(in6) || IN6_IS_ADDR_MULTICAST(in6) ||
	       IN6_IS_ADDR_V4MAPPED(in6);
}

static bool is_bogus(const struct guard_state *state,
		     const struct meari_datagram *datagram)
{
	const struct meari_addr *peer = &datagram->peer;

	/* An IPv4-mapped source was unmapped on arrival; on an IPv6 socket
	 * that shows. */
	if (datagram->local.len > 0 &&
	    datagram->local.sa.sa_family != peer->sa.sa_family)
		return true;
	if (meari_addr_is_loopback(peer))
		return !came_from_here(state, datagram);
	if (peer->sa.sa_family == AF_INET)
		return is_bogus_v4(&peer->in.sin_addr);
	return is_bogus_v6(&peer->in6.sin6_addr);
}

static uint64_t network_of(const struct meari_addr *peer)
{
	uint64_t network = 1; /* apart from every IPv4 network */

	if (peer->sa.sa_family == AF_INET)
		return ntohl(peer->in.sin_addr.s_addr) >> 8;
	for (size_t i = 0; i < 56 / 8; i++)
		network = network << 8 | peer->in6.sin6_addr.s6_addr[i];
	return network;
}

/* The finalizer of SplitMix64 over the keyed network. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* A token bucket kept as one time (GCRA): each datagram moves it on by an
 * interval; further than a burst ahead of now means too fast. */
static bool is_too_fast(struct guard_state *state,
			const struct meari_addr *peer)
{
	uint64_t hash = mix(network_of(peer) ^ state->key);
	_Atomic uint64_t *bucket = &state->whole_ns[hash & (BUCKETS - 1)];
	uint64_t now_ns = meari_now_ns();
	uint64_t old_ns = atomic_load_explicit(bucket, memory_order_relaxed);
	uint64_t new_ns;

	if (state->interval_ns == 0)
		return false;
	do {
		new_ns = (old_ns > now_ns ? old_ns : now_ns) +
			 state->interval_ns;
		if (new_ns - now_ns > BURST_NS)
			return true;
	} while (!atomic_compare_exchange_weak_explicit(
		bucket, &old_ns, new_ns, memory_order_relaxed,
		memory_order_relaxed));
	return false;
}

static int reason_against(struct guard_state *state,
			  const struct meari_datagram *datagram)
{
	if (!datagram->unicast)
		return TALLY_DROPPED_GROUP;
	if (is_bogus(state, datagram))
		return TALLY_DROPPED_SOURCE;
	if (is_service_port(state, meari_addr_port(&datagram->peer)))
		return TALLY_DROPPED_PORT;
	if (!came_from_here(state, datagram) &&
	    is_too_fast(state, &datagram->peer))
		return TALLY_DROPPED_RATE;
	return 0;
}

static bool is_worth_telling(struct guard_state *state, int reason)
{
	_Atomic uint64_t *told_ns = &state->told_ns[reason];
	uint64_t now_ns = meari_now_ns();
	uint64_t last_ns = atomic_load(told_ns);

	return (last_ns == 0 || now_ns - last_ns >= TELL_NS) &&
	       atomic_compare_exchange_strong(told_ns, &last_ns, now_ns);
}

static int admit(const struct guard *guard,
		 const struct meari_datagram *datagram, bool *ret_tell)
{
	/* The face is the first member of the state it was made with, which
	 * is writable memory; only the face is const to engines. */
	struct guard_state *state = (struct guard_state *)(uintptr_t)guard;
	int reason = reason_against(state, datagram);

	*ret_tell = reason != 0 && is_worth_telling(state, reason);
	return reason;
}

static_assert(offsetof(struct guard_state, face) == 0, "see admit()");

int guard_new(struct guard_state **ret_state,
	      const struct guard_options *options)
{
	struct guard_state *state;
	uint64_t key;

	if (getrandom(&key, sizeof key, 0) < 0)
		return -errno;
	state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		return -errno;
	state->face.admit = admit;
	state->key = key;
	state->interval_ns = options->rate ? MEARI_S / options->rate : 0;
	state->loopback_ifindex = if_nametoindex("lo");
	for (size_t i = 0; i < options->n_own_ports; i++)
		state->own_ports[options->own_ports[i] / 64] |=
			1ull << (options->own_ports[i] % 64);
	*ret_state = state;
	return 0;
}

void guard_free(struct guard_state *state)
{
	if (state)
		(void)munmap(state, sizeof *state);
}

const struct guard *guard_face(const struct guard_state *state)
{
	return &state->face;
}

bool guard_is_needed(const struct meari_addr *bound)
{
	return !meari_addr_is_loopback(bound);
}
