/* SPDX-License-Identifier: MIT */
/*
 * clock.h - absolute deadlines
 *
 * Every call of this library that can block takes an absolute point in time
 * on CLOCK_MONOTONIC, in nanoseconds: a retry cannot stretch it, and one
 * deadline can be handed to many calls.
 */
#ifndef MEARI_CLOCK_H
#define MEARI_CLOCK_H

#include <stdint.h>

#include <meari/decls.h>

/* A deadline that does not come; as a duration, one without end. */
#define MEARI_NEVER UINT64_MAX

#define MEARI_US 1000ull
#define MEARI_MS (1000ull * MEARI_US)
#define MEARI_S  (1000ull * MEARI_MS)

MEARI_BEGIN_DECLS

/**
 * meari_now_ns() - the time on CLOCK_MONOTONIC
 *
 * Return: nanoseconds since an unspecified start; never MEARI_NEVER.
 * Threads: any; async-signal-safe.
 */
uint64_t meari_now_ns(void);

/**
 * meari_after_ns() - the deadline that is @timeout_ns from now
 * @timeout_ns: a duration in ns; MEARI_NEVER stays MEARI_NEVER
 *
 * Return: an absolute time for the until_ns parameters of this library;
 *         MEARI_NEVER where the sum would not fit.
 * Threads: any; async-signal-safe.
 */
uint64_t meari_after_ns(uint64_t timeout_ns);

MEARI_END_DECLS

#endif
