/* SPDX-License-Identifier: MIT */
/*
 * io.h - full reads and writes with deadlines
 *
 * For non-blocking descriptors. EINTR ends here: no call returns it. What was
 * already moved is never lost: the count and the outcome are two results.
 * Descriptors and buffers are borrowed for the length of the call.
 *
 * A full transfer makes one attempt whatever its deadline, so that one in the
 * past moves what can be moved without waiting, and begins no other once the
 * deadline has passed, however willing the peer. On a blocking descriptor it
 * works too, but the attempt itself may outlast the deadline.
 *
 * A connection that TCP has given up (keepalive, TCP_USER_TIMEOUT) fails with
 * -ETIMEDOUT as well: read(2)'s own, returned before the deadline.
 */
#ifndef MEARI_IO_H
#define MEARI_IO_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/clock.h>
#include <meari/decls.h>

/* Outcomes of a transfer that did not fail. */
enum {
	MEARI_IO_DONE = 0, /* all that was asked for */
	MEARI_IO_EOF = 1,  /* the peer ended its side first */
};

MEARI_BEGIN_DECLS

/**
 * meari_poll() - wait until one of several descriptors is ready
 * @fds:      as for poll(2); revents is written
 * @n_fds:    number of entries, may be 0
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 *
 * Return: the number of entries with revents set, at least 1; -ETIMEDOUT; or
 *         another negative errno of ppoll(2), never -EINTR.
 * Threads: any.
 */
int meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);

/**
 * meari_wait() - wait until one descriptor is ready
 * @fd:       any descriptor that poll(2) takes
 * @events:   POLLIN, POLLOUT, …
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 *
 * Return: the positive revents, which may hold POLLERR and POLLHUP unasked;
 *         -ETIMEDOUT; -EBADF, for a negative @fd too; or another negative
 *         errno of ppoll(2).
 * Threads: any.
 */
int meari_wait(int fd, short events, uint64_t until_ns);

/**
 * meari_read_some() - one read, whatever it brings
 * @fd:   a descriptor; a blocking one may block
 * @buf:  at least @len bytes
 * @len:  more than 0
 * @done: bytes read; written on every return
 *
 * Return: MEARI_IO_DONE with *@done at least 1; MEARI_IO_EOF; -EAGAIN when
 *         nothing is there yet; or another negative errno of read(2).
 * Threads: any.
 */
int meari_read_some(int fd, void *buf, size_t len, size_t *done);

/**
 * meari_write_some() - one write, as much as the kernel takes
 * @fd:   a descriptor; on a socket no SIGPIPE is raised, on anything else
 *        the caller decides what SIGPIPE does
 * @buf:  at least @len bytes
 * @len:  more than 0
 * @done: bytes written; written on every return
 *
 * Return: MEARI_IO_DONE with *@done at least 1; -EAGAIN when the kernel's
 *         buffer is full; -EIO when it takes nothing and does not say why;
 *         or another negative errno of send(2), write(2).
 * Threads: any.
 */
int meari_write_some(int fd, const void *buf, size_t len, size_t *done);

/**
 * meari_read_full() - read until @len bytes, end of stream, or failure
 * @fd:       non-blocking stream descriptor; borrowed
 * @buf:      at least @len bytes; the first *@done are valid on every return
 * @len:      may be 0, which is done at once
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 * @done:     bytes read so far; written on every return
 *
 * Return: MEARI_IO_DONE; MEARI_IO_EOF when the peer ended first (RFC 9293,
 *         3.6); -ETIMEDOUT; or another negative errno of read(2), ppoll(2).
 * Threads: any; two readers of one @fd split the stream between them.
 */
int meari_read_full(int fd, void *buf, size_t len, uint64_t until_ns,
		    size_t *done);

/**
 * meari_write_full() - write until @len bytes are with the kernel, or failure
 * @fd:       non-blocking stream descriptor; on a socket no SIGPIPE is raised
 * @buf:      at least @len bytes
 * @len:      may be 0, which is done at once
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 * @done:     bytes the kernel took; written on every return
 *
 * That the kernel took the bytes says nothing about the peer (RFC 9293, 3.9.1:
 * SEND); only an answer does.
 *
 * Return: MEARI_IO_DONE; -ETIMEDOUT; -EPIPE or -ECONNRESET when the peer is
 *         gone; or another negative errno of send(2), write(2), ppoll(2).
 * Threads: any; two writers of one @fd interleave their bytes.
 */
int meari_write_full(int fd, const void *buf, size_t len, uint64_t until_ns,
		     size_t *done);

MEARI_END_DECLS

#endif
