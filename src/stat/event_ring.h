/* SPDX-License-Identifier: MIT */
/*
 * event_ring.h - what happened, from the engines to whoever looks
 *
 * A bounded ring in memory that processes share: many writers (threads, forked
 * children), one reader. A writer never waits: when the reader is too slow,
 * events are lost and counted. The reader sleeps on a descriptor that is
 * written only while it sleeps.
 *
 * Each slot carries a sequence number that says whose turn it is, so writers
 * contend for one counter only. A writer that is killed between taking a slot
 * and filling it stops the reader there, and later events count as lost. The
 * server kills no child before its end; what the kernel kills for lack of
 * memory would have to be hit within a few instructions.
 */
#ifndef STAT_EVENT_RING_H
#define STAT_EVENT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/addr.h>

enum event_kind {
	EVENT_CONNECTED,     /* a connection was accepted */
	EVENT_RECEIVED,      /* value: bytes of one read or datagram */
	EVENT_ENDED,         /* value: errno, 0 for an orderly end */
	EVENT_IDLE,          /* ended by the idle timeout */
	EVENT_DRAIN_RESET,   /* reset at the end of the drain */
	EVENT_ACCEPT_PAUSED, /* value: errno of accept4(2) and the like */
	EVENT_DROPPED,       /* value: enum tally_counter of the reason */
	EVENT_WORKER_DIED,   /* value: wait status of the child */
	EVENT_N,
};

struct event {
	enum event_kind kind;
	uint32_t listener;   /* index */
	uint64_t connection; /* number, from 1; 0: none */
	uint64_t time_ns;    /* CLOCK_MONOTONIC; set by event_ring_put() */
	uint64_t value;
	struct meari_addr peer;
};

struct event_ring;

/**
 * event_ring_new() - map a ring that forked children will share
 * @ret_ring: written on success; for event_ring_free()
 * @wanted:   kinds to be recorded, 1u << EVENT_…; others cost one test
 *
 * Return: 0 or a negative errno of mmap(2) or eventfd(2).
 */
int event_ring_new(struct event_ring **ret_ring, uint32_t wanted);

/* Unmap and close; accepts NULL. */
void event_ring_free(struct event_ring *ring);

/**
 * event_ring_wants() - is anybody looking at events of this kind?
 * @ring: may be NULL: nobody looks at anything
 * @kind: which
 */
bool event_ring_wants(const struct event_ring *ring, enum event_kind kind);

/**
 * event_ring_put() - record an event, if it is wanted
 * @ring:  may be NULL
 * @event: copied; its time is filled in
 *
 * Threads: any thread of any process that maps the ring; async-signal-safe.
 */
void event_ring_put(struct event_ring *ring, const struct event *event);

/**
 * event_ring_take() - the oldest event
 * @ring:      from event_ring_new()
 * @ret_event: written if there is one
 *
 * Return: false when the ring is empty.
 * Threads: one reader.
 */
bool event_ring_take(struct event_ring *ring, struct event *ret_event);

/**
 * event_ring_sleep() - ask to be woken by the next event
 * @ring: from event_ring_new()
 *
 * Return: true if the ring is empty, and event_ring_fd() will become readable
 *         with the next event; false if there is something to take.
 * Threads: one reader.
 */
bool event_ring_sleep(struct event_ring *ring);

/* The descriptor to wait on after event_ring_sleep(); the ring's. */
int event_ring_fd(const struct event_ring *ring);

/* How many events found the ring full. */
uint64_t event_ring_lost(const struct event_ring *ring);

#endif
