/* SPDX-License-Identifier: MIT */
/*
 * loopback.h - peers on the loopback interface, and what must not leak
 *
 * Plain system calls, not the library's: a test must not check it with itself.
 */
#ifndef LIB_LOOPBACK_H
#define LIB_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <meari/addr.h>
#include <meari/endpoint.h>

/* Skips the test that needs IPv6 where there is none. */
#define NEEDS_IPV6()                                            \
	do {                                                    \
		if (!has_ipv6()) {                              \
			print_message("no IPv6 on lo\n");       \
			skip();                                 \
		}                                               \
	} while (0)

static inline size_t open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

__attribute__((format(printf, 1, 2))) static inline struct meari_endpoint
endpoint_of(const char *format, ...)
{
	struct meari_endpoint endpoint;
	char text[MEARI_ENDPOINT_TEXT];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_int_equal(meari_endpoint_parse(text, &endpoint, NULL), 0);
	return endpoint;
}

/* @host: numeric, without brackets */
static inline struct meari_addr addr_of(const char *host, uint16_t port)
{
	struct meari_addr addr = { .len = 0 };

	if (strchr(host, ':')) {
		addr.len = sizeof addr.in6;
		addr.in6.sin6_family = AF_INET6;
		addr.in6.sin6_port = htons(port);
		assert_int_equal(
			inet_pton(AF_INET6, host, &addr.in6.sin6_addr), 1);
	} else {
		addr.len = sizeof addr.in;
		addr.in.sin_family = AF_INET;
		addr.in.sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, host, &addr.in.sin_addr),
				 1);
	}
	return addr;
}

static inline struct meari_addr unix_addr_of(const char *path)
{
	struct meari_addr addr = {
		.len = sizeof addr.un,
		.un = { .sun_family = AF_UNIX },
	};

	(void)snprintf(addr.un.sun_path, sizeof addr.un.sun_path, "%s", path);
	return addr;
}

/* What a resolver would have returned, to be freed like it. */
static inline struct meari_addr_list
addr_list_copy(const struct meari_addr_list *list)
{
	const size_t size = list->n_addrs * sizeof *list->addrs;
	struct meari_addr_list copy = {
		.addrs = malloc(size),
		.n_addrs = list->n_addrs,
	};

	assert_non_null(copy.addrs);
	memcpy(copy.addrs, list->addrs, size);
	return copy;
}

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in6 in6; /* the port is at the same place in both */
	socklen_t len = sizeof in6;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in6, &len), 0);
	return ntohs(in6.sin6_port);
}

static inline int bound_socket(int type, const char *host, uint16_t port)
{
	const struct meari_addr addr = addr_of(host, port);
	int fd = socket(addr.sa.sa_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (bind(fd, &addr.sa, addr.len) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static inline bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct meari_addr addr = addr_of("::1", 0);
	bool has = fd >= 0 && bind(fd, &addr.sa, addr.len) == 0;

	if (fd >= 0)
		(void)close(fd);
	return has;
}

static inline int listening_socket(const char *host, uint16_t port)
{
	int fd = bound_socket(SOCK_STREAM, host, port);

	assert_true(fd >= 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* Connects by plain means. */
static inline int connected_socket(const struct meari_addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &addr->sa, addr->len), 0);
	return fd;
}

/* Where attempts to connect get no answer: the queue of a listener is full, so
 * that the kernel drops what would join it. */
struct black_hole {
	int listenfd, clientfd;
	struct meari_addr addr;
};

static inline struct black_hole black_hole_open(const char *host)
{
	struct black_hole hole = {
		.listenfd = bound_socket(SOCK_STREAM, host, 0),
	};

	/* There is room for backlog + 1. */
	assert_true(hole.listenfd >= 0);
	assert_int_equal(listen(hole.listenfd, 0), 0);
	hole.addr = addr_of(host, port_of(hole.listenfd));
	hole.clientfd = connected_socket(&hole.addr);
	return hole;
}

static inline void black_hole_close(struct black_hole *hole)
{
	(void)close(hole->clientfd);
	(void)close(hole->listenfd);
}

static inline void assert_born_right(int fd)
{
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

static inline void assert_addr_text(const struct meari_addr *addr,
				    const char *text)
{
	char buf[MEARI_ADDR_TEXT];

	assert_string_equal(meari_addr_format(addr, buf, sizeof buf), text);
}

static inline int get_int(int fd, int level, int optname)
{
	int value = -1;
	socklen_t len = sizeof value;

	assert_int_equal(getsockopt(fd, level, optname, &value, &len), 0);
	return value;
}

#endif
