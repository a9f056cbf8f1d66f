/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/message.h"
#include "cli/version.h"

/* What was asked for: the version, or the command at argv[at]. */
struct choice {
	bool version;
	int at;
};

#define HELP_AS_ERROR \
	((ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK) | ARGP_HELP_EXIT_ERR)

static const struct argp_option options[] = {
	{ .name = "version", .key = 'V',
	  .doc = "print the version and what was built in" },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;

	(void)arg;
	if (key == 'V') {
		choice->version = true;
	} else if (key == ARGP_KEY_ARG) {
		/* The rest is the command's own. */
		choice->at = state->next - 1;
		state->next = state->argc;
	} else if (key == ARGP_KEY_NO_ARGS && !choice->version) {
		argp_state_help(state, state->err_stream, HELP_AS_ERROR);
	} else {
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Writes the table of commands where argp asks for the closing text. */
static char *help_filter(int key, const char *text, void *input)
{
	char *table = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text; /* argp's own type lacks the const */
	out = open_memstream(&table, &size);
	if (!out)
		return NULL;
	(void)fputs("Commands:\n", out);
	for (const struct command *c = commands; c->name; c++)
		(void)fprintf(out, "  %-10s %s\n", c->name, c->summary);
	(void)fputs("\n'meari help COMMAND' tells more, and so does meari(1).",
		    out);
	(void)fclose(out);
	return table;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "COMMAND [WORD...]",
	.doc = "An echo service, its client, and what it takes to watch both."
	       "\v ", /* what follows is written by help_filter() */
	.help_filter = help_filter,
};

static int run_named(int argc, char **argv)
{
	const struct command *command = command_find(argv[0]);

	if (command)
		return command_run(command, argc, argv);
	cli_error("unknown command '%s'; 'meari help' lists them", argv[0]);
	return CLI_SETUP;
}

static char program_name[] = "meari";

/* "help COMMAND" is "COMMAND --help", and "help" is "--help". */
static int help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { program_name, option, NULL };

	if (argc < 2)
		return argp_parse(&argp, 2, words, 0, NULL, NULL);
	words[0] = argv[1];
	return run_named(2, words);
}

int cli_main(int argc, char **argv)
{
	struct choice choice = { .version = false };

	argp_err_exit_status = CLI_SETUP;
	if (argc > 0)
		argv[0] = program_name;
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice) != 0)
		return CLI_SETUP;
	if (choice.version)
		return version_print(stdout);
	argc -= choice.at;
	argv += choice.at;
	if (strcmp(argv[0], "help") == 0)
		return help(argc, argv);
	return run_named(argc, argv);
}
