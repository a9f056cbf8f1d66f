/* SPDX-License-Identifier: MIT */
/* limits.h - how many connections the machine has descriptors for */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct descriptor_limit {
	unsigned max_connections; /* what can be had, at least 1 */
	uint64_t needed;          /* descriptors for what was asked for */
	uint64_t allowed;         /* RLIMIT_NOFILE after raising it */
};

/**
 * limits_fit() - raise RLIMIT_NOFILE as far as needed, or take what there is
 * @asked:       connections at once, at least 1
 * @n_listeners: sockets that are open beside them
 * @ret_limit:   written on success
 *
 * The soft limit is raised to what is needed, at most to the hard one. If
 * ret_limit->needed is above ret_limit->allowed, fewer connections than asked
 * for will be served at once, and whoever asked should be told.
 *
 * Return: 0 or a negative errno of getrlimit(2).
 */
int limits_fit(unsigned asked, size_t n_listeners,
	       struct descriptor_limit *ret_limit);

#endif
