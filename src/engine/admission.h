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

#include <meari/clock.h>

#include "engine/engine.h"

/* May something more be taken? Then it counts as taken. */
bool admission_take(const struct engine_env *env);

/* What was admitted did not come after all. */
void admission_return(const struct engine_env *env);

/* What was admitted is over. */
void admission_done(const struct engine_env *env);

/**
 * admission_closed() - has all been admitted, as it seems now?
 * @env: as given to the engine
 *
 * Something admitted may still be returned, which wakes nobody: who leaves a
 * listener alone because of this asks again after ADMISSION_RECHECK_NS.
 */
bool admission_closed(const struct engine_env *env);

#define ADMISSION_RECHECK_NS (100 * MEARI_MS)

#endif
