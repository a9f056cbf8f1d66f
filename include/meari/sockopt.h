/* SPDX-License-Identifier: MIT */
/*
 * sockopt.h - the table of socket options
 *
 * setsockopt(2) takes a level, a name, a value and its length. This table
 * holds one row for each option, so that it can be set from text, and read
 * back as the kernel granted it: the two often differ (socket(7) doubles
 * SO_SNDBUF, and caps it).
 *
 * The table is constant and may be read by any thread.
 */
#ifndef MEARI_SOCKOPT_H
#define MEARI_SOCKOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meari/decls.h>
#include <meari/fail.h>

enum meari_sockopt_type {
	MEARI_SOCKOPT_FLAG,   /* int, 0 or 1 */
	MEARI_SOCKOPT_INT,    /* int, not negative */
	MEARI_SOCKOPT_TEXT,   /* a short name */
	MEARI_SOCKOPT_LINGER, /* struct linger: "off", or seconds */
};

enum meari_sockopt_unit {
	MEARI_SOCKOPT_UNIT_NONE,
	MEARI_SOCKOPT_UNIT_BYTES,
	MEARI_SOCKOPT_UNIT_SECONDS,
	MEARI_SOCKOPT_UNIT_MILLISECONDS,
	MEARI_SOCKOPT_UNIT_MICROSECONDS,
};

enum meari_sockopt_when {
	MEARI_SOCKOPT_WHEN_ANY,         /* takes effect whenever it is set */
	MEARI_SOCKOPT_WHEN_BEFORE_BIND, /* before bind(2) */
	MEARI_SOCKOPT_WHEN_BEFORE_OPEN, /* before listen(2) or connect(2) */
	MEARI_SOCKOPT_WHEN_LISTENER,    /* means something to a listener only */
};

/* Sockets that have the option. */
#define MEARI_SOCKOPT_ON_TCP  (1u << 0)
#define MEARI_SOCKOPT_ON_UDP  (1u << 1)
#define MEARI_SOCKOPT_ON_UNIX (1u << 2)

struct meari_sockopt {
	const char *name;     /* as typed, "keepidle" */
	const char *constant; /* as in the man pages, "TCP_KEEPIDLE" */
	const char *summary;  /* a line for people */
	int level, optname;
	int level6, optname6; /* instead, on AF_INET6; 0, 0: the same */
	enum meari_sockopt_type type;
	enum meari_sockopt_unit unit;
	enum meari_sockopt_when when;
	uint32_t on;    /* MEARI_SOCKOPT_ON_… */
	bool ipv6_only; /* of those, only sockets of AF_INET6 */
	int max;        /* INT, LINGER: the largest value; 0: INT_MAX */
};

/* One option with a value. A plain value: copied by assignment. */
struct meari_sockopt_value {
	const struct meari_sockopt *opt;
	int number;    /* FLAG, INT: the value; LINGER: seconds, -1 for off */
	char text[16]; /* TEXT: NUL-terminated */
};

/* Enough for any text of meari_sockopt_format(), its NUL included. */
#define MEARI_SOCKOPT_VALUE_TEXT 32

MEARI_BEGIN_DECLS

/**
 * meari_sockopt_table() - all rows
 * @ret_n: number of rows
 *
 * Return: the first row; rows are sorted by name.
 * Threads: any.
 */
const struct meari_sockopt *meari_sockopt_table(size_t *ret_n);

/**
 * meari_sockopt_find() - the row of a name
 * @name: "nodelay", …
 *
 * Return: the row, or NULL.
 * Threads: any.
 */
const struct meari_sockopt *meari_sockopt_find(const char *name);

/**
 * meari_sockopt_parse() - read NAME=VALUE
 * @text:      flags take 0, 1, on, off, yes, no; numbers take a suffix of
 *             their unit (us ms s m h; k M G, Ki Mi Gi), a bare number being
 *             in the row's own unit; linger takes off or a time
 * @ret_value: written on success
 * @fail:      may be NULL; names the option and what it takes
 *
 * Return: 0; -ENOENT for an unknown name; -EINVAL for a bad value; -ERANGE
 *         for one that does not fit.
 * Threads: any.
 */
int meari_sockopt_parse(const char *text, struct meari_sockopt_value *ret_value,
			struct meari_fail *fail);

/**
 * meari_sockopt_applies() - does a socket of this kind have the option?
 * @opt:      a row
 * @family:   AF_INET, AF_INET6 or AF_UNIX
 * @socktype: SOCK_STREAM or SOCK_DGRAM
 *
 * Return: true if it does; the kernel may still refuse a value.
 * Threads: any.
 */
bool meari_sockopt_applies(const struct meari_sockopt *opt, int family,
			   int socktype);

/**
 * meari_sockopt_set() - set an option
 * @fd:    a socket
 * @value: from meari_sockopt_parse(), or filled in by hand
 * @fail:  may be NULL; names the option and the value
 *
 * Return: 0; -ENOPROTOOPT when a socket of this kind has no such option; or
 *         another negative errno of setsockopt(2).
 * Threads: any.
 */
int meari_sockopt_set(int fd, const struct meari_sockopt_value *value,
		      struct meari_fail *fail);

/**
 * meari_sockopt_get() - read back what the kernel granted
 * @fd:        a socket
 * @opt:       a row
 * @ret_value: written on success
 *
 * Return: 0; -ENOPROTOOPT; or another negative errno of getsockopt(2).
 * Threads: any.
 */
int meari_sockopt_get(int fd, const struct meari_sockopt *opt,
		      struct meari_sockopt_value *ret_value);

/**
 * meari_sockopt_format() - a value as text with its unit
 * @value: any
 * @buf:   receives the text, NUL-terminated, cut to fit
 * @len:   size of @buf, at least 1; MEARI_SOCKOPT_VALUE_TEXT always suffices
 *
 * "on", "off", "425984 bytes", "7200 s", "reno".
 *
 * Return: @buf.
 * Threads: any.
 */
char *meari_sockopt_format(const struct meari_sockopt_value *value, char *buf,
			   size_t len);

MEARI_END_DECLS

#endif
