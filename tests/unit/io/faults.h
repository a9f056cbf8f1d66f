/* SPDX-License-Identifier: MIT */
/*
 * faults.h - system calls that go wrong on demand
 *
 * For tests linked with --wrap of read and ppoll; other calls can be given
 * plans in the same way. Without a plan a call goes through. Included by one
 * file a program.
 */
#ifndef UNIT_IO_FAULTS_H
#define UNIT_IO_FAULTS_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAULT_EOF (-1) /* as an error: the read returns 0 */

struct fault_plan {
	size_t limit;   /* bytes that one call may move; 0: as many as asked */
	unsigned every; /* each call whose number this divides fails; 0: none */
	unsigned at;    /* this call alone fails; 0: none */
	int error;      /* with this errno, or FAULT_EOF */
};

struct fault {
	struct fault_plan plan;
	unsigned calls;
	size_t bytes;
};

static struct fault on_read, on_ppoll;

static inline void faults_reset(void)
{
	on_read = (struct fault){ .calls = 0 };
	on_ppoll = (struct fault){ .calls = 0 };
}

static inline void fault_set(struct fault *fault, struct fault_plan plan)
{
	*fault = (struct fault){ .plan = plan };
}

/* Counts the call. True when it is to return *@ret instead of being made. */
static inline bool fault_hits(struct fault *fault, size_t *len, ssize_t *ret)
{
	const struct fault_plan *plan = &fault->plan;

	fault->calls++;
	if (plan->limit > 0 && *len > plan->limit)
		*len = plan->limit;
	if ((plan->every == 0 || fault->calls % plan->every != 0) &&
	    (plan->at == 0 || fault->calls != plan->at))
		return false;
	*ret = plan->error == FAULT_EOF ? 0 : -1;
	errno = plan->error == FAULT_EOF ? 0 : plan->error;
	return true;
}

static inline ssize_t fault_count(struct fault *fault, ssize_t n)
{
	if (n > 0)
		fault->bytes += (size_t)n;
	return n;
}

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask);

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	ssize_t ret;

	if (fault_hits(&on_read, &len, &ret))
		return ret;
	return fault_count(&on_read, __real_read(fd, buf, len));
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask)
{
	size_t len = n;
	ssize_t ret;

	if (fault_hits(&on_ppoll, &len, &ret))
		return (int)ret;
	return __real_ppoll(fds, n, timeout, mask);
}

#endif
