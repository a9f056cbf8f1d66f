/* SPDX-License-Identifier: MIT */
/*
 * escape.h - foreign bytes made fit for one line of text
 *
 * Names of Unix sockets and what users type may hold any byte. Printed as
 * they are, they could end the line or drive the terminal.
 */
#ifndef ADDR_ESCAPE_H
#define ADDR_ESCAPE_H

#include <stddef.h>

/**
 * escape_bytes() - copy, with bytes outside printable ASCII as \xNN
 * @buf:   receives the text, NUL-terminated, cut to fit between two bytes
 * @cap:   size of @buf, at least 1
 * @bytes: @n bytes
 * @n:     may be 0
 *
 * Return: @buf.
 */
char *escape_bytes(char *buf, size_t cap, const char *bytes, size_t n);

/**
 * escape_quoted() - the same for a string, between double quotes
 * @buf:  receives the text; when it is cut, the closing quote is kept
 * @cap:  size of @buf, at least 3
 * @text: NUL-terminated
 *
 * Return: @buf.
 */
char *escape_quoted(char *buf, size_t cap, const char *text);

#endif
