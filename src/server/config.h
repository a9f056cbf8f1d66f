/* SPDX-License-Identifier: MIT */
/* config.h - what a server is to do, as the command line gives it */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/endpoint.h>
#include <meari/sockopt.h>

#include "engine/engine.h"
#include "server/log.h"

struct server_config {
	const struct meari_endpoint *endpoints; /* borrowed, as all below */
	size_t n_endpoints;
	bool lenient; /* an endpoint whose family is not there is left out */
	int family;  /* AF_UNSPEC, AF_INET, AF_INET6 */
	int backlog; /* 0: as long as the kernel allows */
	const struct meari_sockopt_value *sockopts;
	size_t n_sockopts;
	const struct engine *engine; /* NULL: the first whose probe passes */
	const struct service *service;
	struct meari_span message;
	unsigned max_connections;
	uint64_t idle_ns;  /* MEARI_NEVER: connections may be silent */
	uint64_t drain_ns;
	uint64_t udp_rate; /* of the guard; 0: any */
	bool once;         /* serve one connection or datagram, then end */
	enum log_level level;
};

#endif
