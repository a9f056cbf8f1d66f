/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct inject inject;

static bool armed;
static _Atomic unsigned n_calls;
static _Atomic size_t n_accepts, n_receives, n_replies;

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
pid_t __real_fork(void);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
pid_t __wrap_fork(void);

void inject_reset(void)
{
	inject = (struct inject){ 0 };
}

void inject_arm(void)
{
	armed = true;
}

void inject_disarm(void)
{
	armed = false;
}

/* Interrupted this time? */
static bool interrupted(void)
{
	unsigned call = atomic_fetch_add(&n_calls, 1);

	if (!armed || inject.interrupt_every == 0)
		return false;
	errno = EINTR;
	return call % inject.interrupt_every == 0;
}

static size_t shortened(size_t len)
{
	size_t max = inject.max_bytes;

	if (!armed || max == 0)
		return len;
	max = 1 + atomic_load(&n_calls) % max;
	return len < max ? len : max;
}

/* Does this call end in an error of the list? Then errno is set. */
static bool fails(_Atomic size_t *n_made, const int *errors, size_t n_errors)
{
	size_t call;

	if (!armed)
		return false;
	call = atomic_fetch_add(n_made, 1);
	if (call >= n_errors)
		return false;
	errno = errors[call];
	return true;
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (armed && inject.accept_calls)
		(void)atomic_fetch_add(inject.accept_calls, 1);
	if (fails(&n_accepts, inject.accept_errors, inject.n_accept_errors))
		return -1;
	return __real_accept4(fd, sa, len, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (fails(&n_receives, inject.receive_errors, inject.n_receive_errors))
		return -1;
	return __real_recvmsg(fd, msg, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (fails(&n_replies, inject.reply_errors, inject.n_reply_errors))
		return -1;
	return __real_sendmsg(fd, msg, flags);
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	if (interrupted())
		return -1;
	/* Descriptors that yield whole records only are left alone. */
	return __real_read(fd, buf, len > 128 ? shortened(len) : len);
}

ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
	if (interrupted())
		return -1;
	return __real_send(fd, buf, shortened(len), flags);
}

pid_t __wrap_fork(void)
{
	if (armed && inject.fail_forks > 0) {
		inject.fail_forks--;
		errno = EAGAIN;
		return -1;
	}
	return __real_fork();
}
