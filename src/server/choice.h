/* SPDX-License-Identifier: MIT */
/* choice.h - which engine serves */
#ifndef SERVER_CHOICE_H
#define SERVER_CHOICE_H

#include <stddef.h>

#include <meari/fail.h>

#include "engine/engine.h"

/**
 * choose_engine() - the engine that was asked for, or the best that can run
 * @asked:       NULL for the first in order of preference
 * @listeners:   all of which it must be able to serve
 * @n_listeners: how many
 * @ret_engine:  written on success
 * @fail:        says what the engine lacks, or why its probe failed
 *
 * An engine that was asked for is never replaced by another. When choosing,
 * those passed over are logged with their reason.
 *
 * Return: 0; -EOPNOTSUPP when it lacks something; or the probe's error.
 */
int choose_engine(const struct engine *asked,
		  const struct engine_listener *listeners, size_t n_listeners,
		  const struct engine **ret_engine, struct meari_fail *fail);

#endif
