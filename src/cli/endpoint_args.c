/* SPDX-License-Identifier: MIT */
#include "cli/endpoint_args.h"

#include "cli/message.h"

static error_t take_word(struct endpoint_args *args, const char *word)
{
	if (args->n_words == 2)
		return cli_usage("'%s' is one word too many: ENDPOINT or "
				 "HOST PORT was expected", word);
	args->words[args->n_words++] = word;
	return 0;
}

static int read_pair(struct endpoint_args *args, struct meari_fail *fail)
{
	int r = meari_endpoint_parse_pair(args->words[0], args->words[1],
					  &args->endpoint, fail);

	if (r < 0)
		return r;
	return endpoint_flags_apply(&args->flags, &args->endpoint, fail);
}

static error_t finish(struct endpoint_args *args)
{
	char text[MEARI_FAIL_TEXT];
	struct meari_fail fail;
	int r;

	if (args->n_words == 0)
		return cli_usage("where to? ENDPOINT or HOST PORT is missing");
	if (args->n_words == 2 && args->flags.is_unix)
		return cli_usage("-U takes one path, and no port");
	if (args->n_words == 2)
		r = read_pair(args, &fail);
	else
		r = endpoint_flags_parse(&args->flags, args->words[0],
					 &args->endpoint, &fail);
	if (r < 0)
		return cli_usage("%s", meari_fail_format(&fail, text,
							 sizeof text));
	if (!args->endpoint.is_unix && args->endpoint.port == 0)
		return cli_usage("port 0 cannot be connected to");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct endpoint_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->flags;
		return 0;
	case ARGP_KEY_ARG:
		return take_word(args, arg);
	case ARGP_KEY_END:
		return finish(args);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &endpoint_flags_argp },
	{ 0 },
};

const struct argp endpoint_argp = { .parser = parse, .children = children };
