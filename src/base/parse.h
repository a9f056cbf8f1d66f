/* SPDX-License-Identifier: MIT */
/*
 * parse.h - text to numbers, checked
 *
 * All of the text must be the number: no sign, no space, no trailing bytes.
 * Results are written on success only.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

/**
 * parse_u64() - decimal digits
 * @text: NUL-terminated
 * @max:  largest value allowed
 * @ret:  the number
 *
 * Return: 0; -EINVAL when it is no number; -ERANGE when past @max.
 */
int parse_u64(const char *text, uint64_t max, uint64_t *ret);

/**
 * parse_bytes() - a size: a number, then none or one of k M G Ki Mi Gi
 * @text: NUL-terminated
 * @max:  largest value allowed
 * @ret:  bytes
 *
 * Return: 0; -EINVAL; -ERANGE.
 */
int parse_bytes(const char *text, uint64_t max, uint64_t *ret);

/**
 * parse_duration() - a time: a number, then one of ns us ms s m h
 * @text:    NUL-terminated; a fraction is allowed, "1.5s"
 * @bare_ns: unit of a number without suffix, in ns
 * @ret_ns:  nanoseconds
 *
 * Return: 0; -EINVAL; -ERANGE when it does not fit.
 */
int parse_duration(const char *text, uint64_t bare_ns, uint64_t *ret_ns);

#endif
