/* SPDX-License-Identifier: MIT */
#include "base/line.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static_assert(LINE_BYTES <= PIPE_BUF, "no line blocks once it has room");

size_t line_format(char line[static LINE_BYTES], const char *prefix,
		   const char *format, va_list args)
{
	size_t len = strlen(prefix);

	assert(len < LINE_BYTES);
	memcpy(line, prefix, len + 1);
	/* Should it fail, what there is of the line is told. */
	(void)vsnprintf(line + len, LINE_BYTES - len, format, args);
	len = strnlen(line, LINE_BYTES - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == '\177')
			line[i] = '?';
	line[len] = '\n';
	return len + 1;
}
