/* SPDX-License-Identifier: MIT */
#include "cli/message.h"

#include <stdarg.h>
#include <unistd.h>

#include <meari/io.h>

#include "base/line.h"

void cli_error(const char *format, ...)
{
	char line[LINE_BYTES];
	size_t len, done;
	va_list args;

	va_start(args, format);
	len = line_format(line, "meari: ", format, args);
	va_end(args);
	/* Nobody is left to be told when this fails. */
	(void)meari_write_full(STDERR_FILENO, line, len, MEARI_NEVER, &done);
}
