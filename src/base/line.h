/* SPDX-License-Identifier: MIT */
/* line.h - a message as one line, whatever its arguments hold */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stdarg.h>
#include <stddef.h>

/* Below what a pipe that poll(2) calls writable takes without blocking. */
#define LINE_BYTES 1024

/**
 * line_format() - print a line, with its newline and without a NUL
 * @line:   receives it; what is too long is cut
 * @prefix: what it begins with; short
 * @format: as for vprintf(3), without a newline
 * @args:   its arguments
 *
 * A control character is shown as '?': one event stays one line, and nobody's
 * words move the cursor.
 *
 * Return: bytes in @line, at least 1.
 * Threads: any.
 */
__attribute__((format(printf, 3, 0))) size_t
line_format(char line[static LINE_BYTES], const char *prefix,
	    const char *format, va_list args);

#endif
