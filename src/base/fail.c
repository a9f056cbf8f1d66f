/* SPDX-License-Identifier: MIT */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail_setf(struct meari_fail *fail, int error, const char *step,
	      const char *what, const char *why_format, ...)
{
	va_list args;

	if (!fail)
		return error;
	fail->error = error;
	fail->step = step;
	(void)snprintf(fail->what, sizeof fail->what, "%s", what ? what : "");
	va_start(args, why_format);
	(void)vsnprintf(fail->why, sizeof fail->why, why_format, args);
	va_end(args);
	return error;
}

int fail_set(struct meari_fail *fail, int error, const char *step,
	     const char *what)
{
	return fail_setf(fail, error, step, what, "%s", strerror(-error));
}

char *meari_fail_format(const struct meari_fail *fail, char *buf, size_t len)
{
	(void)snprintf(buf, len, "%s%s%s: %s", fail->step,
		       fail->what[0] ? " " : "", fail->what, fail->why);
	return buf;
}
