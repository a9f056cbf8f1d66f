/* SPDX-License-Identifier: MIT */
#include <meari/addr.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "addr/escape.h"

/* What a Unix socket is called, taken out of its sockaddr_un (unix(7)). */
struct unix_name {
	const char *bytes;
	size_t len; /* 0, and not abstract: the socket has no name */
	bool is_abstract;
};

static_assert(sizeof(struct sockaddr_un) >= sizeof(struct sockaddr_in6),
	      "un covers every member of the union");
static_assert(MEARI_ADDR_TEXT >= sizeof "unix:" +
		      4 * sizeof((struct sockaddr_un *)NULL)->sun_path,
	      "a name that is escaped throughout fits");

static int family_of(const struct meari_addr *addr)
{
	return addr->len > 0 ? addr->sa.sa_family : AF_UNSPEC;
}

static bool is_valid_len(int family, socklen_t len)
{
	if (family == AF_INET)
		return len == sizeof(struct sockaddr_in);
	if (family == AF_INET6)
		return len == sizeof(struct sockaddr_in6);
	/* The kernel adds a NUL, and counts it, where a path fills sun_path
	 * without one: that is the one byte more (unix(7), BUGS). */
	return family == AF_UNIX && len <= sizeof(struct sockaddr_un) + 1;
}

static struct meari_addr unmap(const struct sockaddr_in6 *in6)
{
	struct meari_addr addr = {
		.len = sizeof addr.in,
		.in = {
			.sin_family = AF_INET,
			.sin_port = in6->sin6_port,
		},
	};

	memcpy(&addr.in.sin_addr, &in6->sin6_addr.s6_addr[12],
	       sizeof addr.in.sin_addr);
	return addr;
}

static struct unix_name unix_name(const struct meari_addr *addr)
{
	struct unix_name name = {
		.bytes = addr->un.sun_path,
		.len = addr->len - offsetof(struct sockaddr_un, sun_path),
	};

	if (name.len > 0 && name.bytes[0] == '\0') {
		name.is_abstract = true;
		name.bytes++;
		name.len--;
	} else {
		name.len = strnlen(name.bytes, name.len);
	}
	return name;
}

static void format_unix(const struct meari_addr *addr, char *buf, size_t len)
{
	struct unix_name name = unix_name(addr);
	int n = snprintf(buf, len, "unix:%s", name.is_abstract ? "@" : "");

	if ((size_t)n < len)
		(void)escape_bytes(buf + n, len - (size_t)n, name.bytes,
				   name.len);
}

static void format_in6(const struct sockaddr_in6 *in6, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN], ifname[IF_NAMESIZE];

	(void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
	if (in6->sin6_scope_id == 0)
		(void)snprintf(buf, len, "%s", text);
	else if (if_indextoname(in6->sin6_scope_id, ifname))
		(void)snprintf(buf, len, "%s%%%s", text, ifname);
	else
		(void)snprintf(buf, len, "%s%%%u", text, in6->sin6_scope_id);
}

static bool unix_equal(const struct meari_addr *a, const struct meari_addr *b)
{
	struct unix_name na = unix_name(a), nb = unix_name(b);

	/* A socket without a name cannot be reached by it. */
	if (na.len == 0 && !na.is_abstract)
		return false;
	return na.is_abstract == nb.is_abstract && na.len == nb.len &&
	       memcmp(na.bytes, nb.bytes, na.len) == 0;
}

char *escape_bytes(char *buf, size_t cap, const char *bytes, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		bool plain = bytes[i] >= ' ' && bytes[i] <= '~';
		size_t need = plain ? 1 : 4;

		if (used + need >= cap)
			break;
		if (plain)
			buf[used] = bytes[i];
		else
			(void)snprintf(buf + used, need + 1, "\\x%02x",
				       (unsigned char)bytes[i]);
		used += need;
	}
	buf[used] = '\0';
	return buf;
}

char *escape_quoted(char *buf, size_t cap, const char *text)
{
	size_t n;

	buf[0] = '"';
	(void)escape_bytes(buf + 1, cap - 2, text, strlen(text));
	n = strlen(buf);
	buf[n] = '"';
	buf[n + 1] = '\0';
	return buf;
}

int meari_addr_set(struct meari_addr *ret_addr, const struct sockaddr *sa,
		   socklen_t len)
{
	struct meari_addr copy = { .len = len };

	if (len < sizeof sa->sa_family || !is_valid_len(sa->sa_family, len))
		return -EAFNOSUPPORT;
	if (copy.len > sizeof copy.un)
		copy.len = sizeof copy.un;
	memcpy(&copy.un, sa, copy.len);
	if (copy.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&copy.in6.sin6_addr))
		copy = unmap(&copy.in6);
	*ret_addr = copy;
	return 0;
}

int meari_addr_local(int fd, struct meari_addr *ret_addr)
{
	struct sockaddr_storage storage;
	struct sockaddr *sa = (struct sockaddr *)&storage; /* its purpose */
	socklen_t len = sizeof storage;

	if (getsockname(fd, sa, &len) < 0)
		return -errno;
	return meari_addr_set(ret_addr, sa, len);
}

int meari_addr_peer(int fd, struct meari_addr *ret_addr)
{
	struct sockaddr_storage storage;
	struct sockaddr *sa = (struct sockaddr *)&storage; /* its purpose */
	socklen_t len = sizeof storage;

	if (getpeername(fd, sa, &len) < 0)
		return -errno;
	return meari_addr_set(ret_addr, sa, len);
}

char *meari_addr_format(const struct meari_addr *addr, char *buf, size_t len)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
	int family = family_of(addr);

	if (family != AF_INET && family != AF_INET6)
		return meari_addr_format_host(addr, buf, len);
	(void)meari_addr_format_host(addr, host, sizeof host);
	(void)snprintf(buf, len, family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		       host, meari_addr_port(addr));
	return buf;
}

char *meari_addr_format_host(const struct meari_addr *addr, char *buf,
			     size_t len)
{
	char text[INET_ADDRSTRLEN];

	buf[0] = '\0';
	switch (family_of(addr)) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &addr->in.sin_addr, text,
				sizeof text);
		(void)snprintf(buf, len, "%s", text);
		break;
	case AF_INET6:
		format_in6(&addr->in6, buf, len);
		break;
	case AF_UNIX:
		format_unix(addr, buf, len);
		break;
	}
	return buf;
}

uint16_t meari_addr_port(const struct meari_addr *addr)
{
	switch (family_of(addr)) {
	case AF_INET:
		return ntohs(addr->in.sin_port);
	case AF_INET6:
		return ntohs(addr->in6.sin6_port);
	}
	return 0;
}

void meari_addr_set_port(struct meari_addr *addr, uint16_t port)
{
	switch (family_of(addr)) {
	case AF_INET:
		addr->in.sin_port = htons(port);
		break;
	case AF_INET6:
		addr->in6.sin6_port = htons(port);
		break;
	}
}

bool meari_addr_equal(const struct meari_addr *a, const struct meari_addr *b)
{
	int family = family_of(a);

	if (family != family_of(b) || meari_addr_port(a) != meari_addr_port(b))
		return false;
	switch (family) {
	case AF_INET:
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
		       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr,
					  &b->in6.sin6_addr);
	case AF_UNIX:
		return unix_equal(a, b);
	}
	return false;
}

bool meari_addr_is_loopback(const struct meari_addr *addr)
{
	switch (family_of(addr)) {
	case AF_INET:
		return ntohl(addr->in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	case AF_UNIX:
		return true;
	}
	return false;
}
