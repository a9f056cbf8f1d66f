/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cmocka_all.h"

/* Longer than anything takes on a slow machine under a sanitizer; only a
 * failure waits for it. */
#define PATIENCE_S 60

static int make(const struct meari_addr *addr, int type)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(addr->sa.sa_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof patience), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
				    sizeof patience), 0);
	assert_int_equal(connect(fd, &addr->sa, addr->len), 0);
	return fd;
}

int peer_connect(const struct meari_addr *addr)
{
	return make(addr, SOCK_STREAM);
}

/* Refusing is the last step of a stop, and nothing tells when it is done; who
 * still gets in before is not served, so trying again is harmless. */
void peer_expect_refused(const struct meari_addr *addr)
{
	int r = 0;

	for (unsigned i = 0; i < PATIENCE_S * 1000 && r == 0; i++) {
		int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC,
				0);

		assert_true(fd >= 0);
		r = connect(fd, &addr->sa, addr->len) < 0 ? errno : 0;
		assert_int_equal(close(fd), 0);
		if (r == 0)
			(void)poll(NULL, 0, 1);
	}
	assert_int_equal(r, ECONNREFUSED);
}

int peer_connect_datagram(const struct meari_addr *addr)
{
	return make(addr, SOCK_DGRAM);
}

void peer_send(int fd, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t done = 0; done < len;) {
		ssize_t n = send(fd, p + done, len - done, MSG_NOSIGNAL);

		assert_true(n > 0);
		done += (size_t)n;
	}
}

void peer_expect(int fd, const void *data, size_t len)
{
	unsigned char buf[65536];
	const unsigned char *p = data;

	for (size_t done = 0; done < len;) {
		size_t want = len - done < sizeof buf ? len - done : sizeof buf;
		ssize_t n = recv(fd, buf, want, 0);

		assert_true(n > 0);
		assert_memory_equal(buf, p + done, (size_t)n);
		done += (size_t)n;
	}
}

void peer_expect_eof(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

void peer_expect_reset(int fd)
{
	char buf[4096];
	ssize_t n;

	do
		n = recv(fd, buf, sizeof buf, 0);
	while (n > 0);
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
}

void peer_echo(int fd, const void *data, size_t len)
{
	peer_send(fd, data, len);
	peer_expect(fd, data, len);
}

void peer_half_close(int fd)
{
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

void peer_converse(const struct meari_addr *addr)
{
	int fd = peer_connect(addr);

	peer_echo(fd, "a", 1);
	peer_half_close(fd);
	peer_expect_eof(fd);
	peer_close(fd);
}

void peer_close(int fd)
{
	assert_int_equal(close(fd), 0);
}

void peer_reset(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
				    sizeof now), 0);
	assert_int_equal(close(fd), 0);
}

size_t peer_fill(int fd, const unsigned char *data, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t done = 0;

	/* A second without room: the far side has stopped reading, too. */
	while (done < len && poll(&room, 1, 1000) > 0) {
		ssize_t n = send(fd, data + done, len - done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			done += (size_t)n;
	}
	return done;
}

void peer_echo_duplex(int fd, const unsigned char *data, size_t len)
{
	static unsigned char buf[256 * 1024];
	size_t sent = 0, received = 0;

	while (received < len) {
		struct pollfd p = {
			.fd = fd,
			.events = (short)(POLLIN | (sent < len ? POLLOUT : 0)),
		};
		ssize_t n;

		assert_true(poll(&p, 1, PATIENCE_S * 1000) > 0);
		if (p.revents & POLLOUT) {
			n = send(fd, data + sent, len - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
			assert_true(n > 0 || errno == EAGAIN);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (!(p.revents & POLLIN))
			continue;
		n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
		assert_true(n > 0);
		assert_true((size_t)n <= sent - received);
		assert_memory_equal(buf, data + received, (size_t)n);
		received += (size_t)n;
	}
}

void peer_pattern(unsigned char *buf, size_t len, unsigned seed)
{
	uint64_t x = seed * 2654435761u + 88172645463325252ull;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf[i] = (unsigned char)(x >> 32);
	}
}
