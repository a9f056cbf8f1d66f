/* SPDX-License-Identifier: MIT */
/*
 * captured.h - what a test writes to standard error, line by line
 *
 * A pipe in packet mode takes the place of descriptor 2, so that it shows
 * where one write(2) ended and the next began. Included by one file a program.
 */
#ifndef UNIT_SERVER_CAPTURED_H
#define UNIT_SERVER_CAPTURED_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"

static struct captured {
	int saved_stderr; /* 0: nothing is captured */
	int readfd;
	size_t len;
	unsigned writes;
	char text[64 * 1024];
} captured;

static inline void capture_start(void)
{
	int fds[2];

	captured = (struct captured){ .len = 0 };
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
	/* Each packet takes a page. */
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 1024 * 1024) > 0);
	captured.saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(captured.saved_stderr >= 3);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(fds[1]);
	captured.readfd = fds[0];
}

/* Fit for a teardown: a test that failed half way must be heard of. */
static inline int capture_stop(void **state)
{
	(void)state;
	if (captured.saved_stderr == 0)
		return 0;
	(void)dup2(captured.saved_stderr, STDERR_FILENO);
	(void)close(captured.saved_stderr);
	(void)close(captured.readfd);
	captured.saved_stderr = 0;
	return 0;
}

static inline const char *capture_end(void)
{
	ssize_t n;

	while ((n = read(captured.readfd, captured.text + captured.len,
			 sizeof captured.text - 1 - captured.len)) > 0) {
		captured.len += (size_t)n;
		captured.writes++;
	}
	(void)capture_stop(NULL);
	return captured.text;
}

/* Exactly @text, and one write(2) for each line. */
static inline void assert_captured(const char *text)
{
	unsigned lines = 0;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	assert_string_equal(capture_end(), text);
	assert_int_equal(captured.writes, lines);
}

#endif
