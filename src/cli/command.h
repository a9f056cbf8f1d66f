/* SPDX-License-Identifier: MIT */
/* command.h - the subcommands of the program, and what they share */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* Exit statuses; what a cli_NAME() returns. */
enum {
	CLI_WELL = 0,
	CLI_FAILED = 1, /* the path: refused, no reply, wrong bytes */
	CLI_SETUP = 2,  /* usage, or this machine: options, memory, output */
};

struct command {
	const char *name;
	const char *summary; /* one line of `meari --help` */
	/* argv[0] is "meari NAME", for messages; returns an exit status. */
	int (*run)(int argc, char **argv);
};

/* Ends with a row whose name is NULL. */
extern const struct command commands[];

/**
 * command_find() - the row of a name
 * @name: as typed
 *
 * Return: the row, or NULL.
 */
const struct command *command_find(const char *name);

/**
 * command_run() - run a row
 * @command: from the table
 * @argc:    number of words in @argv
 * @argv:    from the command's name on; argv[0] is replaced
 *
 * Return: an exit status.
 */
int command_run(const struct command *command, int argc, char **argv);

/**
 * cli_main() - the whole program, given standard descriptors that are open
 * @argc: as for main()
 * @argv: as for main()
 *
 * Return: an exit status; `--help` and wrong options exit from within.
 */
int cli_main(int argc, char **argv);

/* The commands' own, as struct command has them; each in the file NAME.c. */
int cli_serve(int argc, char **argv);
int cli_connect(int argc, char **argv);
int cli_engines(int argc, char **argv);

#endif
