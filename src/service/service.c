/* SPDX-License-Identifier: MIT */
#include "service/service.h"

#include <string.h>

static const struct service services[] = {
	{
		.name = "echo",
		.summary = "send back what comes (RFC 862)",
		.echoes = true,
		.datagrams = true,
	},
	{
		.name = "discard",
		.summary = "read and forget (RFC 863)",
		.datagrams = true,
	},
	{
		/* Not over UDP: a reply larger than its request lends itself
		 * to flooding whoever is named as the source. */
		.name = "message",
		.summary = "send a fixed message, then close",
		.greets = true,
		.closes = true,
	},
};

const struct service *service_at(size_t index)
{
	if (index >= sizeof services / sizeof services[0])
		return NULL;
	return &services[index];
}

const struct service *service_find(const char *name)
{
	const struct service *service;

	for (size_t i = 0; (service = service_at(i)); i++)
		if (strcmp(service->name, name) == 0)
			break;
	return service;
}
