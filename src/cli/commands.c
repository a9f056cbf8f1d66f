/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{ "serve", "send everything back: the echo service", cli_serve },
	{ "connect", "lines in, echoes out, every byte compared", cli_connect },
	{ "engines", "what this build and kernel can run", cli_engines },
	{ NULL, NULL, NULL },
};

const struct command *command_find(const char *name)
{
	const struct command *command;

	for (command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

int command_run(const struct command *command, int argc, char **argv)
{
	static char name[32]; /* outlives the call, as argv does */

	/* argp and getopt begin their messages with argv[0]. */
	(void)snprintf(name, sizeof name, "meari %s", command->name);
	argv[0] = name;
	return command->run(argc, argv);
}
