/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one stream connection, served by code that may block
 *
 * Shared by the engines that give a connection a flow of execution of its own:
 * iterative, fork and thread.
 */
#ifndef ENGINE_CONNECTION_H
#define ENGINE_CONNECTION_H

#include <stdint.h>

#include "engine/control.h"
#include "engine/engine.h"

struct connection {
	int fd; /* owned */
	const struct engine_listener *listener;
	struct meari_addr peer;
	uint64_t number; /* from 1, for events and the choice of a slot */
};

/**
 * connection_serve() - serve a connection to its end, and close it
 * @control:    of the flow of execution that serves it
 * @connection: its descriptor is taken; -1 afterwards
 *
 * Returns on the peer's end of stream or failure, on the idle timeout, after
 * a drain, and at once on abort. Counts everything but TALLY_ENDED, which
 * belongs to whoever accepted: a child that dies could not count it.
 *
 * Threads: any; async-signal-safe, so that a forked child may call it.
 */
void connection_serve(struct control *control,
		      struct connection *connection);

/**
 * connection_discard() - reset and count a connection that was never served
 * @env:        as given to the engine
 * @connection: its descriptor is closed; -1 afterwards
 */
void connection_discard(const struct engine_env *env,
			struct connection *connection);

/**
 * connection_over() - count a connection whose serving has ended
 * @env:        as given to the engine
 * @connection: its number alone is looked at
 */
void connection_over(const struct engine_env *env,
		     const struct connection *connection);

#endif
