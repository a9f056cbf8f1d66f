/* SPDX-License-Identifier: MIT */
#include "server/sockets.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "server/guard.h"

/* One of the families an endpoint's sockets can have will do: an option that
 * suits only IPv6 is left out for IPv4 by meari_listen(). */
static bool suits(const struct meari_sockopt *opt,
		  const struct meari_endpoint *endpoint)
{
	int socktype = meari_endpoint_socktype(endpoint);

	if (endpoint->is_unix)
		return meari_sockopt_applies(opt, AF_UNIX, socktype);
	return meari_sockopt_applies(opt, AF_INET, socktype) ||
	       meari_sockopt_applies(opt, AF_INET6, socktype);
}

static int check_sockopts(const struct server_config *config,
			  struct meari_fail *fail)
{
	for (size_t i = 0; i < config->n_sockopts; i++) {
		const struct meari_sockopt *opt = config->sockopts[i].opt;
		bool used = false;

		for (size_t j = 0; j < config->n_endpoints && !used; j++)
			used = suits(opt, &config->endpoints[j]);
		if (!used)
			return fail_setf(fail, -ENOPROTOOPT, "socket option",
					 opt->name,
					 "no socket that is to be served has "
					 "it");
	}
	return 0;
}

static int open_endpoint(const struct server_config *config,
			 const struct meari_endpoint *endpoint,
			 struct meari_listeners *ret_set,
			 struct meari_fail *fail)
{
	MEARI_AUTO(freep) struct meari_sockopt_value *sockopts = NULL;
	const struct meari_sockopt *nodelay = meari_sockopt_find("nodelay");
	struct meari_listen_options options = {
		.family = config->family,
		.backlog = config->backlog,
	};

	sockopts = calloc(config->n_sockopts + 1, sizeof *sockopts);
	if (!sockopts)
		return fail_set(fail, -ENOMEM, "listen", NULL);
	if (suits(nodelay, endpoint))
		sockopts[options.n_sockopts++] =
			(struct meari_sockopt_value){ .opt = nodelay,
						      .number = 1 };
	for (size_t i = 0; i < config->n_sockopts; i++)
		if (suits(config->sockopts[i].opt, endpoint))
			sockopts[options.n_sockopts++] = config->sockopts[i];
	options.sockopts = sockopts;
	return meari_listen(endpoint, &options, ret_set, fail);
}

static int check_service(const struct server_config *config,
			 const struct meari_endpoint *endpoint,
			 struct meari_fail *fail)
{
	char text[MEARI_ENDPOINT_TEXT];

	if (config->service->datagrams ||
	    meari_endpoint_socktype(endpoint) == SOCK_STREAM)
		return 0;
	return fail_setf(fail, -EPROTONOSUPPORT, "endpoint",
			 meari_endpoint_format(endpoint, text, sizeof text),
			 "the service %s is not for UDP: its reply could be "
			 "larger than the request",
			 config->service->name);
}

/* Does the kernel lack the family (or, with IPv6 switched off, its address)? */
static bool is_lack_of_family(int error)
{
	return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int open_set(const struct server_config *config,
		    const struct meari_endpoint *endpoint,
		    struct meari_listeners *set, struct meari_fail *fail)
{
	struct meari_fail why;
	int r = check_service(config, endpoint, &why);

	if (r == 0)
		r = open_endpoint(config, endpoint, set, &why);
	if (r == 0)
		return 0;
	if (config->lenient && is_lack_of_family(r)) {
		*set = (struct meari_listeners){ .skipped = why };
		return 0;
	}
	if (fail)
		*fail = why;
	return r;
}

static int open_all(const struct server_config *config,
		    struct server_sockets *sockets, struct meari_fail *fail)
{
	const struct meari_fail *skipped;
	bool opened = false;

	for (size_t i = 0; i < config->n_endpoints; i++) {
		struct meari_listeners *set = &sockets->sets[i];
		int r = open_set(config, &config->endpoints[i], set, fail);

		if (r < 0)
			return r;
		sockets->n_sets++;
		opened = opened || set->n_items > 0;
	}
	if (opened)
		return 0;
	/* All were left out, and a server that serves nothing is none. */
	skipped = &sockets->sets[sockets->n_sets - 1].skipped;
	if (fail)
		*fail = *skipped;
	return skipped->error;
}

static int flatten(const struct server_config *config,
		   struct server_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n_sets; i++)
		sockets->n_listeners += sockets->sets[i].n_items;
	sockets->listeners = calloc(sockets->n_listeners,
				    sizeof *sockets->listeners);
	if (!sockets->listeners)
		return -ENOMEM;
	for (size_t i = 0, n = 0; i < sockets->n_sets; i++)
		for (size_t j = 0; j < sockets->sets[i].n_items; j++, n++) {
			const struct meari_listener *item =
				&sockets->sets[i].items[j];

			sockets->listeners[n] = (struct engine_listener){
				.fd = item->fd,
				.socktype = item->socktype,
				.addr = item->addr,
				.service = config->service,
				.message = config->message,
				.ours = true,
				.guarded = item->socktype == SOCK_DGRAM &&
					   guard_is_needed(&item->addr),
			};
		}
	return 0;
}

int sockets_open(const struct server_config *config,
		 struct server_sockets *ret_sockets, struct meari_fail *fail)
{
	struct server_sockets sockets = { 0 };
	int r = check_sockopts(config, fail);

	assert(config->n_endpoints > 0);
	if (r < 0)
		return r;
	sockets.sets = calloc(config->n_endpoints, sizeof *sockets.sets);
	if (!sockets.sets)
		return fail_set(fail, -ENOMEM, "listen", NULL);
	r = open_all(config, &sockets, fail);
	if (r == 0 && flatten(config, &sockets) < 0)
		r = fail_set(fail, -ENOMEM, "listen", NULL);
	if (r < 0) {
		sockets_close(&sockets);
		return r;
	}
	*ret_sockets = sockets;
	return 0;
}

void sockets_close(struct server_sockets *sockets)
{
	for (size_t i = 0; i < sockets->n_sets; i++)
		meari_listeners_close(&sockets->sets[i]);
	free(sockets->sets);
	free(sockets->listeners);
	*sockets = (struct server_sockets){ 0 };
}
