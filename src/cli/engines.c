/* SPDX-License-Identifier: MIT */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/message.h"
#include "engine/engine.h"

static const struct argp argp = {
	.doc = "List the engines of this build, in the order in which "
	       "--engine auto prefers them: the name, whether it runs on this "
	       "kernel, what it serves, and what it is or why it cannot run."
	       "\vmeari-engines(7) describes each.",
};

static void print_serves(const struct engine *engine)
{
	static const struct {
		uint32_t cap;
		const char *name;
	} caps[] = {
		{ ENGINE_TCP, "tcp" },
		{ ENGINE_UDP, "udp" },
		{ ENGINE_UNIX, "unix" },
	};
	char text[32];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
		if (engine->caps & caps[i].cap)
			len += (size_t)snprintf(text + len, sizeof text - len,
						"%s%s", len ? "," : "",
						caps[i].name);
	(void)printf("%-13s ", text);
}

int cli_engines(int argc, char **argv)
{
	const struct engine *engine;

	if (argp_parse(&argp, argc, argv, 0, NULL, NULL) != 0)
		return CLI_SETUP;
	for (size_t i = 0; (engine = engine_at(i)); i++) {
		char why[ENGINE_WHY];
		bool runs = engine->probe(why) == 0;

		(void)printf("%-10s %-4s", engine->name, runs ? "yes" : "no");
		print_serves(engine);
		(void)printf("%s\n", runs ? engine->summary : why);
	}
	return CLI_WELL;
}
