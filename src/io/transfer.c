/* SPDX-License-Identifier: MIT */
#include "io/transfer.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <meari/io.h>

/* send(2) alone can keep SIGPIPE away, and takes sockets alone. Asking the
 * descriptor first would cost every socket a call; this way a pipe pays. */
static ssize_t send_or_write(int fd, const void *buf, size_t len)
{
	ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(fd, buf, len);
	return n;
}

int transfer_again(int fd, short events, int outcome, uint64_t until_ns)
{
	int r;

	if (outcome != MEARI_IO_DONE && outcome != -EAGAIN)
		return outcome;
	if (meari_now_ns() >= until_ns)
		return -ETIMEDOUT;
	if (outcome == MEARI_IO_DONE)
		return 0;
	r = meari_wait(fd, events, until_ns);
	return r < 0 ? r : 0;
}

int meari_read_some(int fd, void *buf, size_t len, size_t *done)
{
	ssize_t n;

	assert(len > 0); /* read(2) would answer 0, as at the end of stream */
	*done = 0;
	do {
		n = read(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*done = (size_t)n;
	return n == 0 ? MEARI_IO_EOF : MEARI_IO_DONE;
}

int meari_write_some(int fd, const void *buf, size_t len, size_t *done)
{
	ssize_t n;

	assert(len > 0);
	*done = 0;
	do {
		n = send_or_write(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* write(2) allows it; taken for progress, it would loop for ever. */
	if (n == 0)
		return -EIO;
	*done = (size_t)n;
	return MEARI_IO_DONE;
}

int meari_read_full(int fd, void *buf, size_t len, uint64_t until_ns,
		    size_t *done)
{
	unsigned char *p = buf;

	*done = 0;
	while (*done < len) {
		size_t n;
		int r = meari_read_some(fd, p + *done, len - *done, &n);

		*done += n;
		if (*done == len)
			break;
		r = transfer_again(fd, POLLIN, r, until_ns);
		if (r != 0)
			return r;
	}
	return MEARI_IO_DONE;
}

int meari_write_full(int fd, const void *buf, size_t len, uint64_t until_ns,
		     size_t *done)
{
	const unsigned char *p = buf;

	*done = 0;
	while (*done < len) {
		size_t n;
		int r = meari_write_some(fd, p + *done, len - *done, &n);

		*done += n;
		if (*done == len)
			break;
		r = transfer_again(fd, POLLOUT, r, until_ns);
		if (r != 0)
			return r;
	}
	return MEARI_IO_DONE;
}
