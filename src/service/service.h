/* SPDX-License-Identifier: MIT */
/*
 * service.h - what is done with received bytes, as data
 *
 * A service is a row of facts, not callbacks: the echo machine (echo.h) is
 * the only code that acts on them, so every engine serves every service.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

struct service {
	const char *name;    /* as typed after --service */
	const char *summary; /* one line of --help */
	bool echoes;    /* what comes in goes out (RFC 862) */
	bool greets;    /* a message goes out first */
	bool closes;    /* and once it has left, so does our side */
	bool datagrams; /* may be served over UDP */
};

/**
 * service_find() - the service of a name
 * @name: "echo", …
 *
 * Return: the row, or NULL.
 */
const struct service *service_find(const char *name);

/**
 * service_at() - the services in the order in which to list them
 * @index: from 0
 *
 * Return: the row, or NULL behind the last.
 */
const struct service *service_at(size_t index);

#endif
