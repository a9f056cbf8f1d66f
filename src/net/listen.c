/* SPDX-License-Identifier: MIT */
#include <meari/listen.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <meari/datagram.h>

#include "base/cleanup.h"
#include "net/fail_addr.h"
#include "net/option_set.h"
#include "net/unix_path.h"

/* The kernel chooses a port for the first address; that it is free on the
 * others too is likely, not certain. */
enum { PORT_TRIES = 16 };

/* What stays the same for all sockets of an endpoint. */
struct plan {
	struct option_set options;
	int backlog;
	bool any_host; /* no host was named: a family may be left out */
	bool any_port; /* the kernel chooses, for the first socket */
};

/* Set to 1 on every new socket of a kind. Not SO_REUSEADDR on UDP: there it
 * would let two servers have one port, and one of them no datagrams. */
static const struct standard {
	const char *step;
	int family;   /* 0: IPv4 and IPv6 */
	int socktype; /* 0: any */
	int level, optname;
} standards[] = {
	{ "set SO_REUSEADDR on", 0, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR },
	{ "set SO_OOBINLINE on", 0, SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE },
	{ "set IPV6_V6ONLY on", AF_INET6, 0, IPPROTO_IPV6, IPV6_V6ONLY },
};

static int set_standard(const struct standard *standard,
			const struct meari_listener *listener,
			struct meari_fail *fail)
{
	const int family = listener->addr.sa.sa_family;
	const int on = 1;

	if (standard->family != 0 && standard->family != family)
		return 0;
	if (standard->socktype != 0 && standard->socktype != listener->socktype)
		return 0;
	if (setsockopt(listener->fd, standard->level, standard->optname, &on,
		       sizeof on) < 0)
		return fail_addr(fail, -errno, standard->step,
				 &listener->addr);
	return 0;
}

static int set_standards(const struct meari_listener *listener,
			 struct meari_fail *fail)
{
	const int family = listener->addr.sa.sa_family;
	int r = 0;

	if (family == AF_UNIX)
		return 0;
	for (size_t i = 0; i < sizeof standards / sizeof *standards; i++) {
		r = set_standard(&standards[i], listener, fail);
		if (r < 0)
			return r;
	}
	if (listener->socktype == SOCK_DGRAM) {
		r = meari_datagram_prepare(listener->fd, family);
		if (r < 0)
			return fail_addr(fail, r, "set PKTINFO on",
					 &listener->addr);
	}
	return 0;
}

static const char *in_use(const struct meari_listener *listener)
{
	if (listener->addr.sa.sa_family == AF_UNIX)
		return "; `ss -lxp` shows by whom";
	if (listener->socktype == SOCK_DGRAM)
		return "; `ss -lnup` shows by whom";
	return "; `ss -lntp` shows by whom";
}

/* What strerror(3) leaves open for a person who wants a server to start. */
static const char *hint(int error, const struct meari_listener *listener)
{
	const uint16_t port = meari_addr_port(&listener->addr);

	if (error == -EADDRINUSE)
		return in_use(listener);
	if (error == -EADDRNOTAVAIL)
		return "; no interface of this machine has it";
	if (error == -EACCES && port > 0 && port < 1024)
		return "; ports below 1024 need privilege "
		       "(CAP_NET_BIND_SERVICE)";
	return "";
}

static int fail_hint(struct meari_fail *fail, int error, const char *step,
		     const struct meari_listener *listener)
{
	char text[MEARI_ADDR_TEXT];

	return fail_setf(fail, error, step,
			 meari_addr_format(&listener->addr, text, sizeof text),
			 "%s%s", strerror(-error), hint(error, listener));
}

static int bind_listener(struct meari_listener *listener,
			 struct meari_fail *fail)
{
	const struct meari_addr *addr = &listener->addr;

	if (unix_path_named(addr))
		return unix_path_bind(listener, fail);
	if (bind(listener->fd, &addr->sa, addr->len) < 0)
		return fail_hint(fail, -errno, "bind", listener);
	return 0;
}

static int bind_and_listen(struct meari_listener *listener, int backlog,
			   struct meari_fail *fail)
{
	MEARI_AUTO(fd_closep) int lockfd = unix_path_lock(&listener->addr);
	int r;

	(void)lockfd; /* to the end of this function */
	r = bind_listener(listener, fail);
	if (r < 0)
		return r;
	/* With SO_REUSEADDR two sockets may bind to one port; the second one
	 * to listen learns here that it is taken. */
	if (listener->socktype == SOCK_STREAM &&
	    listen(listener->fd, backlog) < 0)
		return fail_hint(fail, -errno, "listen", listener);
	return 0;
}

