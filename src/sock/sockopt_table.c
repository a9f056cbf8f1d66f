/* SPDX-License-Identifier: MIT */
#include <meari/sockopt.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* Sorted by name. A socket kind stands in .on where the option does something
 * to it, even if the kernel would take it from others too: SO_RCVBUF on a Unix
 * socket, for one, is stored and never looked at (unix(7)). */
static const struct meari_sockopt table[] = {
	{
		.name = "busy-poll",
		.constant = "SO_BUSY_POLL",
		.summary = "poll the device so long before sleeping",
		.level = SOL_SOCKET,
		.optname = SO_BUSY_POLL,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_MICROSECONDS,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
	},
	{
		.name = "congestion",
		.constant = "TCP_CONGESTION",
		.summary = "congestion control algorithm",
		.level = IPPROTO_TCP,
		.optname = TCP_CONGESTION,
		.type = MEARI_SOCKOPT_TEXT,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "defer-accept",
		.constant = "TCP_DEFER_ACCEPT",
		.summary = "queue a client once its first bytes are here",
		.level = IPPROTO_TCP,
		.optname = TCP_DEFER_ACCEPT,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_SECONDS,
		.when = MEARI_SOCKOPT_WHEN_LISTENER,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "keepalive",
		.constant = "SO_KEEPALIVE",
		.summary = "probe a silent peer",
		.level = SOL_SOCKET,
		.optname = SO_KEEPALIVE,
		.type = MEARI_SOCKOPT_FLAG,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "keepcnt",
		.constant = "TCP_KEEPCNT",
		.summary = "unanswered probes that end a connection",
		.level = IPPROTO_TCP,
		.optname = TCP_KEEPCNT,
		.type = MEARI_SOCKOPT_INT,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "keepidle",
		.constant = "TCP_KEEPIDLE",
		.summary = "silence before the first probe",
		.level = IPPROTO_TCP,
		.optname = TCP_KEEPIDLE,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_SECONDS,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "keepintvl",
		.constant = "TCP_KEEPINTVL",
		.summary = "time between probes",
		.level = IPPROTO_TCP,
		.optname = TCP_KEEPINTVL,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_SECONDS,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "linger",
		.constant = "SO_LINGER",
		.summary = "what close does with unsent bytes; 0 resets",
		.level = SOL_SOCKET,
		.optname = SO_LINGER,
		.type = MEARI_SOCKOPT_LINGER,
		.unit = MEARI_SOCKOPT_UNIT_SECONDS,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "nodelay",
		.constant = "TCP_NODELAY",
		.summary = "send small segments at once (no Nagle)",
		.level = IPPROTO_TCP,
		.optname = TCP_NODELAY,
		.type = MEARI_SOCKOPT_FLAG,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "oobinline",
		.constant = "SO_OOBINLINE",
		.summary = "urgent bytes stay in the stream",
		.level = SOL_SOCKET,
		.optname = SO_OOBINLINE,
		.type = MEARI_SOCKOPT_FLAG,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "rcvbuf",
		.constant = "SO_RCVBUF",
		.summary = "receive buffer",
		.level = SOL_SOCKET,
		.optname = SO_RCVBUF,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_BYTES,
		.when = MEARI_SOCKOPT_WHEN_BEFORE_OPEN,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
	},
	{
		.name = "reuseaddr",
		.constant = "SO_REUSEADDR",
		.summary = "bind despite connections in TIME_WAIT",
		.level = SOL_SOCKET,
		.optname = SO_REUSEADDR,
		.type = MEARI_SOCKOPT_FLAG,
		.when = MEARI_SOCKOPT_WHEN_BEFORE_BIND,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
	},
	{
		.name = "reuseport",
		.constant = "SO_REUSEPORT",
		.summary = "share the port with other sockets of this user",
		.level = SOL_SOCKET,
		.optname = SO_REUSEPORT,
		.type = MEARI_SOCKOPT_FLAG,
		.when = MEARI_SOCKOPT_WHEN_BEFORE_BIND,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
	},
	{
		.name = "sndbuf",
		.constant = "SO_SNDBUF",
		.summary = "send buffer",
		.level = SOL_SOCKET,
		.optname = SO_SNDBUF,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_BYTES,
		.when = MEARI_SOCKOPT_WHEN_BEFORE_OPEN,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP |
		      MEARI_SOCKOPT_ON_UNIX,
	},
	{
		.name = "tos",
		.constant = "IP_TOS",
		.summary = "DSCP and ECN byte of each packet",
		.level = IPPROTO_IP,
		.optname = IP_TOS,
		.level6 = IPPROTO_IPV6,
		.optname6 = IPV6_TCLASS,
		.type = MEARI_SOCKOPT_INT,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
		.max = 255, /* IP_TOS silently takes the low byte of more */
	},
	{
		.name = "user-timeout",
		.constant = "TCP_USER_TIMEOUT",
		.summary = "unacknowledged time that ends a connection",
		.level = IPPROTO_TCP,
		.optname = TCP_USER_TIMEOUT,
		.type = MEARI_SOCKOPT_INT,
		.unit = MEARI_SOCKOPT_UNIT_MILLISECONDS,
		.on = MEARI_SOCKOPT_ON_TCP,
	},
	{
		.name = "v6only",
		.constant = "IPV6_V6ONLY",
		.summary = "leave IPv4 to sockets of its own",
		.level = IPPROTO_IPV6,
		.optname = IPV6_V6ONLY,
		.type = MEARI_SOCKOPT_FLAG,
		.when = MEARI_SOCKOPT_WHEN_BEFORE_BIND,
		.on = MEARI_SOCKOPT_ON_TCP | MEARI_SOCKOPT_ON_UDP,
		.ipv6_only = true,
	},
};

static const size_t n_rows = sizeof table / sizeof *table;

const struct meari_sockopt *meari_sockopt_table(size_t *ret_n)
{
	*ret_n = n_rows;
	return table;
}

const struct meari_sockopt *meari_sockopt_find(const char *name)
{
	for (size_t i = 0; i < n_rows; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}
