/* SPDX-License-Identifier: MIT */
/*
 * Input: an endpoint; if it has a newline, then also a host and a port, which
 * the first newline parts.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <meari/endpoint.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_same(const struct meari_endpoint *a,
		       const struct meari_endpoint *b)
{
	assert(a->scheme == b->scheme);
	assert(a->is_unix == b->is_unix);
	assert(a->port == b->port);
	assert(strcmp(a->host, b->host) == 0);
	assert(strcmp(a->path, b->path) == 0);
}

/* What has no meaning for its kind is empty; no host can end a line. */
static void check_fields(const struct meari_endpoint *endpoint)
{
	assert(memchr(endpoint->host, '\0', sizeof endpoint->host));
	assert(memchr(endpoint->path, '\0', sizeof endpoint->path));
	assert(strlen(endpoint->host) <= 253);
	if (endpoint->is_unix) {
		assert(endpoint->path[0] != '\0');
		assert(endpoint->host[0] == '\0' && endpoint->port == 0);
		assert(endpoint->scheme != MEARI_SCHEME_UDP);
	} else {
		assert(endpoint->path[0] == '\0');
	}
	for (const char *p = endpoint->host; *p; p++)
		assert((unsigned char)*p > ' ' && *p != '/' && *p != ']');
	assert(meari_endpoint_socktype(endpoint) == SOCK_STREAM ||
	       endpoint->scheme == MEARI_SCHEME_UDP);
}

/* Into heap blocks of exactly the size, for the address sanitizer. */
static void check_format(const struct meari_endpoint *endpoint)
{
	MEARI_AUTO(freep) char *whole = malloc(MEARI_ENDPOINT_TEXT);
	struct meari_endpoint again;
	int r;

	assert(whole);
	(void)meari_endpoint_format(endpoint, whole, MEARI_ENDPOINT_TEXT);
	assert(strlen(whole) < MEARI_ENDPOINT_TEXT - 1);
	r = meari_endpoint_parse(whole, &again, NULL);
	assert(r == 0);
	check_same(endpoint, &again);
	for (size_t cap = 1; cap <= strlen(whole) + 1; cap++) {
		MEARI_AUTO(freep) char *cut = malloc(cap);

		assert(cut);
		(void)meari_endpoint_format(endpoint, cut, cap);
		assert(strlen(cut) == cap - 1);
		assert(memcmp(cut, whole, cap - 1) == 0);
	}
}

static void check_fail(const struct meari_fail *fail, int r)
{
	char line[MEARI_FAIL_TEXT];
	size_t len = strlen(meari_fail_format(fail, line, sizeof line));

	assert(r == -EINVAL || r == -ENAMETOOLONG);
	assert(fail->error == r);
	assert(strcmp(fail->step, "endpoint") == 0);
	assert(fail->why[0] != '\0');
	for (const char *p = line; *p; p++)
		assert((*p >= ' ' && *p <= '~'));
	assert(len < sizeof line - 1);
}

static void check(int r, const struct meari_endpoint *endpoint,
		  const struct meari_fail *fail)
{
	static const struct meari_endpoint untouched = { .port = 4711 };

	if (r < 0) {
		check_same(endpoint, &untouched);
		check_fail(fail, r);
		return;
	}
	assert(r == 0);
	assert(fail->step == NULL);
	check_fields(endpoint);
	check_format(endpoint);
}

static void check_text(const char *text)
{
	struct meari_endpoint endpoint = { .port = 4711 }, silent;
	struct meari_fail fail = { .step = NULL };
	int r = meari_endpoint_parse(text, &endpoint, &fail);

	check(r, &endpoint, &fail);
	assert(meari_endpoint_parse(text, &silent, NULL) == r);
}

static void check_pair(const char *host, const char *port)
{
	struct meari_endpoint endpoint = { .port = 4711 }, silent;
	struct meari_fail fail = { .step = NULL };
	int r = meari_endpoint_parse_pair(host, port, &endpoint, &fail);

	check(r, &endpoint, &fail);
	assert(r < 0 || (endpoint.host[0] && !endpoint.is_unix));
	assert(meari_endpoint_parse_pair(host, port, &silent, NULL) == r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	MEARI_AUTO(freep) char *text = malloc(len + 1);
	char *newline;

	assert(text);
	memcpy(text, data, len);
	text[len] = '\0';
	check_text(text);
	newline = strchr(text, '\n');
	if (newline) {
		*newline = '\0';
		check_pair(text, newline + 1);
	}
	return 0;
}
