/* SPDX-License-Identifier: MIT */
/* message_args.h - --message and --message-file: what that service sends */
#ifndef CLI_MESSAGE_ARGS_H
#define CLI_MESSAGE_ARGS_H

#include <argp.h>

#include <meari/span.h>

struct message_args {
	const char *text; /* --message; the command line's */
	const char *path; /* --message-file */
	unsigned char *file; /* heap: what the file held */
	size_t file_len;
};

extern const struct argp message_argp;

/**
 * message_args_load() - read the file, if one was named
 * @args: as given; for message_args_deinit(), even on failure
 *
 * Return: 0, or EINVAL after a message.
 */
int message_args_load(struct message_args *args);

/* The bytes to send, of the file or the text; may be empty. */
struct meari_span message_args_span(const struct message_args *args);

/* Free the file's bytes. */
void message_args_deinit(struct message_args *args);

#endif
