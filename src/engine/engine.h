/* SPDX-License-Identifier: MIT */
/*
 * engine.h - the seam: serve these listeners until told to stop
 *
 * Readiness, completion, a process or a thread for each connection share no
 * smaller operation than that, so this is all an engine offers. The steps, in
 * the process that is to serve:
 *
 *	probe   may this process run it on this kernel?
 *	start   may use privileges; makes no threads
 *	run     blocks until stopped and drained, or aborted
 *	free
 *
 * What every engine owes: a peer's failure never ends run; what it accepts it
 * closes before run returns; a forked child never returns from run; it closes
 * no listener. On stop it takes what is queued on its listeners, at once,
 * refuses who comes after that where the listener is nobody else's, lets the
 * connections finish, and resets and counts those left at the drain's end.
 *
 * Nothing outside this folder knows an engine's name; capabilities may be
 * tested anywhere.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/addr.h>
#include <meari/datagram.h>
#include <meari/span.h>

#include "service/service.h"
#include "stat/event_ring.h"
#include "stat/tally.h"

enum engine_cap {
	ENGINE_TCP = 1u << 0,
	ENGINE_UDP = 1u << 1,
	ENGINE_UNIX = 1u << 2,
	ENGINE_CONCURRENT = 1u << 3, /* serves connections side by side */
	ENGINE_SEES_BYTES = 1u << 4, /* they pass through user space */
	ENGINE_PER_WORKER = 1u << 5, /* can use a listener for each worker */
};

struct engine_listener {
	int fd;       /* listening or datagram socket, non-blocking */
	int socktype; /* SOCK_STREAM or SOCK_DGRAM */
	struct meari_addr addr;
	const struct service *service;
	struct meari_span message; /* for a service that greets */
	bool guarded; /* datagrams pass the guard before they are answered */
	/* Nobody else accepts on it: once a stop has taken its queue, new
	 * clients are refused (shutdown(2)) instead of being left to wait. */
	bool ours;
};

struct engine_limits {
	unsigned max_connections; /* at once, at least 1 */
	uint64_t max_admitted;    /* connections and datagrams in all; 0: any */
	uint64_t idle_ns;         /* MEARI_NEVER: connections may be silent */
};

/* Who may be answered. Shared by the processes of an engine. */
struct guard {
	/**
	 * admit() - may this datagram be answered?
	 * @guard:    this
	 * @datagram: as received on a guarded listener
	 * @ret_tell: true if this refusal is to be reported: reports are
	 *            limited, refusals are not
	 *
	 * Return: 0, or the enum tally_counter of the reason why not.
	 * Threads: any thread of any process; async-signal-safe.
	 */
	int (*admit)(const struct guard *guard,
		     const struct meari_datagram *datagram, bool *ret_tell);
};

struct engine_env {
	const struct engine_listener *listeners;
	size_t n_listeners;
	unsigned workers;          /* at least 1 */
	struct tally *tally;       /* shared mapping */
	struct event_ring *events; /* shared mapping; NULL: nobody looks */
	const struct guard *guard; /* NULL if no listener is guarded */
	struct engine_limits limits;
	_Atomic uint64_t *admitted; /* shared: counted against max_admitted */
	/* Event descriptors, level: readable means drain, and end now. They
	 * are polled and never read. An engine itself raises @stop_fd when
	 * the last connection that the limits admit is over. */
	int stop_fd, abort_fd;
	uint64_t drain_ns;     /* from stop to the reset of what is left */
	uint32_t features_off; /* tests force lower rungs of fallbacks */
};

struct engine_run; /* each engine's own */

/* Room for the reason of a probe that failed, its NUL included. */
#define ENGINE_WHY 128

struct engine {
	const char *name;    /* as typed after --engine */
	const char *summary; /* one line of --help */
	uint32_t caps;       /* enum engine_cap */

	/* 0; or a negative errno and a reason in @why, of ENGINE_WHY bytes. */
	int (*probe)(char *why);
	/* 0 and a run to be freed; or a negative errno, with nothing left
	 * behind. @env is borrowed until free. */
	int (*start)(struct engine_run **ret_run, const struct engine_env *env);
	/* 0 after stop or abort; a negative errno when it cannot go on. */
	int (*run)(struct engine_run *run);
	/* Accepts NULL. */
	void (*free)(struct engine_run *run);
};

/**
 * engine_at() - the engines, in the order in which "auto" prefers them
 * @index: from 0
 *
 * Return: the engine, or NULL behind the last.
 */
const struct engine *engine_at(size_t index);

/**
 * engine_find() - the engine of a name
 * @name: as typed
 *
 * Return: the engine, or NULL.
 */
const struct engine *engine_find(const char *name);

/**
 * engine_lacks() - what keeps an engine from serving a listener
 * @engine:   any
 * @addr:     the listener's address
 * @socktype: SOCK_STREAM or SOCK_DGRAM
 *
 * Return: NULL if it can, or what it lacks in words: "UDP".
 */
const char *engine_lacks(const struct engine *engine,
			 const struct meari_addr *addr, int socktype);

#endif
