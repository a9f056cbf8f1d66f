/* SPDX-License-Identifier: MIT */
/*
 * log.h - the server's lines on standard error, the one place that writes
 *
 * A line is one write(2), so lines of several processes do not mix. A standard
 * error that cannot be written to is not a reason to stop serving.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

enum log_level {
	LOG_QUIET,   /* failures only */
	LOG_NORMAL,  /* and what an operator wants to know */
	LOG_VERBOSE, /* and each connection and read */
};

/* Lines above @level are dropped from now on; the start is LOG_NORMAL. */
void log_set_level(enum log_level level);

/* "meari: …" and a newline. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level,
						    const char *format, ...);

/* The line as it is, and a newline. */
__attribute__((format(printf, 2, 3))) void log_plain(enum log_level level,
						     const char *format, ...);

#endif
