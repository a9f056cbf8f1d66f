/* SPDX-License-Identifier: MIT */
/* duration.h - times as options take and messages show them */
#ifndef CLI_DURATION_H
#define CLI_DURATION_H

#include <stdint.h>

/**
 * duration_parse_limit() - read a timeout; complains where it is none
 * @option: its name, for the message: "--timeout"
 * @text:   a number with ns us ms s m h, seconds without; 0 is no limit
 * @ret_ns: a duration, MEARI_NEVER for 0; written on success
 *
 * Return: 0, or EINVAL after a message: what an argp parser returns.
 */
int duration_parse_limit(const char *option, const char *text,
			 uint64_t *ret_ns);

/* Enough for any text of duration_format(), its NUL included. */
#define DURATION_TEXT 32

/**
 * duration_format() - a time for people: "10 s", "1.5 ms"
 * @ns:  nanoseconds
 * @buf: DURATION_TEXT bytes
 *
 * Return: @buf.
 */
char *duration_format(uint64_t ns, char *buf);

#endif
