/* SPDX-License-Identifier: MIT */
/* engine_process.h - the child that runs the engine */
#ifndef SERVER_ENGINE_PROCESS_H
#define SERVER_ENGINE_PROCESS_H

#include <sys/types.h>

#include "engine/engine.h"

/**
 * engine_process_start() - fork a child that serves
 * @engine:    passed its probe
 * @env:       for the engine; its descriptors are inherited
 * @signal_fd: the caller's alone: the child closes its copy; -1: none
 * @ret_pid:   the child, for the caller to wait for; written on success
 *
 * Returns when the engine's start is through. The child ends with the caller,
 * however that ends. Its exit status is 0 after an orderly run, else 1; the
 * errno is then in the log.
 *
 * Return: 0; a negative errno of fork(2) or of the engine's start, and no
 *         child is left.
 */
int engine_process_start(const struct engine *engine,
			 const struct engine_env *env, int signal_fd,
			 pid_t *ret_pid);

#endif
