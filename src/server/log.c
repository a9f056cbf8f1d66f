/* SPDX-License-Identifier: MIT */
#include "server/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "base/line.h"

/* For a reader that is slow; one that has stopped reading is not waited for. */
#define ROOM_WAIT_NS (200 * MEARI_MS)

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

void log_put(enum log_level level, const char *prefix, const char *format, ...)
{
	char line[LINE_BYTES];
	size_t len, done;
	va_list args;

	if (level > chosen)
		return;
	va_start(args, format);
	len = line_format(line, prefix, format, args);
	va_end(args);
	stalled = !log_has_room(stalled ? 0 : meari_after_ns(ROOM_WAIT_NS));
	if (!stalled)
		(void)meari_write_some(STDERR_FILENO, line, len, &done);
}
