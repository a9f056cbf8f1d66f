/* SPDX-License-Identifier: MIT */
#include "stat/tally.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

static const char *const names[TALLY_N] = {
	[TALLY_ACCEPTED] = "accepted",
	[TALLY_ENDED] = "ended",
	[TALLY_FAILED] = "failed",
	[TALLY_IDLE] = "idle",
	[TALLY_DRAIN_RESET] = "drain_reset",
	[TALLY_ACCEPT_PAUSES] = "accept_pauses",
	[TALLY_RECEIVED_BYTES] = "received_bytes",
	[TALLY_SENT_BYTES] = "sent_bytes",
	[TALLY_RECEIVED_DATAGRAMS] = "received_datagrams",
	[TALLY_SENT_DATAGRAMS] = "sent_datagrams",
	[TALLY_DROPPED_PORT] = "dropped_port",
	[TALLY_DROPPED_SOURCE] = "dropped_source",
	[TALLY_DROPPED_GROUP] = "dropped_group",
	[TALLY_DROPPED_RATE] = "dropped_rate",
	[TALLY_DROPPED_ERROR] = "dropped_error",
};

int tally_new(struct tally **ret_tally, size_t n_slots)
{
	size_t len = sizeof(struct tally) + n_slots * sizeof(struct tally_slot);
	struct tally *tally;

	assert(n_slots > 0);
	tally = mmap(NULL, len, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return -errno;
	tally->n_slots = n_slots;
	tally->map_len = len;
	*ret_tally = tally;
	return 0;
}

void tally_free(struct tally *tally)
{
	if (tally)
		(void)munmap(tally, tally->map_len);
}

struct tally_slot *tally_slot(struct tally *tally, uint64_t index)
{
	return &tally->slots[index % tally->n_slots];
}

uint64_t tally_sum(const struct tally *tally, enum tally_counter counter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < tally->n_slots; i++)
		sum += atomic_load_explicit(&tally->slots[i].counts[counter],
					    memory_order_relaxed);
	return sum;
}

const char *tally_name(enum tally_counter counter)
{
	assert(counter < TALLY_N);
	return names[counter];
}
