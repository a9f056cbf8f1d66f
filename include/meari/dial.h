/* SPDX-License-Identifier: MIT */
/*
 * dial.h - connecting to an endpoint
 *
 * A name may have many addresses, some of them dead. All are tried, IPv6 and
 * IPv4 in turn, a new attempt starting when the last has failed or has not
 * answered for a quarter of a second (RFC 8305); the first to connect wins.
 */
#ifndef MEARI_DIAL_H
#define MEARI_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include <meari/addr.h>
#include <meari/clock.h>
#include <meari/decls.h>
#include <meari/endpoint.h>
#include <meari/fail.h>
#include <meari/sockopt.h>

/* RFC 8305, 5: recommended Connection Attempt Delay. */
#define MEARI_ATTEMPT_DELAY_NS (250 * MEARI_MS)

/* What meari_dial() can be told; all zero is a good default. */
struct meari_dial_options {
	int family;        /* AF_UNSPEC, AF_INET, AF_INET6 */
	uint64_t until_ns; /* absolute, for all of it; 0 or MEARI_NEVER: none */
	/* Set before connect(2); borrowed. */
	const struct meari_sockopt_value *sockopts;
	size_t n_sockopts;
	/* Called once for each attempt that failed, with @ctx from below, the
	 * address that was tried, a negative errno (-ECANCELED when another
	 * attempt won meanwhile) and the time from its start to its end; may
	 * be NULL. */
	void (*failed)(void *ctx, const struct meari_addr *addr, int error,
		       uint64_t took_ns);
	void *ctx;
};

/* A connection and how it came about. */
struct meari_dialed {
	int fd;                 /* non-blocking, close-on-exec */
	struct meari_addr peer; /* the address that won */
	size_t n_addrs;         /* how many addresses the endpoint had */
	size_t n_tried;         /* how many were tried */
	uint64_t resolve_ns;    /* time to resolve */
	uint64_t connect_ns;    /* time from the first attempt to the winner */
};

MEARI_BEGIN_DECLS

/**
 * meari_dial() - connect, to whichever address answers first
 * @endpoint:   TCP, UDP or Unix; port 0 is refused
 * @options:    may be NULL: no deadline, any family
 * @ret_dialed: written on success; the caller closes ret_dialed->fd
 * @fail:       may be NULL; names the last failure, and how many there were
 *
 * A UDP socket is connected to the first usable address: nothing is sent, so
 * nothing is known about the peer. A socket that was connected to itself
 * (RFC 9293, 3.5: simultaneous open on a free ephemeral port) counts as
 * refused. A Unix listener's full queue is waited for, as connect(2) does on
 * a blocking socket. Of an endpoint's addresses no more than 64 are tried.
 *
 * The one deadline bounds resolving and connecting. One attempt at an address
 * is made even if it has passed.
 *
 * Return: 0; -ETIMEDOUT at the deadline; a negative errno of meari_resolve(),
 *         meari_sockopt_set(), socket(2) or connect(2): that of the last
 *         attempt to fail.
 * Threads: any.
 */
int meari_dial(const struct meari_endpoint *endpoint,
	       const struct meari_dial_options *options,
	       struct meari_dialed *ret_dialed, struct meari_fail *fail);

MEARI_END_DECLS

#endif
