/* SPDX-License-Identifier: MIT */
/*
 * admission.h - a bound on how much a server serves in all (--once)
 *
 * Workers of any kind share one count. A worker that gets no admission leaves
 * its listener alone; the one that ends the last admitted piece of work raises
 * the stop for all.
 */
#ifndef ENGINE_ADMISSION_H
#define ENGINE_ADMISSION_H

#include <stdbool.h>

#include "engine/engine.h"

/* May something more be taken? Then it counts as taken. */
bool admission_take(const struct engine_env *env);

/* What was admitted did not come after all. */
void admission_return(const struct engine_env *env);

/* What was admitted is over. */
void admission_done(const struct engine_env *env);

/* Will nothing more be admitted? */
bool admission_closed(const struct engine_env *env);

#endif
