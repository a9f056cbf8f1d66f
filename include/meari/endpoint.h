/* SPDX-License-Identifier: MIT */
/*
 * endpoint.h - where to listen or connect, as people type it
 *
 *	host:port  [v6]:port  [v6%scope]:port  :port  port
 *	unix:/path  unix:relative/path  unix:@abstract
 *
 * each optionally after tcp://, udp:// or http://. Ports are decimal numbers
 * from 0 to 65535. Parsing is strict: what is not of these forms is refused
 * with a reason, never guessed at.
 */
#ifndef MEARI_ENDPOINT_H
#define MEARI_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/addr.h>
#include <meari/clock.h>
#include <meari/decls.h>
#include <meari/fail.h>

enum meari_scheme {
	MEARI_SCHEME_NONE, /* none was typed: TCP, or a Unix stream socket */
	MEARI_SCHEME_TCP,
	MEARI_SCHEME_UDP,
	MEARI_SCHEME_HTTP,
};

struct meari_endpoint {
	enum meari_scheme scheme;
	bool is_unix;
	uint16_t port;   /* host order; 0 on a Unix socket */
	char host[256];  /* name or address without brackets; empty: none */
	char path[108];  /* Unix: path, or '@' and an abstract name */
};

/* Enough for any text of meari_endpoint_format(), its NUL included. */
#define MEARI_ENDPOINT_TEXT 280

/* What meari_resolve() can be told; all zero is a good default. */
struct meari_resolve_options {
	int family;   /* AF_UNSPEC, AF_INET or AF_INET6; not for Unix sockets */
	bool passive; /* to listen: no host means every interface; otherwise to
	               * connect: no host means this machine */
	uint64_t until_ns; /* absolute, for looking up a name; 0 or
	                    * MEARI_NEVER: none */
};

/* Addresses in the order in which they are to be tried. */
struct meari_addr_list {
	struct meari_addr *addrs; /* heap; NULL when empty */
	size_t n_addrs;
};

MEARI_BEGIN_DECLS

/**
 * meari_endpoint_parse() - read an endpoint
 * @text:         NUL-terminated
 * @ret_endpoint: written on success
 * @fail:         may be NULL; says what is wrong with which part
 *
 * Makes no system call and resolves nothing.
 *
 * Return: 0; -EINVAL; -ENAMETOOLONG for a Unix path of more than 107 bytes
 *         (unix(7)) or a host name of more than 253 (RFC 1035, 2.3.4).
 * Threads: any.
 */
int meari_endpoint_parse(const char *text, struct meari_endpoint *ret_endpoint,
			 struct meari_fail *fail);

/**
 * meari_endpoint_parse_pair() - read a host and a port given as two words
 * @host:         a name, an IPv4 or an IPv6 address, the latter with or
 *                without brackets
 * @port:         a decimal number
 * @ret_endpoint: written on success
 * @fail:         may be NULL
 *
 * A host called just "unix" is refused: "unix:7" is the path of a Unix socket.
 *
 * Return: as meari_endpoint_parse().
 * Threads: any.
 */
int meari_endpoint_parse_pair(const char *host, const char *port,
			      struct meari_endpoint *ret_endpoint,
			      struct meari_fail *fail);

/**
 * meari_endpoint_format() - an endpoint as text that parses to the same
 * @endpoint: from meari_endpoint_parse()
 * @buf:      receives the text, NUL-terminated, cut to fit
 * @len:      size of @buf, at least 1; MEARI_ENDPOINT_TEXT always suffices
 *
 * Return: @buf.
 * Threads: any.
 */
char *meari_endpoint_format(const struct meari_endpoint *endpoint, char *buf,
			    size_t len);

/**
 * meari_endpoint_socktype() - the kind of socket an endpoint asks for
 * @endpoint: from meari_endpoint_parse()
 *
 * Return: SOCK_STREAM or SOCK_DGRAM.
 * Threads: any.
 */
int meari_endpoint_socktype(const struct meari_endpoint *endpoint);

/**
 * meari_resolve() - the addresses of an endpoint
 * @endpoint: from meari_endpoint_parse()
 * @options:  may be NULL: any family, to connect, no deadline
 * @ret_list: written on success, never empty, no address twice; to be given to
 *            meari_addr_list_deinit()
 * @fail:     may be NULL; says which name and why, in the resolver's words
 *
 * A numeric host is never looked up. Names go to getaddrinfo(3), which blocks
 * as long as the system's resolver is configured to; with a deadline it is
 * asked in a thread, which ends by itself after the deadline has passed.
 * Without a host both families are listed, IPv6 first.
 *
 * Return: 0; -ENOENT when the name or its address in the family does not
 *         exist; -EAGAIN when the name server did not answer; -ETIMEDOUT at
 *         the deadline; -EAFNOSUPPORT when the family is not the address's;
 *         -ENOMEM; or another negative errno.
 * Threads: any.
 */
int meari_resolve(const struct meari_endpoint *endpoint,
		  const struct meari_resolve_options *options,
		  struct meari_addr_list *ret_list, struct meari_fail *fail);

/**
 * meari_addr_list_deinit() - free what meari_resolve() allocated
 * @list: may be empty; is empty afterwards
 *
 * Threads: any.
 */
void meari_addr_list_deinit(struct meari_addr_list *list);

MEARI_END_DECLS

#endif
