/* SPDX-License-Identifier: MIT */
/*
 * torture.h - the k-th of all wrapped calls fails, for each k in turn
 *
 * Every wrapped function asks torture_hits() first. Included by one file a
 * program.
 */
#ifndef LIB_TORTURE_H
#define LIB_TORTURE_H

#include <errno.h>
#include <stdbool.h>

static struct torture {
	unsigned at; /* this call fails; 0: none */
	unsigned calls;
} torture;

/* Counts a call. True when it is to fail; errno is @error then. */
static inline bool torture_hits(int error)
{
	if (torture.at == 0 || ++torture.calls != torture.at)
		return false;
	errno = error;
	return true;
}

static inline void torture_start(unsigned at)
{
	torture = (struct torture){ .at = at };
}

/* Return: was there an @at-th call? */
static inline bool torture_stop(void)
{
	bool hit = torture.calls >= torture.at;

	torture = (struct torture){ .at = 0 };
	return hit;
}

#endif
