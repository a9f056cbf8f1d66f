/* SPDX-License-Identifier: MIT */
/*
 * server.h - a server from its configuration to its end
 *
 * Two processes: the one that was started opens the sockets, handles signals
 * and writes the log; its child runs the engine. So an engine may fork or
 * start threads as it likes, nothing but serving happens where it serves, and
 * one that crashes leaves somebody to say so and to remove the socket files.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

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

/* How a server ended. */
enum server_end {
	SERVER_WELL,   /* stopped, drained or aborted as asked */
	SERVER_FAILED, /* the engine broke down */
	SERVER_NOT_UP, /* it could not start; nothing was served */
};

/**
 * server_run() - serve until told to stop
 * @config: borrowed; port 0 is replaced by the kernel's choice in the log
 *
 * SIGTERM and SIGINT stop it, a second one ends it at once; SIGUSR1 logs the
 * tallies; SIGHUP is noted and ignored. Says all it has to say in the log.
 *
 * Threads: the calling process must have one thread only.
 */
enum server_end server_run(const struct server_config *config);

#endif
