/* SPDX-License-Identifier: MIT */
#include "cli/sockopt_args.h"

#include <string.h>

#include "cli/message.h"

/* Below the letters, which commands use for their own options. */
#define KEY_SOCKOPT 1

static const struct argp_option options[] = {
	{ .name = "sockopt", .key = KEY_SOCKOPT, .arg = "NAME=VALUE",
	  .doc = "set a socket option, see meari-serve(1); may be "
		 "repeated" },
	{ 0 },
};

static error_t take(struct sockopt_args *args, const char *text)
{
	char reason[MEARI_FAIL_TEXT];
	struct meari_fail fail;

	if (args->n_values == SOCKOPT_ARGS_MAX)
		return cli_usage("more than %d times --sockopt",
				 SOCKOPT_ARGS_MAX);
	if (meari_sockopt_parse(text, &args->values[args->n_values], &fail) < 0)
		return cli_usage("%s", meari_fail_format(&fail, reason,
							 sizeof reason));
	args->n_values++;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	return key == KEY_SOCKOPT ? take(state->input, arg) : ARGP_ERR_UNKNOWN;
}

const struct argp sockopt_argp = { .options = options, .parser = parse };

static void report(const struct meari_sockopt_value *asked, int fd)
{
	char want[MEARI_SOCKOPT_VALUE_TEXT], have[MEARI_SOCKOPT_VALUE_TEXT];
	struct meari_sockopt_value granted;
	int r = meari_sockopt_get(fd, asked->opt, &granted);

	meari_sockopt_format(asked, want, sizeof want);
	if (r < 0)
		cli_note("%s: asked %s, cannot be read back: %s",
			 asked->opt->name, want, strerror(-r));
	else
		cli_note("%s: asked %s, granted %s", asked->opt->name, want,
			 meari_sockopt_format(&granted, have, sizeof have));
}

void sockopt_args_report(const struct sockopt_args *args, int fd)
{
	for (size_t i = 0; i < args->n_values; i++)
		report(&args->values[i], fd);
}
