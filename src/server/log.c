/* SPDX-License-Identifier: MIT */
#include "server/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

/* Below what a pipe that poll(2) calls writable takes without blocking. */
#define LINE_MAX_BYTES 1024

/* For a reader that is slow; one that has stopped reading is not waited for. */
#define ROOM_WAIT_NS (200 * MEARI_MS)

static_assert(LINE_MAX_BYTES <= PIPE_BUF, "no line blocks once it has room");

static enum log_level chosen = LOG_NORMAL;

/* Nobody has read for so long that the last line was dropped. */
static bool stalled;

void log_set_level(enum log_level level)
{
	chosen = level;
}

int log_fd(void)
{
	return STDERR_FILENO;
}

bool log_has_room(uint64_t until_ns)
{
	/* What cannot be written to at all loses the line, and at once. */
	return meari_wait(STDERR_FILENO, POLLOUT, until_ns) != -ETIMEDOUT;
}

__attribute__((format(printf, 2, 0))) static void
put(const char *prefix, const char *format, va_list args)
{
	char line[LINE_MAX_BYTES];
	size_t len, done;
	int n = snprintf(line, sizeof line, "%s", prefix);

	len = (size_t)n;
	n = vsnprintf(line + len, sizeof line - len, format, args);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof line - 1)
		len = sizeof line - 1;
	line[len] = '\n';
	stalled = !log_has_room(stalled ? 0 : meari_after_ns(ROOM_WAIT_NS));
	if (!stalled)
		(void)meari_write_some(STDERR_FILENO, line, len + 1, &done);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > chosen)
		return;
	va_start(args, format);
	put("meari: ", format, args);
	va_end(args);
}

void log_plain(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > chosen)
		return;
	va_start(args, format);
	put("", format, args);
	va_end(args);
}
