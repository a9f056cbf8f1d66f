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
 *  - on stop it takes what is queued, all at once, and refuses who comes
 *    later; what it took is served as there is room, until the drain ends.
 */
#ifndef ENGINE_ACCEPTOR_H
#define ENGINE_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/connection.h"
#include "engine/control.h"
#include "engine/engine.h"
#include "engine/pending.h"

enum acceptor_event {
	ACCEPTOR_END,        /* stopped and the queues served, or aborted */
	ACCEPTOR_CONNECTION, /* one was accepted */
	ACCEPTOR_DATAGRAM,   /* a datagram socket is readable */
	ACCEPTOR_WAKE,       /* the engine's descriptor is readable, or its
	                      * time has come */
};

struct acceptor {
	struct control control;
	bool datagrams;           /* wait on datagram sockets, too */
	int wake_fd;              /* the engine's; -1: none */
	uint64_t wake_at_ns;      /* the engine's; MEARI_NEVER: none */
	struct pollfd *fds;       /* control, wake_fd, then the listeners */
	size_t next;              /* listener to look at next */
	uint64_t paused_until_ns; /* 0: not paused */
	bool told_pause;          /* once until one is accepted again */
	bool queues_taken;        /* the listeners yield nothing any more */
	bool looked;              /* since a pending one was handed out */
	uint64_t n_accepted;
	/* Given back for lack of room, or taken from a queue on stop. */
	struct pending pending;
};

/**
 * acceptor_init() - get ready to accept for an engine
 * @acceptor:  written; for acceptor_deinit(); must not move afterwards
 * @env:       borrowed until deinit
 * @datagrams: report readable datagram sockets as well
 * @wake_fd:   borrowed; -1 for none
 *
 * Return: 0 or -ENOMEM.
 */
int acceptor_init(struct acceptor *acceptor, const struct engine_env *env,
		  bool datagrams, int wake_fd);

/* Free; connections that are pending are reset. Accepts the zeroed value. */
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
 * @connection: taken; the one that acceptor_next() returned last, -1 afterwards
 * @error:      negative errno of what lacked room
 */
void acceptor_hold(struct acceptor *acceptor, struct connection *connection,
		   int error);

/**
 * acceptor_leave() - in a forked child: close all that is the parent's
 * @acceptor: of the parent; not to be used any more
 * @keep:     a listener to be left open, or NULL
 */
void acceptor_leave(const struct acceptor *acceptor,
		    const struct engine_listener *keep);

#endif
