/* SPDX-License-Identifier: MIT */
/*
 * world.h - an input, an output and a peer made of counters
 *
 * Replaces the calls of meari_io by ones that play a scene: what the peer does
 * and when, how much each call moves. No byte is stored; the one at a position
 * is known, so every byte that passes is checked.
 */
#ifndef TESTS_CLIENT_WORLD_H
#define TESTS_CLIENT_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <meari/io.h>

enum { INFD = 100, OUTFD = 101, SOCKFD = 102 };

#define NOWHERE SIZE_MAX

struct world {
	size_t input_len;      /* bytes to be typed */
	bool input_stays_open; /* nothing comes after them, not even an end */
	int input_error;       /* comes instead of the end */

	size_t echo_len;   /* the peer sends back no more than this */
	size_t corrupt_at; /* this byte comes back wrong */
	size_t extra;      /* bytes sent on top of the echo */
	size_t room;       /* bytes the peer reads ahead of our reading */
	bool ends_early;   /* its FIN comes behind echo_len and extra */
	bool never_ends;   /* its FIN does not come at all */
	int receive_error; /* comes instead of the FIN */
	int send_error;    /* comes when send_limit bytes were sent */
	size_t send_limit;

	int output_error;
	unsigned output_busy; /* rounds for which the output is not ready */

	size_t most;    /* bytes a call moves at most; 0: no limit */
	bool reluctant; /* counts and readiness are random */
	int poll_error; /* what meari_poll() returns at once */

	/* What has happened. */
	size_t typed, sent, received, written;
	unsigned polls, shutdowns;
	bool shut, send_failed;
	uint64_t last_until_ns;
};

static struct world world;

/* A peaceful echo service; a test changes what it is about. */
static struct world echo_of(size_t len)
{
	return (struct world){
		.input_len = len,
		.echo_len = NOWHERE,
		.corrupt_at = NOWHERE,
		.room = NOWHERE,
		.send_limit = NOWHERE,
	};
}

static unsigned char typed_byte(size_t position)
{
	return (unsigned char)(position % 251);
}

static unsigned char echoed_byte(size_t position)
{
	return typed_byte(position) ^ (position == world.corrupt_at ? 0x55 : 0);
}

static size_t smaller_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t some_of(size_t len)
{
	if (world.most > 0)
		len = smaller_of(len, world.most);
	return world.reluctant && len > 1 ? 1 + (size_t)random() % len : len;
}

/* Bytes the peer has sent and we have not received. */
static size_t arriving(void)
{
	size_t echoed = smaller_of(world.sent, world.echo_len);
	bool all = world.shut || echoed == world.echo_len;

	return echoed + (all ? world.extra : 0) - world.received;
}

static bool peer_gone(void)
{
	if (arriving() > 0 || world.never_ends)
		return false;
	return world.shut || world.send_failed ||
	       (world.ends_early && world.sent >= world.echo_len);
}

static bool input_ready(void)
{
	return world.typed < world.input_len || !world.input_stays_open;
}

static bool output_ready(void)
{
	if (world.output_busy == 0)
		return true;
	world.output_busy--;
	return false;
}

static short ready(const struct pollfd *p)
{
	short now = 0;

	if (p->fd == INFD && input_ready())
		now |= POLLIN;
	if (p->fd == OUTFD && output_ready())
		now |= POLLOUT;
	if (p->fd == SOCKFD && (arriving() > 0 || peer_gone()))
		now |= POLLIN;
	if (p->fd == SOCKFD && arriving() < world.room)
		now |= POLLOUT;
	now &= p->events;
	return now && world.reluctant && random() % 2 ? 0 : now;
}

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_read_some(int fd, void *buf, size_t len, size_t *done);
int __wrap_meari_write_some(int fd, const void *buf, size_t len, size_t *done);
int __wrap_shutdown(int fd, int how);

static int poll_once(struct pollfd *fds, nfds_t n_fds, bool *possible)
{
	int n = 0;

	for (nfds_t i = 0; i < n_fds; i++) {
		fds[i].revents = fds[i].fd < 0 ? 0 : ready(&fds[i]);
		n += fds[i].revents != 0;
		*possible |= fds[i].fd == OUTFD;
	}
	return n;
}

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	bool possible = world.reluctant;
	int n;

	world.polls++;
	world.last_until_ns = until_ns;
	if (world.poll_error)
		return world.poll_error;
	for (int tries = 0; tries < 100; tries++) {
		n = poll_once(fds, n_fds, &possible);
		if (n > 0)
			return n;
		if (!possible)
			break;
	}
	/* Nothing will ever happen: without a deadline that is a deadlock. */
	return until_ns == MEARI_NEVER ? -EDEADLK : -ETIMEDOUT;
}

static int read_input_some(unsigned char *buf, size_t len, size_t *done)
{
	size_t n = some_of(smaller_of(len, world.input_len - world.typed));

	if (n == 0)
		return world.input_error ? world.input_error : MEARI_IO_EOF;
	for (size_t i = 0; i < n; i++)
		buf[i] = typed_byte(world.typed + i);
	world.typed += n;
	*done = n;
	return MEARI_IO_DONE;
}

static int receive_some(unsigned char *buf, size_t len, size_t *done)
{
	size_t n = some_of(smaller_of(len, arriving()));

	if (n == 0 && !peer_gone())
		return -EAGAIN;
	if (n == 0)
		return world.receive_error ? world.receive_error : MEARI_IO_EOF;
	for (size_t i = 0; i < n; i++)
		buf[i] = echoed_byte(world.received + i);
	world.received += n;
	*done = n;
	return MEARI_IO_DONE;
}

int __wrap_meari_read_some(int fd, void *buf, size_t len, size_t *done)
{
	assert_true(len > 0);
	*done = 0;
	if (fd == INFD)
		return read_input_some(buf, len, done);
	assert_int_equal(fd, SOCKFD);
	return receive_some(buf, len, done);
}

static int send_some(const unsigned char *buf, size_t len, size_t *done)
{
	size_t n = smaller_of(len, world.room - arriving());

	assert_false(world.shut);
	n = some_of(smaller_of(n, world.send_limit - world.sent));
	if (n == 0 && world.sent == world.send_limit) {
		world.send_failed = true;
		return world.send_error;
	}
	if (n == 0)
		return -EAGAIN;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], typed_byte(world.sent + i));
	world.sent += n;
	*done = n;
	return MEARI_IO_DONE;
}

static int write_some(const unsigned char *buf, size_t len, size_t *done)
{
	size_t n = some_of(len);

	assert_true(len <= 4096); /* PIPE_BUF: more could block */
	if (world.output_error)
		return world.output_error;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], echoed_byte(world.written + i));
	world.written += n;
	*done = n;
	return MEARI_IO_DONE;
}

int __wrap_meari_write_some(int fd, const void *buf, size_t len, size_t *done)
{
	assert_true(len > 0);
	*done = 0;
	if (fd == OUTFD)
		return write_some(buf, len, done);
	assert_int_equal(fd, SOCKFD);
	return send_some(buf, len, done);
}

int __wrap_shutdown(int fd, int how)
{
	assert_int_equal(fd, SOCKFD);
	assert_int_equal(how, SHUT_WR);
	world.shut = true;
	world.shutdowns++;
	return 0;
}

#endif
