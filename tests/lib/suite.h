/* SPDX-License-Identifier: MIT */
/* suite.h - the same tests over every family an engine serves */
#ifndef LIB_SUITE_H
#define LIB_SUITE_H

#include <stdint.h>

#include "harness.h"

struct suite_row {
	const char *name;
	void (*test)(struct harness *h); /* initialised, not started */
	uint32_t needs;      /* caps without which an engine is left out */
	const char *only_on; /* a family's name or its beginning; NULL: all */
};

/**
 * suite_main() - run rows over families for the engine named on the command line
 * @argc:     2
 * @argv:     the engine's name
 * @families: NULL at the end
 * @rows:     name NULL at the end
 *
 * Return: an exit status.
 */
int suite_main(int argc, char **argv, const char *const *families,
	       const struct suite_row *rows);

#endif
