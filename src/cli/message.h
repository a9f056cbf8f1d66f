/* SPDX-License-Identifier: MIT */
/* message.h - what the program says on standard error: lines of "meari: …" */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <errno.h>

/**
 * cli_error() - say in one line what went wrong
 * @format: as for printf(3), without a newline
 *
 * The line leaves in one write, so that two processes' lines do not mix. A
 * control character in an argument is shown as '?': one event stays one line,
 * and nobody's words move the cursor.
 */
__attribute__((format(printf, 1, 2))) void cli_error(const char *format, ...);

/**
 * cli_note() - as cli_error(), for what --verbose asks for
 * @format: as for printf(3), without a newline
 */
#define cli_note(...) cli_error(__VA_ARGS__)

/**
 * cli_usage() - refuse a command line, from within an argp parser
 * @...: as for cli_error()
 *
 * Value: EINVAL, which makes argp_parse() return it without further words.
 */
#define cli_usage(...) (cli_error(__VA_ARGS__), EINVAL)

#endif
