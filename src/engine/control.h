/* SPDX-License-Identifier: MIT */
/*
 * control.h - the stop and abort descriptors, as blocking code waits on them
 *
 * One control belongs to each flow of execution that waits: an acceptor with
 * what it serves itself, a connection's thread or process, a datagram socket's
 * worker. It remembers that a stop has come and when the drain is over.
 */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <meari/clock.h>

#include "engine/engine.h"

/* The entries of a poll set that control_poll() owns: the first two. */
enum { CONTROL_STOP, CONTROL_ABORT, CONTROL_N };

struct control {
	const struct engine_env *env;
	bool stopping;
	bool aborted;
	uint64_t drained_ns; /* when the drain is over, once stopping */
	/* Called once, when the stop is first seen; may be NULL. */
	void (*on_stop)(struct control *control);
};

/**
 * control_copy() - a control for a flow of execution that branches off
 * @control: of the flow that it branches off from
 *
 * If a stop has come, both have the same drain: one stop, one deadline.
 */
static inline struct control control_copy(const struct control *control)
{
	return (struct control){
		.env = control->env,
		.stopping = control->stopping,
		.drained_ns = control->drained_ns,
	};
}

/**
 * control_poll() - wait for descriptors, for stop and for abort
 * @control:  remembers what came
 * @fds:      n_fds entries; the first CONTROL_N are filled in here
 * @n_fds:    at least CONTROL_N
 * @until_ns: absolute deadline
 *
 * A deadline that has passed is a timeout even if a descriptor is ready: a
 * peer that never pauses must not hold off the end of its time.
 *
 * Return: 0 when something is ready, or stop or abort has come since the last
 *         call; -ETIMEDOUT; or another negative errno.
 */
int control_poll(struct control *control, struct pollfd *fds, nfds_t n_fds,
		 uint64_t until_ns);

/**
 * control_look() - what is ready now, without waiting
 * @control: remembers what came
 * @fds:     as for control_poll()
 * @n_fds:   as for control_poll()
 *
 * A process that others kept from running finds its deadline passed whatever
 * its peers did meanwhile. Before silence is held against them, this tells
 * whether they were silent.
 *
 * Return: as control_poll().
 */
int control_look(struct control *control, struct pollfd *fds, nfds_t n_fds);

/* The earlier of two deadlines. */
static inline uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* A deadline moved on; one that never comes stays so. */
static inline uint64_t later_by(uint64_t until_ns, uint64_t by_ns)
{
	return until_ns > MEARI_NEVER - by_ns ? MEARI_NEVER : until_ns + by_ns;
}

#endif
