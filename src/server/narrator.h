/* SPDX-License-Identifier: MIT */
/* narrator.h - what the engines report, as lines of the log */
#ifndef SERVER_NARRATOR_H
#define SERVER_NARRATOR_H

#include "engine/engine.h"
#include "server/log.h"

/* The kinds of events that a log of this level needs: 1u << EVENT_…. */
uint32_t narrator_wants(enum log_level level);

/* Log the events that wait in the ring; but leave them there once the log has
 * had no room for a line until @until_ns, to be told later. */
void narrator_tell_all(const struct engine_env *env, uint64_t until_ns);

/* Log a line for each listener: that it listens, and where. */
void narrator_tell_ready(const struct engine_env *env,
			 const struct engine *engine);

/* Log the options that the kernel granted each listener. */
void narrator_tell_options(const struct engine_env *env);

/* Log all counters, and how many connections are active. */
void narrator_tell_tallies(const struct engine_env *env);

/* Log what was served, at the end. */
void narrator_tell_end(const struct engine_env *env);

#endif
