/* SPDX-License-Identifier: MIT */
/* fail.h - filling in a struct meari_fail; see <meari/fail.h> */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <meari/fail.h>

/**
 * fail_set() - record a failure whose reason is its errno
 * @fail:  may be NULL
 * @error: negative errno
 * @step:  static storage
 * @what:  copied, cut to fit; may be NULL
 *
 * Return: @error, so that a caller can return it.
 */
int fail_set(struct meari_fail *fail, int error, const char *step,
	     const char *what);

/**
 * fail_setf() - record a failure with a reason in words
 * @fail:       may be NULL
 * @error:      negative errno
 * @step:       static storage
 * @what:       copied, cut to fit; may be NULL
 * @why_format: as for printf(3)
 *
 * Return: @error.
 */
__attribute__((format(printf, 5, 6))) int
fail_setf(struct meari_fail *fail, int error, const char *step,
	  const char *what, const char *why_format, ...);

#endif
