/* SPDX-License-Identifier: MIT */
#include <meari/endpoint.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "addr/lookup.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/parse.h"

/* An outcome of numeric(): the host is an address, not a name. */
enum { IS_NUMERIC = 1 };

static const char step[] = "resolve";

/* What the header promises for getaddrinfo(3)'s errors. */
static const struct {
	int eai;
	int error;
} eai_errors[] = {
	{ EAI_NONAME, -ENOENT },
	{ EAI_NODATA, -ENOENT },
	{ EAI_ADDRFAMILY, -ENOENT },
	{ EAI_AGAIN, -EAGAIN },
	{ EAI_FAMILY, -EAFNOSUPPORT },
	{ EAI_MEMORY, -ENOMEM },
	{ EAI_OVERFLOW, -EOVERFLOW },
	{ EAI_BADFLAGS, -EINVAL },
	{ EAI_SERVICE, -EINVAL },
	{ EAI_SOCKTYPE, -EINVAL },
	/* The name server answered that it cannot. */
	{ EAI_FAIL, -EIO },
};

static void freeaddrinfop(struct addrinfo **found)
{
	if (*found)
		freeaddrinfo(*found);
}

static int list_alloc(struct meari_addr_list *list, size_t cap,
		      struct meari_fail *fail, const char *what)
{
	list->addrs = calloc(cap, sizeof *list->addrs);
	if (!list->addrs)
		return fail_set(fail, -ENOMEM, step, what);
	return 0;
}

/* Adds what is of @family and not yet there; the room is the caller's care. */
static void list_add(struct meari_addr_list *list,
		     const struct meari_addr *addr, int family)
{
	if (family != AF_UNSPEC && family != addr->sa.sa_family)
		return;
	for (size_t i = 0; i < list->n_addrs; i++)
		if (meari_addr_equal(&list->addrs[i], addr))
			return;
	list->addrs[list->n_addrs++] = *addr;
}

/* An interface's name, or its number (RFC 4007, 11.2). */
static int parse_scope(const char *scope, uint32_t *ret)
{
	unsigned index = if_nametoindex(scope);
	int err = errno;
	uint64_t number = index;

	if (index == 0 && err != ENODEV)
		return -err;
	if (index == 0 && parse_u64(scope, UINT32_MAX, &number) < 0)
		return -ENODEV;
	*ret = (uint32_t)number; /* parse_u64() saw to the range */
	return 0;
}

static int numeric_v6(const char *host, struct meari_addr *ret,
		      struct meari_fail *fail)
{
	struct meari_addr addr = {
		.len = sizeof addr.in6,
		.in6 = { .sin6_family = AF_INET6 },
	};
	char address[INET6_ADDRSTRLEN] = "";
	size_t n = strcspn(host, "%");
	int r;

	if (n >= sizeof address)
		return 0;
	memcpy(address, host, n);
	if (inet_pton(AF_INET6, address, &addr.in6.sin6_addr) != 1)
		return 0;
	if (host[n] == '%') {
		r = parse_scope(host + n + 1, &addr.in6.sin6_scope_id);
		if (r == -ENODEV)
			return fail_setf(fail, r, step, host,
					 "no interface is called '%.32s'",
					 host + n + 1);
		if (r < 0)
			return fail_set(fail, r, step, host);
	}
	r = meari_addr_set(ret, &addr.sa, addr.len);
	return r < 0 ? r : IS_NUMERIC;
}

/* Return: IS_NUMERIC; 0 for a name; or a negative errno. */
static int numeric(const char *host, struct meari_addr *ret,
		   struct meari_fail *fail)
{
	struct meari_addr addr = {
		.len = sizeof addr.in,
		.in = { .sin_family = AF_INET },
	};

	if (inet_pton(AF_INET, host, &addr.in.sin_addr) != 1)
		return numeric_v6(host, ret, fail);
	*ret = addr;
	return IS_NUMERIC;
}

static int list_numeric(const char *host, int family,
			const struct meari_addr *addr,
			struct meari_addr_list *list, struct meari_fail *fail)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int r;

	if (family != AF_UNSPEC && family != addr->sa.sa_family)
		return fail_setf(fail, -EAFNOSUPPORT, step, host,
				 "is an IPv%d address, IPv%d was asked for "
				 "(-%d)",
				 v6 ? 6 : 4, v6 ? 4 : 6, v6 ? 4 : 6);
	r = list_alloc(list, 1, fail, host);
	if (r < 0)
		return r;
	list_add(list, addr, family);
	return 0;
}

static int eai_fail(struct meari_fail *fail, int eai, int err,
		    const char *host)
{
	if (eai == EAI_SYSTEM)
		return fail_set(fail, err > 0 ? -err : -EIO, step, host);
	for (size_t i = 0; i < sizeof eai_errors / sizeof *eai_errors; i++)
		if (eai_errors[i].eai == eai)
			return fail_setf(fail, eai_errors[i].error, step, host,
					 "%s", gai_strerror(eai));
	return fail_setf(fail, -EIO, step, host, "%s", gai_strerror(eai));
}

