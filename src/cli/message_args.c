/* SPDX-License-Identifier: MIT */
#include "cli/message_args.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "cli/message.h"

/* It is kept in memory and sent to every client. */
#define FILE_MAX (16 * 1024 * 1024)

enum { KEY_TEXT = 0x100, KEY_FILE };

static const struct argp_option options[] = {
	{ .name = "message", .key = KEY_TEXT, .arg = "TEXT",
	  .doc = "what the service message sends, as it is" },
	{ .name = "message-file", .key = KEY_FILE, .arg = "FILE",
	  .doc = "the same, from a file of at most 16 MiB" },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct message_args *args = state->input;

	switch (key) {
	case KEY_TEXT:
		args->text = arg;
		break;
	case KEY_FILE:
		args->path = arg;
		break;
	case ARGP_KEY_END:
		if (args->text && args->path)
			return cli_usage("--message and --message-file "
					 "exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const struct argp message_argp = { .options = options, .parser = parse };

static int refuse(const char *path, const char *why)
{
	return cli_usage("--message-file %s: %s", path, why);
}

int message_args_load(struct message_args *args)
{
	MEARI_AUTO(fd_closep) int fd = -1;
	int r;

	if (!args->path)
		return 0;
	fd = open(args->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refuse(args->path, strerror(errno));
	/* One byte more than is allowed tells a file that is longer. */
	args->file = malloc(FILE_MAX + 1);
	if (!args->file)
		return refuse(args->path, strerror(ENOMEM));
	r = meari_read_full(fd, args->file, FILE_MAX + 1, MEARI_NEVER,
			    &args->file_len);
	if (r < 0)
		return refuse(args->path, strerror(-r));
	if (args->file_len > FILE_MAX)
		return refuse(args->path, "longer than 16 MiB");
	return 0;
}

struct meari_span message_args_span(const struct message_args *args)
{
	struct meari_span span = { .data = args->file, .len = args->file_len };

	if (args->text) {
		span.data = (const unsigned char *)args->text;
		span.len = strlen(args->text);
	}
	return span;
}

void message_args_deinit(struct message_args *args)
{
	free(args->file);
	args->file = NULL;
	args->file_len = 0;
}
