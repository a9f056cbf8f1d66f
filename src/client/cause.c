/* SPDX-License-Identifier: MIT */
#include "client/cause.h"

#include <errno.h>
#include <stddef.h>

struct cause {
	int error;
	const char *text;
};

/* Measured: an idle connection to a peer that cannot be reached any more ends
 * in ETIMEDOUT, by keepalive; EHOSTUNREACH comes only while data is in flight
 * and a router says so. */
static const struct cause causes[] = {
	{ ETIMEDOUT, "no answer: the peer is dead or the path is cut" },
	{ ECONNREFUSED, "nobody listens there" },
	{ EPIPE, "the peer no longer reads" },
	{ EHOSTUNREACH, "no way to the host: a router, or the last link, "
			"says so" },
	{ ENETUNREACH, "no way to the network: this machine has no route, or "
		       "a router says so" },
	{ ENETDOWN, "the interface is down" },
	{ EADDRNOTAVAIL, "no such address here, or no port left" },
};

/* EPERM: a rule of the local firewall, or an option for the privileged. */
static const int setup_errors[] = {
	EINVAL, EAFNOSUPPORT, ENOPROTOOPT, EPERM, EMFILE, ENFILE,
	ENOMEM, ENAMETOOLONG, ENOBUFS,
};

const char *cause_text(int error)
{
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
		if (causes[i].error == -error)
			return causes[i].text;
	return NULL;
}

bool cause_is_setup(int error)
{
	size_t n = sizeof setup_errors / sizeof setup_errors[0];

	for (size_t i = 0; i < n; i++)
		if (setup_errors[i] == -error)
			return true;
	return false;
}
