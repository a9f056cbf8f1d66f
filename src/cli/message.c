/* SPDX-License-Identifier: MIT */
#include "cli/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <meari/io.h>

#define LINE_MAX_BYTES 1024

void cli_error(const char *format, ...)
{
	char line[LINE_MAX_BYTES] = "meari: ";
	const size_t prefix = strlen(line);
	va_list args;
	size_t done;

	va_start(args, format);
	/* One byte stays free for the newline. */
	(void)vsnprintf(line + prefix, sizeof line - prefix - 1, format, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\177')
			*c = '?';
	strcat(line, "\n");
	/* Nobody is left to be told when this fails. */
	(void)meari_write_full(STDERR_FILENO, line, strlen(line), MEARI_NEVER,
			       &done);
}
