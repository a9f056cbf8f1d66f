/* SPDX-License-Identifier: MIT */
/* sockets.h - the sockets of a server, opened from its configuration */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include <stddef.h>

#include <meari/fail.h>
#include <meari/listen.h>

#include "engine/engine.h"
#include "server/config.h"

struct server_sockets {
	struct meari_listeners *sets; /* one for each endpoint */
	size_t n_sets;
	struct engine_listener *listeners; /* all, flat, as engines see them */
	size_t n_listeners;
};

/**
 * sockets_open() - open every socket of every endpoint, or none
 * @config:      what to serve
 * @ret_sockets: written on success; for sockets_close()
 * @fail:        says which endpoint failed, and at what
 *
 * An option that suits no socket is refused; otherwise it is set where it
 * suits. TCP_NODELAY is set first, unasked: an echo that waits for the
 * acknowledgement of the last one is late.
 *
 * Return: 0 or a negative errno.
 */
int sockets_open(const struct server_config *config,
		 struct server_sockets *ret_sockets, struct meari_fail *fail);

/* Close all and remove socket files; accepts the empty value. */
void sockets_close(struct server_sockets *sockets);

#endif
