/* SPDX-License-Identifier: MIT */
/*
 * option_set.h - a caller's socket options on all sockets of an endpoint
 *
 * An endpoint may stand for sockets of several families, and an option may
 * exist in one of them only.
 */
#ifndef NET_OPTION_SET_H
#define NET_OPTION_SET_H

#include <stddef.h>

#include <meari/endpoint.h>
#include <meari/fail.h>
#include <meari/sockopt.h>

/* Borrows everything it points to. */
struct option_set {
	const struct meari_sockopt_value *values;
	size_t n_values;
	const struct meari_addr_list *addrs; /* of the endpoint's sockets */
	int socktype;                        /* of all of them */
};

/**
 * option_set_apply() - set what applies to a socket
 * @set:    an option that applies to none of its addresses is an error; one
 *          that applies to some is left out on the others
 * @fd:     one of the endpoint's sockets
 * @family: its family
 * @fail:   may be NULL; names the option and the value
 *
 * Return: 0 or a negative errno of meari_sockopt_set().
 */
int option_set_apply(const struct option_set *set, int fd, int family,
		     struct meari_fail *fail);

#endif
