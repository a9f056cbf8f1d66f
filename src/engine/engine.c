/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <string.h>

#include "engine_list.h"

/* Generated from src/meson.build: ENGINE(name) for each engine. */
#define ENGINE(name) extern const struct engine engine_##name;
ENGINE_LIST
#undef ENGINE

static const struct engine *const engines[] = {
#define ENGINE(name) &engine_##name,
	ENGINE_LIST
#undef ENGINE
};

const struct engine *engine_at(size_t index)
{
	if (index >= sizeof engines / sizeof engines[0])
		return NULL;
	return engines[index];
}

const struct engine *engine_find(const char *name)
{
	const struct engine *engine;

	for (size_t i = 0; (engine = engine_at(i)); i++)
		if (strcmp(engine->name, name) == 0)
			break;
	return engine;
}

const char *engine_lacks(const struct engine *engine,
			 const struct meari_addr *addr, int socktype)
{
	if (addr->sa.sa_family == AF_UNIX)
		return engine->caps & ENGINE_UNIX ? NULL : "Unix sockets";
	if (socktype == SOCK_DGRAM)
		return engine->caps & ENGINE_UDP ? NULL : "UDP";
	return engine->caps & ENGINE_TCP ? NULL : "TCP";
}
