/* SPDX-License-Identifier: MIT */
/*
 * tally.h - what the engines count, in memory that processes share
 *
 * Threads, forked children and whoever reads the numbers map the same pages.
 * A slot is aligned to cache lines, so that workers with slots of their own do
 * not slow each other down. Counters only grow; a gauge is the difference of
 * two of them.
 */
#ifndef STAT_TALLY_H
#define STAT_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum tally_counter {
	TALLY_ACCEPTED,       /* connections taken */
	TALLY_ENDED,          /* of these, over */
	TALLY_FAILED,         /* of these, by a reset or another error */
	TALLY_IDLE,           /* of these, by the idle timeout */
	TALLY_DRAIN_RESET,    /* of these, reset by a drain's end or abort */
	TALLY_ACCEPT_PAUSES,  /* times that accepting had to wait for room */
	TALLY_RECEIVED_BYTES,
	TALLY_SENT_BYTES,
	TALLY_RECEIVED_DATAGRAMS,
	TALLY_SENT_DATAGRAMS,
	/* Datagrams not answered, by reason. */
	TALLY_DROPPED_PORT,   /* source port of a service that might answer */
	TALLY_DROPPED_SOURCE, /* source address that no host may have */
	TALLY_DROPPED_GROUP,  /* sent to a group or to everybody */
	TALLY_DROPPED_RATE,   /* too many from one network */
	TALLY_DROPPED_ERROR,  /* the reply could not be sent */
	TALLY_N,
};

struct tally_slot {
	_Atomic uint64_t counts[TALLY_N];
} __attribute__((aligned(64)));

struct tally {
	size_t n_slots;
	size_t map_len;
	struct tally_slot slots[];
};

/**
 * tally_new() - map counters that forked children will share
 * @ret_tally: written on success; for tally_free()
 * @n_slots:   at least 1
 *
 * Return: 0 or a negative errno of mmap(2).
 */
int tally_new(struct tally **ret_tally, size_t n_slots);

/* Unmap; accepts NULL. */
void tally_free(struct tally *tally);

/**
 * tally_slot() - the slot of a worker or connection
 * @tally: from tally_new()
 * @index: any number; taken modulo the number of slots
 */
struct tally_slot *tally_slot(struct tally *tally, uint64_t index);

/**
 * tally_sum() - a counter over all slots
 * @tally:   from tally_new()
 * @counter: which
 *
 * Threads: any, while others count; what they add meanwhile may be missed.
 */
uint64_t tally_sum(const struct tally *tally, enum tally_counter counter);

/* A counter's name in snake_case, as printed; static storage. */
const char *tally_name(enum tally_counter counter);

/* Relaxed: a count orders nothing. */
static inline void tally_add(struct tally_slot *slot,
			     enum tally_counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&slot->counts[counter], n,
				  memory_order_relaxed);
}

#endif
