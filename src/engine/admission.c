/* SPDX-License-Identifier: MIT */
#include "engine/admission.h"

#include <stdatomic.h>
#include <sys/eventfd.h>

/* What is over is counted in the upper half of the one shared number, so that
 * one operation tells whether all that was admitted is over. */
#define OVER (1ull << 32)
#define TAKEN(count) ((count) & (OVER - 1))

bool admission_take(const struct engine_env *env)
{
	uint64_t count;

	if (env->limits.max_admitted == 0)
		return true;
	count = atomic_load(env->admitted);
	do {
		if (TAKEN(count) >= env->limits.max_admitted)
			return false;
	} while (!atomic_compare_exchange_weak(env->admitted, &count,
					       count + 1));
	return true;
}

void admission_return(const struct engine_env *env)
{
	if (env->limits.max_admitted > 0)
		(void)atomic_fetch_sub(env->admitted, 1);
}

void admission_done(const struct engine_env *env)
{
	uint64_t over;

	if (env->limits.max_admitted == 0)
		return;
	over = (atomic_fetch_add(env->admitted, OVER) + OVER) / OVER;
	if (over >= env->limits.max_admitted)
		(void)eventfd_write(env->stop_fd, 1);
}

bool admission_closed(const struct engine_env *env)
{
	return env->limits.max_admitted > 0 &&
	       TAKEN(atomic_load(env->admitted)) >= env->limits.max_admitted;
}
