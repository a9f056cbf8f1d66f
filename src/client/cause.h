/* SPDX-License-Identifier: MIT */
/* cause.h - what a network error means to the one who is connected */
#ifndef CLIENT_CAUSE_H
#define CLIENT_CAUSE_H

#include <stdbool.h>

/**
 * cause_text() - an error of a connection in words
 * @error: negative errno of connect(2), send(2) or recv(2)
 *
 * strerror(3) names the error; this says what must have happened for it.
 *
 * Return: static storage; NULL when there is nothing to add to strerror(3).
 */
const char *cause_text(int error);

/**
 * cause_is_setup() - is the reason on this side, not on the path?
 * @error: negative errno of meari_dial()
 *
 * Return: true where another attempt of another user on this machine, or
 *         other options, could succeed with the path as it is.
 */
bool cause_is_setup(int error);

#endif
