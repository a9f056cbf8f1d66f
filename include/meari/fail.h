/* SPDX-License-Identifier: MIT */
/*
 * fail.h - what went wrong, on what, in words
 *
 * A negative errno cannot say which of five addresses refused, or which half
 * of an endpoint is malformed. Calls for which that matters take a struct
 * meari_fail as their last parameter; it may be NULL. It is written on
 * failure only, belongs to the caller and holds no pointer to free.
 */
#ifndef MEARI_FAIL_H
#define MEARI_FAIL_H

#include <stddef.h>

#include <meari/decls.h>

struct meari_fail {
	int error;        /* the negative errno that was returned as well */
	const char *step; /* what was attempted, "bind"; static storage */
	char what[160];   /* to what, "127.0.0.1:7007"; may be empty */
	char why[160];    /* the reason in words; never empty */
};

/* Enough for the longest text of meari_fail_format(), its NUL included. */
#define MEARI_FAIL_TEXT 384

MEARI_BEGIN_DECLS

/**
 * meari_fail_format() - a failure as one line of text
 * @fail: as filled in by a failing call of this library
 * @buf:  receives the text, NUL-terminated, cut to fit
 * @len:  size of @buf, at least 1; MEARI_FAIL_TEXT always suffices
 *
 * The line has no newline and reads "STEP WHAT: WHY", for example
 * "bind 127.0.0.1:7007: Address already in use".
 *
 * Return: @buf.
 * Threads: any.
 */
char *meari_fail_format(const struct meari_fail *fail, char *buf, size_t len);

MEARI_END_DECLS

#endif
