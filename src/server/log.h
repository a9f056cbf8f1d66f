/* SPDX-License-Identifier: MIT */
/*
 * log.h - the server's lines on standard error, the one place that writes
 *
 * A line is one write(2), so lines of several processes do not mix. A standard
 * error that cannot be written to is not a reason to stop serving, and one that
 * nobody reads is not a reason to serve on after a stop: a line that finds no
 * room for a while is dropped.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_QUIET,   /* failures only */
	LOG_NORMAL,  /* and what an operator wants to know */
	LOG_VERBOSE, /* and each connection and read */
};

/* Lines above @level are dropped from now on; the start is LOG_NORMAL. */
void log_set_level(enum log_level level);

/* Will a line be taken at once, or by this time at the latest? */
bool log_has_room(uint64_t until_ns);

/* The descriptor that poll(2) calls writable when a line will be taken. */
int log_fd(void);

/* A line of @prefix and text, in which control characters are shown as '?'. */
__attribute__((format(printf, 3, 4))) void log_put(enum log_level level,
						   const char *prefix,
						   const char *format, ...);

/* "meari: …" */
#define log_line(level, ...) log_put(level, "meari: ", __VA_ARGS__)

/* The text alone. */
#define log_plain(level, ...) log_put(level, "", __VA_ARGS__)

#endif
