/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - answering datagrams, for every engine that reads and writes
 *
 * RFC 862: the same bytes in one datagram, to its source, from the address it
 * was sent to. What must not be answered is dropped and counted by reason.
 */
#ifndef ENGINE_DATAGRAM_H
#define ENGINE_DATAGRAM_H

#include <meari/clock.h>

#include "engine/engine.h"

/**
 * datagram_serve_one() - take and answer the next datagram, if there is one
 * @env:      as given to the engine
 * @listener: a datagram socket
 * @buf:      MEARI_DATAGRAM_MAX bytes of scratch
 *
 * A reply that the socket's buffer has no room for is dropped and counted, as
 * the network would.
 *
 * Return: 0; -EAGAIN when none is waiting or none may be admitted; another
 *         negative errno of recvmsg(2), after which to rest.
 * Threads: one for each listener; async-signal-safe.
 */
int datagram_serve_one(const struct engine_env *env,
		       const struct engine_listener *listener,
		       unsigned char *buf);

/* After an error that may last, so that it does not keep a processor busy. */
#define DATAGRAM_REST_NS (100 * MEARI_MS)

/**
 * datagram_serve() - answer datagrams until stopped and drained, or aborted
 * @env:      as given to the engine
 * @listener: a datagram socket
 *
 * On stop what is queued is still answered, until the drain ends.
 *
 * Threads: one for each listener; async-signal-safe.
 */
void datagram_serve(const struct engine_env *env,
		    const struct engine_listener *listener);

#endif
