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

#include "server/config.h"

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
 * tallies; SIGHUP is noted and ignored. All of these stay blocked on return,
 * for the process is expected to end: one too late is no end by a signal.
 * Says all it has to say in the log.
 *
 * Threads: the calling process must have one thread only.
 */
enum server_end server_run(const struct server_config *config);

#endif
