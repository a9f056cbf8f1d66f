/* SPDX-License-Identifier: MIT */
/*
 * harness.h - one engine serving in a process of its own
 *
 * The child does what a server does, start, run, free, and checks that it has
 * as many descriptors after as before. Its faults are those that inject.h was
 * told before harness_start().
 */
#ifndef LIB_HARNESS_H
#define LIB_HARNESS_H

#include <sys/types.h>

#include <meari/listen.h>

#include "engine/engine.h"

struct harness {
	const struct engine *engine;
	const char *family; /* "tcp4", "tcp6", "unix", "udp4", "udp6" */
	/* To be changed before harness_start(). */
	const char *service;
	struct meari_span message;
	struct engine_limits limits;
	uint64_t drain_ns;
	const struct guard *guard; /* the listener is guarded if given */
	bool ours;                 /* nobody else has the listener */

	struct meari_listeners sockets;
	struct engine_listener listener;
	struct engine_env env;
	char folder[32];
	pid_t pid;
};

/* The families of a kind, NULL at the end. */
extern const char *const stream_families[];
extern const char *const datagram_families[];

/* Can this machine do it? Otherwise says why not. */
bool family_is_there(const char *family);

/* Fills in what every test starts from. */
void harness_init(struct harness *h, const struct engine *engine,
		  const char *family);

/* Opens the listener and starts the child, which listens on return. */
void harness_start(struct harness *h);

/* The address to connect to. */
const struct meari_addr *harness_addr(const struct harness *h);

/* Raises stop, or abort. */
void harness_stop(struct harness *h);
void harness_abort(struct harness *h);

/* Waits for the child, which must have ended well, and frees everything. */
void harness_wait(struct harness *h);

/* Stops and waits; every connection must have ended by then. */
void harness_finish(struct harness *h);

uint64_t harness_count(const struct harness *h, enum tally_counter counter);

/* Waits until a counter has reached a value. */
void harness_await(const struct harness *h, enum tally_counter counter,
		   uint64_t value);

/* Resident bytes of the child and its children. Pages that they share with the
 * test count, or they would seem to grow when the test writes to its own. */
size_t harness_resident_bytes(const struct harness *h);

/* The child's children, at most @max; returns how many. */
size_t harness_children(const struct harness *h, pid_t *pids, size_t max);

#endif
