/* SPDX-License-Identifier: MIT */
/* version.h - the version of the library that is linked */
#ifndef MEARI_VERSION_H
#define MEARI_VERSION_H

#include <meari/decls.h>

MEARI_BEGIN_DECLS

/**
 * meari_version() - the library's version
 *
 * Return: "MAJOR.MINOR.PATCH" (semver.org); static storage.
 * Threads: any.
 */
const char *meari_version(void);

MEARI_END_DECLS

#endif
