/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - datagrams answered from the address that was asked
 *
 * A UDP socket bound to every interface replies, by default, from whatever
 * address routing picks; a client that asked another one drops the reply. So
 * each datagram carries the address it was sent to (IP_PKTINFO in ip(7),
 * IPV6_PKTINFO in RFC 3542, 6.1), and the reply names it as its source.
 */
#ifndef MEARI_DATAGRAM_H
#define MEARI_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include <meari/addr.h>
#include <meari/decls.h>

/* Room for any datagram without jumbograms: 65,507 bytes over IPv4, 65,527
 * over IPv6 (RFC 768; the IPv6 payload length does not count its header). */
#define MEARI_DATAGRAM_MAX 65536

/* Who asked, and where. A plain value. */
struct meari_datagram {
	struct meari_addr peer;  /* its source */
	struct meari_addr local; /* its destination, port 0; len 0: unknown */
	unsigned ifindex;        /* interface it came in on; 0: unknown */
	size_t len;              /* bytes received */
	bool truncated;          /* it was longer than the buffer */
	bool unicast;            /* not sent to a group or to everybody */
};

MEARI_BEGIN_DECLS

/**
 * meari_datagram_prepare() - have a socket report where datagrams were sent
 * @fd:     a UDP socket
 * @family: AF_INET or AF_INET6
 *
 * meari_listen() has done this already.
 *
 * Return: 0 or a negative errno of setsockopt(2).
 * Threads: any.
 */
int meari_datagram_prepare(int fd, int family);

/**
 * meari_datagram_receive() - take one datagram
 * @fd:           a UDP socket, non-blocking
 * @buf:          receives the payload
 * @cap:          size of @buf; MEARI_DATAGRAM_MAX holds any
 * @ret_datagram: written on success
 *
 * Return: 0, an empty datagram included; -EAGAIN; or another negative errno
 *         of recvmsg(2), never -EINTR.
 * Threads: any.
 */
int meari_datagram_receive(int fd, void *buf, size_t cap,
			   struct meari_datagram *ret_datagram);

/**
 * meari_datagram_reply() - answer a datagram from the address it was sent to
 * @fd:       the socket it came from
 * @datagram: as received
 * @buf:      payload
 * @len:      its length, may be 0
 *
 * Return: 0; -EAGAIN when the socket's buffer is full; or another negative
 *         errno of sendmsg(2), never -EINTR.
 * Threads: any.
 */
int meari_datagram_reply(int fd, const struct meari_datagram *datagram,
			 const void *buf, size_t len);

MEARI_END_DECLS

#endif
