/* SPDX-License-Identifier: MIT */
/*
 * mappings.h - mmap(2) that fails on demand, and what is still mapped
 *
 * For tests linked with --wrap of munmap and of mmap64, which is what glibc
 * makes of mmap where files may be large. Included by one file a program.
 */
#ifndef UNIT_STAT_MAPPINGS_H
#define UNIT_STAT_MAPPINGS_H

#include <errno.h>
#include <sys/mman.h>

#include "torture.h"

static size_t mapped_bytes;

void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset);
int __real_munmap(void *addr, size_t len);
int __wrap_munmap(void *addr, size_t len);

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset)
{
	void *mapping;

	if (torture_hits(ENOMEM))
		return MAP_FAILED;
	mapping = __real_mmap64(addr, len, prot, flags, fd, offset);
	if (mapping != MAP_FAILED)
		mapped_bytes += len;
	return mapping;
}

int __wrap_munmap(void *addr, size_t len)
{
	mapped_bytes -= len;
	return __real_munmap(addr, len);
}

#endif
