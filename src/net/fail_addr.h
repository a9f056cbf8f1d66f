/* SPDX-License-Identifier: MIT */
/* fail_addr.h - a failure that concerns one address; see "base/fail.h" */
#ifndef NET_FAIL_ADDR_H
#define NET_FAIL_ADDR_H

#include <meari/addr.h>
#include <meari/fail.h>

#include "base/fail.h"

/**
 * fail_addr() - record a failure whose reason is its errno
 * @fail:  may be NULL
 * @error: negative errno
 * @step:  static storage
 * @addr:  what the step was done to
 *
 * Return: @error.
 */
static inline int fail_addr(struct meari_fail *fail, int error,
			    const char *step, const struct meari_addr *addr)
{
	char text[MEARI_ADDR_TEXT];

	return fail_set(fail, error, step,
			meari_addr_format(addr, text, sizeof text));
}

#endif
