/* SPDX-License-Identifier: MIT */
/*
 * flight.h - the bytes on their way to the peer and back
 *
 * A ring that grows up to a limit. Bytes enter at its end, are marked as sent
 * in order, and leave at its start when they have come back. Positions count
 * from the first byte ever, so they are what a user is told.
 *
 *	first ≤ sent ≤ end
 *	  | in flight | not sent yet |
 */
#ifndef CLIENT_FLIGHT_H
#define CLIENT_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

/* The product of 10 Gbit/s and 50 ms: a long fast path can be filled. */
#define FLIGHT_LIMIT_BYTES (64u << 20)

struct flight {
	unsigned char *data; /* heap; NULL until the first byte */
	size_t cap;          /* 0 or a power of two */
	uint64_t first;      /* not yet back */
	uint64_t sent;       /* not yet sent */
	uint64_t end;        /* not yet known */
};

enum flight_match {
	FLIGHT_SAME,    /* all bytes are what was sent */
	FLIGHT_DIFFERS, /* the one at ->first is not */
	FLIGHT_SURPLUS, /* there were more than have been sent */
};

/**
 * flight_deinit() - free the ring
 * @flight: may be all zero, which is an empty ring
 */
void flight_deinit(struct flight *flight);

/**
 * flight_room() - how much more may be appended
 * @flight: the ring
 *
 * Return: bytes, 0 when the limit is reached.
 */
size_t flight_room(const struct flight *flight);

/**
 * flight_append() - add bytes that are to be sent
 * @flight: the ring
 * @data:   copied
 * @len:    at most flight_room()
 *
 * Return: 0, or -ENOMEM, and nothing has been added.
 */
int flight_append(struct flight *flight, const void *data, size_t len);

/**
 * flight_unsent() - the next bytes to send, as far as they are contiguous
 * @flight:  the ring
 * @ret_len: their number, 0 if there are none
 *
 * Return: the first of them.
 */
const void *flight_unsent(const struct flight *flight, size_t *ret_len);

/**
 * flight_advance() - mark bytes as sent
 * @flight: the ring
 * @len:    at most what is unsent
 */
void flight_advance(struct flight *flight, size_t len);

/**
 * flight_forget() - what has been sent need not come back
 * @flight: the ring
 */
void flight_forget(struct flight *flight);

/**
 * flight_match() - compare what came back, and let go of what is right
 * @flight:   the ring
 * @data:     received bytes
 * @len:      their number
 * @ret_good: how many were right, from the first on; always written
 *
 * Return: FLIGHT_SAME; FLIGHT_DIFFERS or FLIGHT_SURPLUS for the byte at
 *         data[*@ret_good].
 */
enum flight_match flight_match(struct flight *flight, const void *data,
			       size_t len, size_t *ret_good);

/**
 * flight_front() - the byte that should come back next
 * @flight: a ring with bytes in flight
 *
 * Return: its value.
 */
unsigned char flight_front(const struct flight *flight);

#endif