static void listener_close(struct meari_listener *listener)
{
	unix_path_remove(listener);
	fd_closep(&listener->fd);
}

static int open_listener(const struct plan *plan, const struct meari_addr *addr,
			 struct meari_listener *ret_listener,
			 struct meari_fail *fail)
{
	MEARI_AUTO(listener_close) struct meari_listener listener = {
		.fd = -1,
		.socktype = plan->options.socktype,
		.addr = *addr,
	};
	const int family = addr->sa.sa_family;
	int r;

	listener.fd = socket(
		family, listener.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0)
		return fail_addr(fail, -errno, "socket", addr);
	r = set_standards(&listener, fail);
	if (r < 0)
		return r;
	/* After ours, so that the caller has the last word. */
	r = option_set_apply(&plan->options, listener.fd, family, fail);
	if (r < 0)
		return r;
	r = bind_and_listen(&listener, plan->backlog, fail);
	if (r < 0)
		return r;
	r = meari_addr_local(listener.fd, &listener.addr);
	if (r < 0)
		return fail_addr(fail, r, "getsockname", addr);
	*ret_listener = listener;
	listener = (struct meari_listener){ .fd = -1 };
	return 0;
}

/* Without IPv6 socket(2) says EAFNOSUPPORT; with IPv6 switched off on every
 * interface bind(2) may say EADDRNOTAVAIL. */
static bool lacks_family(const struct plan *plan, int error)
{
	return plan->any_host &&
	       (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

static int open_all(const struct plan *plan,
		    struct meari_listeners *ret_listeners,
		    struct meari_fail *fail)
{
	const struct meari_addr_list *addrs = plan->options.addrs;
	MEARI_AUTO(meari_listeners_close) struct meari_listeners opened = {
		.items = calloc(addrs->n_addrs, sizeof *opened.items),
	};

	if (!opened.items)
		return fail_addr(fail, -ENOMEM, "listen", &addrs->addrs[0]);
	for (size_t i = 0; i < addrs->n_addrs; i++) {
		struct meari_addr addr = addrs->addrs[i];
		int r;

		if (plan->any_port && opened.n_items > 0)
			meari_addr_set_port(
				&addr, meari_addr_port(&opened.items[0].addr));
		r = open_listener(plan, &addr, &opened.items[opened.n_items],
				  fail);
		if (r == 0)
			opened.n_items++;
		else if (lacks_family(plan, r))
			opened.skipped = *fail;
		else
			return r;
	}
	if (opened.n_items == 0)
		return opened.skipped.error;
	*ret_listeners = opened;
	opened = (struct meari_listeners){ .items = NULL };
	return 0;
}

int meari_listen(const struct meari_endpoint *endpoint,
		 const struct meari_listen_options *options,
		 struct meari_listeners *ret_listeners, struct meari_fail *fail)
{
	static const struct meari_listen_options defaults;
	MEARI_AUTO(meari_addr_list_deinit) struct meari_addr_list addrs = {
		.addrs = NULL,
	};
	const struct meari_listen_options *given = options ?: &defaults;
	const struct meari_resolve_options resolving = {
		.family = given->family,
		.passive = true,
	};
	const struct plan plan = {
		.options.values = given->sockopts,
		.options.n_values = given->n_sockopts,
		.options.addrs = &addrs,
		.options.socktype = meari_endpoint_socktype(endpoint),
		/* The kernel cuts it down to net.core.somaxconn. */
		.backlog = given->backlog == 0 ? INT_MAX : given->backlog,
		.any_host = !endpoint->is_unix && endpoint->host[0] == '\0',
		.any_port = !endpoint->is_unix && endpoint->port == 0,
	};
	/* Of our own, because a family left out is no failure of the call. */
	struct meari_fail failed;
	int tries = PORT_TRIES;
	int r = meari_resolve(endpoint, &resolving, &addrs, fail);

	if (r < 0)
		return r;
	do
		r = open_all(&plan, ret_listeners, &failed);
	while (r == -EADDRINUSE && plan.any_port && --tries > 0);
	if (r < 0 && fail)
		*fail = failed;
	return r;
}

void meari_listeners_close(struct meari_listeners *listeners)
{
	for (size_t i = 0; i < listeners->n_items; i++)
		listener_close(&listeners->items[i]);
	free(listeners->items);
	*listeners = (struct meari_listeners){ .items = NULL };
}
