/* SPDX-License-Identifier: MIT */
#include <meari/clock.h>

#include <assert.h>
#include <time.h>

uint64_t meari_now_ns(void)
{
	struct timespec ts;
	int r = clock_gettime(CLOCK_MONOTONIC, &ts);

	assert(r == 0); /* fails for a bad clock or pointer only */
	(void)r;
	return (uint64_t)ts.tv_sec * MEARI_S + (uint64_t)ts.tv_nsec;
}

uint64_t meari_after_ns(uint64_t timeout_ns)
{
	uint64_t sum;

	if (__builtin_add_overflow(meari_now_ns(), timeout_ns, &sum))
		return MEARI_NEVER;
	return sum;
}