static int ask(const char *host, const struct addrinfo *hints,
	       uint64_t until_ns, struct addrinfo **ret_found,
	       struct meari_fail *fail)
{
	struct lookup_answer answer;
	int r = lookup(host, hints, until_ns, &answer);

	if (r == -ETIMEDOUT)
		return fail_setf(fail, r, step, host,
				 "the name server did not answer in time");
	if (r < 0)
		return fail_set(fail, r, step, host);
	if (answer.eai != 0)
		return eai_fail(fail, answer.eai, answer.err, host);
	*ret_found = answer.found;
	return 0;
}

static int look_up(const char *host, const struct addrinfo *hints,
		   uint64_t until_ns, struct meari_addr_list *list,
		   struct meari_fail *fail)
{
	MEARI_AUTO(freeaddrinfop) struct addrinfo *found = NULL;
	size_t n = 0;
	int r = ask(host, hints, until_ns, &found, fail);

	if (r < 0)
		return r;
	for (const struct addrinfo *ai = found; ai; ai = ai->ai_next)
		n++;
	r = list_alloc(list, n > 0 ? n : 1, fail, host);
	if (r < 0)
		return r;
	for (const struct addrinfo *ai = found; ai; ai = ai->ai_next) {
		struct meari_addr addr;

		if (meari_addr_set(&addr, ai->ai_addr, ai->ai_addrlen) == 0)
			list_add(list, &addr, hints->ai_family);
	}
	if (list->n_addrs == 0)
		return fail_setf(fail, -ENOENT, step, host,
				 "has no address of the family asked for");
	return 0;
}

static int list_host(const struct meari_endpoint *endpoint,
		     const struct meari_resolve_options *options,
		     struct meari_addr_list *list, struct meari_fail *fail)
{
	const struct addrinfo hints = {
		.ai_family = options->family,
		.ai_socktype = meari_endpoint_socktype(endpoint),
	};
	struct meari_addr addr;
	int r = numeric(endpoint->host, &addr, fail);

	if (r < 0)
		return r;
	if (r == IS_NUMERIC)
		return list_numeric(endpoint->host, options->family, &addr,
				    list, fail);
	return look_up(endpoint->host, &hints, options->until_ns, list, fail);
}

static int list_default(int family, bool passive, struct meari_addr_list *list,
			struct meari_fail *fail)
{
	const uint32_t v4 = passive ? INADDR_ANY : INADDR_LOOPBACK;
	const struct meari_addr in6 = {
		.len = sizeof in6.in6,
		.in6 = {
			.sin6_family = AF_INET6,
			.sin6_addr = passive ? in6addr_any : in6addr_loopback,
		},
	};
	const struct meari_addr in = {
		.len = sizeof in.in,
		.in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(v4) },
	};
	int r = list_alloc(list, 2, fail, NULL);

	if (r < 0)
		return r;
	list_add(list, &in6, family);
	list_add(list, &in, family);
	return 0;
}

static int list_unix(const struct meari_endpoint *endpoint,
		     struct meari_addr_list *list, struct meari_fail *fail)
{
	struct meari_addr addr = { .un = { .sun_family = AF_UNIX } };
	size_t n = strlen(endpoint->path);
	bool is_abstract = endpoint->path[0] == '@';
	int r = list_alloc(list, 1, fail, NULL);

	if (r < 0)
		return r;
	memcpy(addr.un.sun_path, endpoint->path, n);
	if (is_abstract)
		addr.un.sun_path[0] = '\0';
	/* A path counts its NUL; an abstract name has none and would be
	 * another with it (unix(7)). */
	addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
			       (is_abstract ? 0 : 1));
	list_add(list, &addr, AF_UNSPEC);
	return 0;
}

int meari_resolve(const struct meari_endpoint *endpoint,
		  const struct meari_resolve_options *options,
		  struct meari_addr_list *ret_list, struct meari_fail *fail)
{
	static const struct meari_resolve_options defaults = {
		.family = AF_UNSPEC,
	};
	struct meari_resolve_options how = options ? *options : defaults;
	const int family = how.family;
	MEARI_AUTO(meari_addr_list_deinit) struct meari_addr_list list = { 0 };
	int r;

	if (how.until_ns == 0)
		how.until_ns = MEARI_NEVER;
	assert(family == AF_UNSPEC || family == AF_INET || family == AF_INET6);
	if (endpoint->is_unix)
		r = list_unix(endpoint, &list, fail);
	else if (endpoint->host[0] == '\0')
		r = list_default(family, how.passive, &list, fail);
	else
		r = list_host(endpoint, &how, &list, fail);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.n_addrs; i++)
		meari_addr_set_port(&list.addrs[i], endpoint->port);
	*ret_list = list;
	list = (struct meari_addr_list){ 0 };
	return 0;
}

void meari_addr_list_deinit(struct meari_addr_list *list)
{
	free(list->addrs);
	*list = (struct meari_addr_list){ 0 };
}
