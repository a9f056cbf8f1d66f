/* SPDX-License-Identifier: MIT */
/* version.h - what `meari --version` prints */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

#include <stdio.h>

/**
 * version_print() - version, compiler, libc, kernel, features on and off
 * @out: gets one line for each
 *
 * Return: an exit status.
 */
int version_print(FILE *out);

#endif
