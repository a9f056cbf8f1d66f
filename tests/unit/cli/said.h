/* SPDX-License-Identifier: MIT */
/* said.h - catches what cli_error() says: wrap cli_error */
#ifndef TESTS_CLI_SAID_H
#define TESTS_CLI_SAID_H

#include <stdio.h>
#include <string.h>

/* The last line, without "meari: " and newline, and how many there were. */
static char said[1024];
static unsigned n_said;

__attribute__((format(printf, 1, 2))) void __wrap_cli_error(const char *format,
							    ...);

void __wrap_cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(said, sizeof said, format, args);
	va_end(args);
	n_said++;
}

static void said_nothing_yet(void)
{
	said[0] = '\0';
	n_said = 0;
}

static void assert_said(const char *expected)
{
	assert_string_equal(said, expected);
	assert_int_equal(n_said, 1);
	said_nothing_yet();
}

#endif
