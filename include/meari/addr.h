/* SPDX-License-Identifier: MIT */
/*
 * addr.h - one socket address of any family
 *
 * A struct meari_addr is a plain value: copied by assignment, freed by nobody.
 * An IPv4 peer of an IPv6 socket is turned into an IPv4 address wherever one
 * enters (RFC 4291, 2.5.5.2), so that it is printed, compared and limited as
 * what it is.
 */
#ifndef MEARI_ADDR_H
#define MEARI_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <meari/decls.h>

struct meari_addr {
	socklen_t len; /* valid bytes of the union; 0: no address */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* Enough for any text of meari_addr_format(), its NUL included: a Unix name of
 * 108 bytes, each as \xNN. */
#define MEARI_ADDR_TEXT 440

MEARI_BEGIN_DECLS

/**
 * meari_addr_set() - take over what a system call returned
 * @ret_addr: written on success; an IPv4-mapped IPv6 address becomes an IPv4
 *            one
 * @sa:       a socket address of AF_INET, AF_INET6 or AF_UNIX
 * @len:      its length; what does not fit a struct meari_addr is an error
 *
 * Return: 0, or -EAFNOSUPPORT for another family or a wrong length.
 * Threads: any.
 */
int meari_addr_set(struct meari_addr *ret_addr, const struct sockaddr *sa,
		   socklen_t len);

/**
 * meari_addr_local() - the address a socket is bound to (getsockname(2))
 * @fd:       a socket
 * @ret_addr: written on success
 *
 * Return: 0 or a negative errno.
 * Threads: any.
 */
int meari_addr_local(int fd, struct meari_addr *ret_addr);

/**
 * meari_addr_peer() - the address a socket is connected to (getpeername(2))
 * @fd:       a connected socket
 * @ret_addr: written on success
 *
 * Return: 0 or a negative errno.
 * Threads: any.
 */
int meari_addr_peer(int fd, struct meari_addr *ret_addr);

/**
 * meari_addr_format() - the address as text, as an endpoint would be typed
 * @addr: any address
 * @buf:  receives the text, NUL-terminated, cut to fit
 * @len:  size of @buf, at least 1; MEARI_ADDR_TEXT always suffices
 *
 * "192.0.2.1:7", "[2001:db8::1]:7" (RFC 5952), "[fe80::1%eth0]:7" with the
 * interface's name or, if it has none, its number; "unix:/run/echo",
 * "unix:@name" for an abstract name, bytes outside printable ASCII as \xNN;
 * "unix:" for a Unix socket without a name; nothing for no address.
 *
 * Return: @buf.
 * Threads: any.
 */
char *meari_addr_format(const struct meari_addr *addr, char *buf, size_t len);

/**
 * meari_addr_format_host() - the address alone, without port or brackets
 * @addr: any address; for a Unix socket as meari_addr_format()
 * @buf:  receives the text, NUL-terminated, cut to fit
 * @len:  size of @buf, at least 1; MEARI_ADDR_TEXT always suffices
 *
 * Return: @buf.
 * Threads: any.
 */
char *meari_addr_format_host(const struct meari_addr *addr, char *buf,
			     size_t len);

/**
 * meari_addr_port() - the port
 * @addr: any address
 *
 * Return: the port in host order; 0 for a Unix socket.
 * Threads: any.
 */
uint16_t meari_addr_port(const struct meari_addr *addr);

/**
 * meari_addr_set_port() - change the port of an IPv4 or IPv6 address
 * @addr: changed; an address of another family stays as it is
 * @port: host order
 *
 * Threads: any; one writer of @addr.
 */
void meari_addr_set_port(struct meari_addr *addr, uint16_t port);

/**
 * meari_addr_equal() - the same family, address, scope and port?
 * @a: any address
 * @b: any address
 *
 * Return: true if a packet to either reaches the same socket.
 * Threads: any.
 */
bool meari_addr_equal(const struct meari_addr *a, const struct meari_addr *b);

/**
 * meari_addr_is_loopback() - can only this machine use it?
 * @addr: any address
 *
 * Return: true for 127.0.0.0/8, ::1 and Unix sockets.
 * Threads: any.
 */
bool meari_addr_is_loopback(const struct meari_addr *addr);

MEARI_END_DECLS

#endif
