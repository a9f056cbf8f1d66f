/* SPDX-License-Identifier: MIT */
/*
 * guard.h - which datagrams a server that others can reach may answer
 *
 * UDP lets anybody name anybody as a source. An echo that answers all of it
 * can be pointed at another echo, and the two never stop; or at a victim. So
 * on sockets that are reachable from elsewhere a datagram is not answered
 *
 *  - from a port below 1024, where services live that might answer in turn,
 *    from 2049 (NFS), or from one of our own UDP ports;
 *  - from an address that no sender can have: 0/8, 127/8 and ::1 if it came
 *    in from outside, multicast, 255/8, unspecified, IPv4-mapped;
 *  - sent to a group or to everybody;
 *  - beyond a rate for each source network (IPv4 /24, IPv6 /56).
 *
 * The state is shared by the processes of an engine.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

struct guard_state;

struct guard_options {
	uint64_t rate;             /* datagrams a second, a network; 0: any */
	const uint16_t *own_ports; /* UDP ports served here; borrowed */
	size_t n_own_ports;
};

/**
 * guard_new() - map the shared state
 * @ret_state: written on success; for guard_free()
 * @options:   copied
 *
 * Return: 0 or a negative errno of mmap(2) or getrandom(2).
 */
int guard_new(struct guard_state **ret_state,
	      const struct guard_options *options);

/* Unmap; accepts NULL. */
void guard_free(struct guard_state *state);

/* The face that engines see; the state's. */
const struct guard *guard_face(const struct guard_state *state);

/* Can a datagram from another machine reach a socket bound to this? */
bool guard_is_needed(const struct meari_addr *bound);

#endif
