/* SPDX-License-Identifier: MIT */
/*
 * span.h - a run of bytes in somebody else's storage
 *
 * A plain value: copied by assignment, freed by nobody. Whoever hands one out
 * says how long its bytes stay valid.
 */
#ifndef MEARI_SPAN_H
#define MEARI_SPAN_H

#include <stddef.h>

struct meari_span {
	const unsigned char *data;
	size_t len;
};

#endif
