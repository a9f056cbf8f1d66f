/* SPDX-License-Identifier: MIT */
#include "stat/event_ring.h"

#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <meari/clock.h>

#include "base/cleanup.h"

#define RING_CAP 2048u

static_assert((RING_CAP & (RING_CAP - 1)) == 0, "slots are found by masking");

struct slot {
	/* Its writer's position: free; that + 1: filled; + RING_CAP: free for
	 * the next round. */
	_Atomic uint64_t turn;
	struct event event;
};

struct event_ring {
	uint32_t wanted;
	int wake_fd;
	_Alignas(64) _Atomic uint64_t head; /* next position to write */
	_Atomic uint64_t lost;
	_Alignas(64) uint64_t tail; /* next position to read */
	_Atomic bool asleep;
	struct slot slots[RING_CAP];
};

int event_ring_new(struct event_ring **ret_ring, uint32_t wanted)
{
	MEARI_AUTO(fd_closep) int wake_fd = -1;
	struct event_ring *ring;

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		return -errno;
	ring->wanted = wanted;
	for (uint64_t i = 0; i < RING_CAP; i++)
		atomic_init(&ring->slots[i].turn, i);
	ring->wake_fd = fd_steal(&wake_fd);
	*ret_ring = ring;
	return 0;
}

void event_ring_free(struct event_ring *ring)
{
	if (!ring)
		return;
	(void)close(ring->wake_fd);
	(void)munmap(ring, sizeof *ring);
}

bool event_ring_wants(const struct event_ring *ring, enum event_kind kind)
{
	return ring && (ring->wanted & (1u << kind));
}

/* Takes the next position for a writer, or NULL when the ring is full. */
static struct slot *take_position(struct event_ring *ring, uint64_t *ret_at)
{
	uint64_t at = atomic_load_explicit(&ring->head, memory_order_relaxed);

	for (;;) {
		struct slot *slot = &ring->slots[at & (RING_CAP - 1)];
		uint64_t turn = atomic_load_explicit(&slot->turn,
						     memory_order_acquire);

		if (turn < at)
			return NULL; /* not yet read in the last round */
		if (turn > at) {
			at = atomic_load_explicit(&ring->head,
						  memory_order_relaxed);
		} else if (atomic_compare_exchange_weak_explicit(
				   &ring->head, &at, at + 1,
				   memory_order_relaxed,
				   memory_order_relaxed)) {
			*ret_at = at;
			return slot;
		}
	}
}

/* With event_ring_sleep(): either the reader sees the event, or the writer
 * sees the reader asleep. Both sides exchange, which orders them. */
static void wake(struct event_ring *ring)
{
	if (atomic_exchange(&ring->asleep, false))
		(void)eventfd_write(ring->wake_fd, 1);
}

void event_ring_put(struct event_ring *ring, const struct event *event)
{
	struct slot *slot;
	uint64_t at;

	if (!event_ring_wants(ring, event->kind))
		return;
	slot = take_position(ring, &at);
	if (!slot) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return;
	}
	slot->event = *event;
	slot->event.time_ns = meari_now_ns();
	atomic_store_explicit(&slot->turn, at + 1, memory_order_release);
	wake(ring);
}

bool event_ring_take(struct event_ring *ring, struct event *ret_event)
{
	struct slot *slot = &ring->slots[ring->tail & (RING_CAP - 1)];

	if (atomic_load_explicit(&slot->turn, memory_order_acquire) !=
	    ring->tail + 1)
		return false;
	*ret_event = slot->event;
	atomic_store_explicit(&slot->turn, ring->tail + RING_CAP,
			      memory_order_release);
	ring->tail++;
	return true;
}

bool event_ring_sleep(struct event_ring *ring)
{
	struct slot *slot = &ring->slots[ring->tail & (RING_CAP - 1)];
	eventfd_t ignored;

	(void)eventfd_read(ring->wake_fd, &ignored);
	(void)atomic_exchange(&ring->asleep, true);
	if (atomic_load(&slot->turn) != ring->tail + 1)
		return true;
	(void)atomic_exchange(&ring->asleep, false);
	return false;
}

int event_ring_fd(const struct event_ring *ring)
{
	return ring->wake_fd;
}

uint64_t event_ring_lost(const struct event_ring *ring)
{
	return atomic_load_explicit(&ring->lost, memory_order_relaxed);
}
