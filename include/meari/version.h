/* SPDX-License-Identifier: MIT */
/*
 * version.h - the version of the library: compiled against, and linked
 *
 * The macros are of the headers, meari_version() is of the library that runs.
 */
#ifndef MEARI_VERSION_H
#define MEARI_VERSION_H

#include <meari/decls.h>

#define MEARI_VERSION_MAJOR 0
#define MEARI_VERSION_MINOR 1
#define MEARI_VERSION_PATCH 0

MEARI_BEGIN_DECLS

/**
 * meari_version() - the version of the library that is linked
 *
 * Return: "MAJOR.MINOR.PATCH" (semver.org); static storage.
 * Threads: any.
 */
const char *meari_version(void);

MEARI_END_DECLS

#endif
