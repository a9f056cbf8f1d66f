/* SPDX-License-Identifier: MIT */
/*
 * peer.h - the other end of a test: blocking sockets that fail the test
 *
 * Every call fails the running test when it does not succeed, and none waits
 * for ever.
 */
#ifndef LIB_PEER_H
#define LIB_PEER_H

#include <stddef.h>

#include <meari/addr.h>

/* A connected stream socket; for peer_close(). */
int peer_connect(const struct meari_addr *addr);

/* Nobody takes connections to @addr, or will within a moment. */
void peer_expect_refused(const struct meari_addr *addr);

/* A datagram socket connected to @addr; for peer_close(). */
int peer_connect_datagram(const struct meari_addr *addr);

void peer_send(int fd, const void *data, size_t len);

/* Exactly @len bytes, compared. */
void peer_expect(int fd, const void *data, size_t len);

/* End of stream now, nothing before it. */
void peer_expect_eof(int fd);

/* A reset now, or after bytes that are dropped. */
void peer_expect_reset(int fd);

/* Sends and expects the same back. */
void peer_echo(int fd, const void *data, size_t len);

/* A whole connection to @addr: one byte and back, closed in order. */
void peer_converse(const struct meari_addr *addr);

/* Ends our side. */
void peer_half_close(int fd);

void peer_close(int fd);

/* Closes with a reset (RST). */
void peer_reset(int fd);

/* Sends until the path takes no more; returns how much it took. */
size_t peer_fill(int fd, const unsigned char *data, size_t len);

/* Sends all while reading all, as one side must not wait for the other. */
void peer_echo_duplex(int fd, const unsigned char *data, size_t len);

/* Bytes without a short period, the same for the same @seed. */
void peer_pattern(unsigned char *buf, size_t len, unsigned seed);

#endif
