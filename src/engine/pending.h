/* SPDX-License-Identifier: MIT */
/* pending.h - connections that are accepted and wait to be served, in order */
#ifndef ENGINE_PENDING_H
#define ENGINE_PENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/connection.h"

struct pending {
	struct connection *items; /* heap; NULL when nothing was reserved */
	size_t first, end, cap;
};

/**
 * pending_reserve() - make sure that one more can be put
 * @pending: all zero is an empty list
 *
 * Return: 0 or -ENOMEM.
 */
int pending_reserve(struct pending *pending);

/* Put at the end; there must be room. */
void pending_put(struct pending *pending, const struct connection *connection);

/* Take the oldest; false when there is none. */
bool pending_take(struct pending *pending, struct connection *ret_connection);

static inline bool pending_is_empty(const struct pending *pending)
{
	return pending->first == pending->end;
}

/* Free the list, which must be empty; accepts the zeroed value. */
void pending_deinit(struct pending *pending);

#endif
