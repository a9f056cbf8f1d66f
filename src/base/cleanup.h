/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h - one way to clean up: armed at declaration, disarmed by stealing
 *
 *	MEARI_AUTO(fd_closep) int fd = -1;
 *	...
 *	*ret_fd = fd_steal(&fd);
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Call @destructor with the variable's address when it goes out of scope. */
#define MEARI_AUTO(destructor) __attribute__((cleanup(destructor)))

static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static inline int fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* For a pointer to any heap pointer. */
static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

#endif
