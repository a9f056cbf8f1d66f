/* SPDX-License-Identifier: MIT */
/*
 * listen.h - opening the sockets that a server serves
 *
 * One endpoint may stand for several sockets: a bare port for one in each
 * family, a name for all its addresses. All of them open, or none.
 * Descriptors are born close-on-exec and non-blocking.
 */
#ifndef MEARI_LISTEN_H
#define MEARI_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <meari/addr.h>
#include <meari/decls.h>
#include <meari/endpoint.h>
#include <meari/fail.h>
#include <meari/sockopt.h>

/* What meari_listen() can be told; all zero is a good default. */
struct meari_listen_options {
	int family;  /* AF_UNSPEC, AF_INET, AF_INET6 */
	int backlog; /* as for listen(2); 0: as long as the kernel allows */
	const struct meari_sockopt_value *sockopts; /* borrowed; before bind */
	size_t n_sockopts;
};

struct meari_listener {
	int fd;                  /* -1: none */
	int socktype;            /* SOCK_STREAM or SOCK_DGRAM */
	struct meari_addr addr;  /* with the real port where 0 was asked */
	dev_t path_dev;          /* identity of the socket file this owns */
	ino_t path_ino;          /* 0: none */
};

struct meari_listeners {
	struct meari_listener *items; /* heap; NULL when empty */
	size_t n_items;
	struct meari_fail skipped; /* error not 0: a family this kernel lacks */
};

MEARI_BEGIN_DECLS

/**
 * meari_listen() - open every socket an endpoint stands for
 * @endpoint:      port 0 lets the kernel choose, the same for all addresses
 * @options:       may be NULL
 * @ret_listeners: written on success, not empty; for meari_listeners_close()
 * @fail:          may be NULL; names the step and the address
 *
 * TCP sockets get SO_REUSEADDR, so that a restarted server need not wait for
 * TIME_WAIT; IPv6 sockets get IPV6_V6ONLY, so that IPv4 has its own; datagram
 * sockets report the address they were asked on (meari_datagram_receive()).
 * TCP sockets take urgent bytes in line (RFC 6093, 6), so that none is lost.
 *
 * A Unix socket's file has mode 0600 from the moment it exists. A file left
 * behind by a server that is gone is replaced; one that a server answers on,
 * or that is no socket, is left alone: -EADDRINUSE.
 *
 * For an endpoint without a host, a family that this kernel does not have is
 * left out, and reported in ret_listeners->skipped; if it has none, that is a
 * failure.
 *
 * Return: 0; a negative errno of meari_resolve(), meari_sockopt_set(),
 *         socket(2), bind(2) or listen(2).
 * Threads: any.
 */
int meari_listen(const struct meari_endpoint *endpoint,
		 const struct meari_listen_options *options,
		 struct meari_listeners *ret_listeners,
		 struct meari_fail *fail);

/**
 * meari_listeners_close() - close the sockets, remove the socket files
 * @listeners: may be empty; is empty afterwards
 *
 * A socket file is removed only if it is still the one that was made here.
 *
 * Threads: one.
 */
void meari_listeners_close(struct meari_listeners *listeners);

/**
 * meari_accept() - take a connection from a listener's queue
 * @listenfd:   a listening socket, non-blocking
 * @ret_connfd: non-blocking and close-on-exec; the caller's to close
 * @ret_peer:   the client's address; may be NULL
 *
 * What concerns one client alone (ECONNABORTED, EPROTO, and the network
 * errors that accept(2) passes on) is no event: the next one is tried.
 *
 * Return: 0; -EAGAIN when the queue is empty; -EMFILE, -ENFILE, -ENOBUFS or
 *         -ENOMEM when the machine has no room: wait before trying again, the
 *         client stays queued; or another negative errno of accept4(2).
 * Threads: any.
 */
int meari_accept(int listenfd, int *ret_connfd, struct meari_addr *ret_peer);

MEARI_END_DECLS

#endif
