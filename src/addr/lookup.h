/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - getaddrinfo(3) with a deadline
 *
 * The resolver blocks for as long as the system is configured to, and nothing
 * can interrupt it. So it is asked in a thread of its own, which is left to
 * itself when the deadline comes first.
 */
#ifndef ADDR_LOOKUP_H
#define ADDR_LOOKUP_H

#include <netdb.h>
#include <stdint.h>

struct lookup_answer {
	int eai; /* what getaddrinfo(3) returned */
	int err; /* errno, where that is EAI_SYSTEM */
	struct addrinfo *found; /* the caller's, for freeaddrinfo(3), or NULL */
};

/**
 * lookup() - ask the system's resolver
 * @host:       a name of at most 255 bytes
 * @hints:      as for getaddrinfo(3); family and socket type are looked at
 * @until_ns:   absolute deadline; with MEARI_NEVER no thread is made
 * @ret_answer: written on success
 *
 * Return: 0 when the resolver has answered, well or not; -ETIMEDOUT; a
 *         negative errno of eventfd(2) or pthread_create(3); -ENOMEM; -EIO
 *         when the wait ended without an answer.
 */
int lookup(const char *host, const struct addrinfo *hints, uint64_t until_ns,
	   struct lookup_answer *ret_answer);

#endif
