/* SPDX-License-Identifier: MIT */
#include "engine/pending.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_CAP 16

int pending_reserve(struct pending *pending)
{
	size_t cap = pending->cap ? 2 * pending->cap : FIRST_CAP;
	struct connection *items;

	/* What has been taken at the start leaves room once all has been. */
	if (pending_is_empty(pending))
		pending->first = pending->end = 0;
	if (pending->end < pending->cap)
		return 0;
	items = realloc(pending->items, cap * sizeof *items);
	if (!items)
		return -ENOMEM;
	pending->items = items;
	pending->cap = cap;
	return 0;
}

void pending_put(struct pending *pending, const struct connection *connection)
{
	assert(pending->end < pending->cap);
	pending->items[pending->end++] = *connection;
}

bool pending_take(struct pending *pending, struct connection *ret_connection)
{
	if (pending_is_empty(pending))
		return false;
	*ret_connection = pending->items[pending->first++];
	return true;
}

void pending_deinit(struct pending *pending)
{
	assert(pending_is_empty(pending));
	free(pending->items);
	*pending = (struct pending){ 0 };
}
