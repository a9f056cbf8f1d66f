/* SPDX-License-Identifier: MIT */
/*
 * acceptor.h - what to do next, for engines that accept in one place
 *
 * Waits on the listeners, on stop and abort, and on a descriptor by which the
 * engine hears of connections that are over. It keeps the promises that every
 * accept loop owes:
 *
 *  - out of descriptors, memory or processes it pauses, until a connection is
 *    over or a tenth of a second has passed; the clients stay queued, and the
 *    loop neither spins nor dies;
 *  - with as many connections as allowed it leaves the queue to the kernel;
 *  - on stop it takes what is queued, then ends.
 */
#ifndef ENGINE_ACCEPTOR_H
#define ENGINE_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/connection.h"
#include "engine/control.h"
#include "engine/engine.h"

enum acceptor_event {
	ACCEPTOR_END,        /* stopped and the queues taken, or aborted */
	ACCEPTOR_CONNECTION, /* one was accepted */
	ACCEPTOR_DATAGRAM,   /* a datagram socket is readable */
	ACCEPTOR_WAKE,       /* the engine's own descriptor is readable */
};

struct acceptor {
	struct control control;
	bool datagrams;           /* wait on datagram sockets, too */
	int wake_fd;              /* the engine's; -1: none */
	struct pollfd *fds;       /* control, wake_fd, then the listeners */
	size_t next;              /* listener to look at next */
	uint64_t paused_until_ns; /* 0: not paused */
	bool told_pause;          /* once until one is accepted again */
	uint64_t n_accepted;
	struct connection held;   /* given back by acceptor_hold(); fd -1: none */
};

/**
 * acceptor_init() - get ready to accept for an engine
 * @acceptor:  written; for acceptor_deinit()
 * @env:       borrowed until deinit
 * @datagrams: report readable datagram sockets as well
 * @wake_fd:   borrowed; -1 for none
 *
 * Return: 0 or -ENOMEM.
 */
int acceptor_init(struct acceptor *acceptor, const struct engine_env *env,
		  bool datagrams, int wake_fd);

/* Free; a connection that is held is reset. */
void acceptor_deinit(struct acceptor *acceptor);

/**
 * acceptor_next() - wait for the next thing to do
 * @acceptor:       from acceptor_init()
 * @active:         connections being served now
 * @ret_connection: written for ACCEPTOR_CONNECTION, its descriptor the
 *                  caller's; for ACCEPTOR_DATAGRAM only its listener
 *
 * Return: enum acceptor_event; or a negative errno that no waiting mends.
 */
int acceptor_next(struct acceptor *acceptor, unsigned active,
		  struct connection *ret_connection);

/**
 * acceptor_hold() - a connection cannot be served right now for lack of room
 * @acceptor:   pauses, and returns the connection again after that
 * @connection: taken
 * @error:      negative errno of what lacked room
 */
void acceptor_hold(struct acceptor *acceptor, struct connection *connection,
		   int error);

#endif
