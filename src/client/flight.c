/* SPDX-License-Identifier: MIT */
#include "client/flight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP (64u << 10)

static_assert((FIRST_CAP & (FIRST_CAP - 1)) == 0 &&
	      (FLIGHT_LIMIT_BYTES & (FLIGHT_LIMIT_BYTES - 1)) == 0,
	      "positions become indices by masking");

static size_t smaller(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b); /* one of them is below cap */
}

/* How many bytes from @position on lie next to each other, up to @until. */
static size_t contiguous(const struct flight *flight, uint64_t position,
			 uint64_t until)
{
	if (position == until)
		return 0;
	return smaller(until - position,
		       flight->cap - (position & (flight->cap - 1)));
}

static unsigned char *at(const struct flight *flight, uint64_t position)
{
	return flight->data + (position & (flight->cap - 1));
}

static void copy_in(struct flight *flight, uint64_t position,
		    const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t n = contiguous(flight, position, position + len);

		memcpy(at(flight, position), data, n);
		position += n;
		data += n;
		len -= n;
	}
}

static int grow(struct flight *flight, uint64_t need)
{
	struct flight bigger = *flight;

	bigger.cap = flight->cap ? flight->cap : FIRST_CAP;
	while (bigger.cap < need)
		bigger.cap *= 2;
	bigger.data = malloc(bigger.cap);
	if (!bigger.data)
		return -ENOMEM;
	for (uint64_t p = flight->first; p < flight->end;) {
		size_t n = contiguous(flight, p, flight->end);

		copy_in(&bigger, p, at(flight, p), n);
		p += n;
	}
	free(flight->data);
	*flight = bigger;
	return 0;
}

/* The length of the common prefix. */
static size_t common(const unsigned char *a, const unsigned char *b, size_t len)
{
	size_t n = 0;

	if (memcmp(a, b, len) == 0)
		return len;
	while (a[n] == b[n])
		n++;
	return n;
}

void flight_deinit(struct flight *flight)
{
	free(flight->data);
	*flight = (struct flight){ .data = NULL };
}

size_t flight_room(const struct flight *flight)
{
	return FLIGHT_LIMIT_BYTES - (size_t)(flight->end - flight->first);
}

int flight_append(struct flight *flight, const void *data, size_t len)
{
	uint64_t need = flight->end - flight->first + len;

	assert(len <= flight_room(flight));
	if (need > flight->cap) {
		int r = grow(flight, need);

		if (r < 0)
			return r;
	}
	copy_in(flight, flight->end, data, len);
	flight->end += len;
	return 0;
}

const void *flight_unsent(const struct flight *flight, size_t *ret_len)
{
	*ret_len = contiguous(flight, flight->sent, flight->end);
	return *ret_len ? at(flight, flight->sent) : NULL;
}

void flight_advance(struct flight *flight, size_t len)
{
	assert(len <= flight->end - flight->sent);
	flight->sent += len;
}

void flight_forget(struct flight *flight)
{
	flight->first = flight->sent;
}

enum flight_match flight_match(struct flight *flight, const void *data,
			       size_t len, size_t *ret_good)
{
	const unsigned char *p = data;

	*ret_good = 0;
	while (*ret_good < len) {
		size_t n = contiguous(flight, flight->first, flight->sent);
		size_t good;

		if (n == 0)
			return FLIGHT_SURPLUS;
		n = smaller(n, len - *ret_good);
		good = common(at(flight, flight->first), p + *ret_good, n);
		flight->first += good;
		*ret_good += good;
		if (good < n)
			return FLIGHT_DIFFERS;
	}
	return FLIGHT_SAME;
}

unsigned char flight_front(const struct flight *flight)
{
	assert(flight->first < flight->sent);
	return *at(flight, flight->first);
}
