/* SPDX-License-Identifier: MIT */
#include "server/limits.h"

#include <errno.h>
#include <sys/resource.h>

/* Beside listeners and connections: standard streams, event descriptors, the
 * ring's, a signalfd, and one connection that is about to be handed on. */
#define RESERVE 16u

int limits_fit(unsigned asked, size_t n_listeners,
	       struct descriptor_limit *ret_limit)
{
	uint64_t beside = RESERVE + n_listeners;
	uint64_t needed = asked + beside;
	uint64_t spare;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = limit;

		raised.rlim_cur = needed < limit.rlim_max ? needed :
							    limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	spare = limit.rlim_cur > beside ? limit.rlim_cur - beside : 1;
	*ret_limit = (struct descriptor_limit){
		.max_connections = spare < asked ? (unsigned)spare : asked,
		.needed = needed,
		.allowed = limit.rlim_cur,
	};
	return 0;
}
