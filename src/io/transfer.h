/* SPDX-License-Identifier: MIT */
/* transfer.h - what every loop of reads or writes does between two of them */
#ifndef IO_TRANSFER_H
#define IO_TRANSFER_H

#include <stdint.h>

/**
 * transfer_again() - wait, if need be, until another attempt makes sense
 * @fd:       what is read or written
 * @events:   POLLIN or POLLOUT
 * @outcome:  of the last attempt, which left something to do
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 *
 * The deadline is looked at after every attempt, successful ones included: a
 * peer that sends a byte at a time, each before the last one is taken, must
 * not hold a transfer beyond it.
 *
 * Return: 0 to try again; -ETIMEDOUT; a negative errno of ppoll(2); or
 *         @outcome, when that is an ending.
 */
int transfer_again(int fd, short events, int outcome, uint64_t until_ns);

#endif
