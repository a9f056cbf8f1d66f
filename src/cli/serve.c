/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <meari/clock.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/endpoint_flags.h"
#include "cli/message.h"
#include "cli/message_args.h"
#include "cli/sockopt_args.h"
#include "server/server.h"

#define DEFAULT_PORT "7007"
#define DEFAULT_MAX_CONNECTIONS 4096
#define DEFAULT_DRAIN_NS (5 * MEARI_S)

/* Datagrams a second for each source network. */
#define DEFAULT_UDP_RATE 10000

/* Above sockopt_args.c's and below message_args.c's. */
enum {
	KEY_ENGINE = 2,
	KEY_SERVICE,
	KEY_MAX_CONNECTIONS,
	KEY_IDLE_TIMEOUT,
	KEY_BACKLOG,
	KEY_DRAIN,
	KEY_ONCE,
	KEY_UDP_RATE,
};

struct args {
	struct endpoint_flags flags;
	struct sockopt_args sockopts;
	struct message_args message;
	const char **words; /* heap; the words themselves are argv's */
	size_t n_words;
	struct server_config config;
};

static const struct argp_option options[] = {
	{ .name = "engine", .key = KEY_ENGINE, .arg = "NAME",
	  .doc = "how connections are driven, see meari-engines(7); auto "
		 "takes the first that can run" },
	{ .name = "service", .key = KEY_SERVICE, .arg = "NAME",
	  .doc = "echo, discard or message" },
	{ .name = "max-connections", .key = KEY_MAX_CONNECTIONS, .arg = "N",
	  .doc = "at once, 4096; more wait in the kernel's queue" },
	{ .name = "idle-timeout", .key = KEY_IDLE_TIMEOUT, .arg = "TIME",
	  .doc = "end connections that are silent for so long; 0, the "
		 "default, never does" },
	{ .name = "backlog", .key = KEY_BACKLOG, .arg = "N",
	  .doc = "length of the queue of connection requests; 0, the "
		 "default, is as long as the kernel allows" },
	{ .name = "drain", .key = KEY_DRAIN, .arg = "TIME",
	  .doc = "what a stop leaves open connections to finish, 5s" },
	{ .name = "once", .key = KEY_ONCE,
	  .doc = "serve one connection or one datagram, then end" },
	{ .name = "udp-rate", .key = KEY_UDP_RATE, .arg = "N",
	  .doc = "datagrams a second that are answered for each network of "
		 "sources elsewhere, 10000; 0 is any" },
	{ .name = "verbose", .key = 'v',
	  .doc = "log connections, reads and granted options" },
	{ .name = "quiet", .key = 'q', .doc = "log failures only" },
	{ 0 },
};

/* A number from @min to what an int holds. */
static error_t take_number(const char *option, const char *text, unsigned min,
			   unsigned *ret)
{
	uint64_t n;

	if (parse_u64(text, INT32_MAX, &n) < 0 || n < min)
		return cli_usage("%s '%s': not a number from %u to %d", option,
				 text, min, INT32_MAX);
	*ret = (unsigned)n;
	return 0;
}

static error_t take_engine(const char *name, const struct engine **ret)
{
	*ret = engine_find(name);
	if (*ret || strcmp(name, "auto") == 0)
		return 0;
	return cli_usage("--engine '%s': there is no such engine; 'meari "
			 "engines' lists them", name);
}

static error_t take_service(const char *name, const struct service **ret)
{
	*ret = service_find(name);
	if (*ret)
		return 0;
	return cli_usage("--service '%s': not echo, discard or message", name);
}

static error_t take_drain(const char *text, uint64_t *ret_ns)
{
	if (parse_duration(text, MEARI_S, ret_ns) < 0)
		return cli_usage("--drain '%s': not a time, such as 10s or "
				 "500ms", text);
	return 0;
}

static error_t take_option(struct args *args, int key, const char *arg)
{
	struct server_config *config = &args->config;
	unsigned n = 0;
	error_t r;

	switch (key) {
	case KEY_ENGINE:
		return take_engine(arg, &config->engine);
	case KEY_SERVICE:
		return take_service(arg, &config->service);
	case KEY_MAX_CONNECTIONS:
		return take_number("--max-connections", arg, 1,
				   &config->max_connections);
	case KEY_IDLE_TIMEOUT:
		return duration_parse_limit("--idle-timeout", arg,
					    &config->idle_ns);
	case KEY_BACKLOG:
		r = take_number("--backlog", arg, 0, &n);
		config->backlog = (int)n;
		return r;
	case KEY_DRAIN:
		return take_drain(arg, &config->drain_ns);
	case KEY_UDP_RATE:
		r = take_number("--udp-rate", arg, 0, &n);
		config->udp_rate = n;
		return r;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->flags;
		state->child_inputs[1] = &args->sockopts;
		state->child_inputs[2] = &args->message;
		return 0;
	case ARGP_KEY_ARG:
		args->words[args->n_words++] = arg;
		return 0;
	case KEY_ONCE:
		args->config.once = true;
		return 0;
	case 'v':
		args->config.level = LOG_VERBOSE;
		return 0;
	case 'q':
		args->config.level = LOG_QUIET;
		return 0;
	default:
		return take_option(args, key, arg);
	}
}

static const struct argp_child children[] = {
	{ .argp = &endpoint_flags_argp },
	{ .argp = &sockopt_argp },
	{ .argp = &message_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[ENDPOINT...]",
	.doc = "Send back what comes in, over TCP, UDP and Unix sockets."
	       "\vENDPOINT is host:port, [address]:port, :port, port or "
	       "unix:/path, after tcp:// or udp:// if need be; port 0 lets "
	       "the kernel choose. Without any, 127.0.0.1 and ::1 are "
	       "served on port " DEFAULT_PORT ", TCP and UDP.",
	.children = children,
};

/* People used to clients type host and port as two words. */
static error_t refuse_word(const struct args *args, size_t at,
			   const struct meari_fail *fail)
{
	char text[MEARI_FAIL_TEXT], joined[MEARI_ENDPOINT_TEXT];
	struct meari_endpoint endpoint;

	(void)meari_fail_format(fail, text, sizeof text);
	/* Only what would have been right as one word is suggested. */
	if (at + 1 < args->n_words &&
	    meari_endpoint_parse_pair(args->words[at], args->words[at + 1],
				      &endpoint, NULL) == 0)
		return cli_usage("%s (host and port are one word here: '%s')",
				 text, meari_endpoint_format(&endpoint, joined,
							     sizeof joined));
	return cli_usage("%s", text);
}

static error_t read_words(const struct args *args,
			  struct meari_endpoint *endpoints)
{
	for (size_t i = 0; i < args->n_words; i++) {
		struct meari_fail fail;

		if (endpoint_flags_parse(&args->flags, args->words[i],
					 &endpoints[i], &fail) < 0)
			return refuse_word(args, i, &fail);
		if (endpoints[i].scheme == MEARI_SCHEME_HTTP)
			return cli_usage("'%s': http:// is not served yet",
					 args->words[i]);
	}
	return 0;
}

/* Both loopback addresses and both protocols, less what the flags exclude. */
static void choose_defaults(struct args *args)
{
	static const struct {
		int family;
		bool udp;
		const char *text;
	} defaults[] = {
		{ AF_INET, false, "tcp://127.0.0.1:" DEFAULT_PORT },
		{ AF_INET6, false, "tcp://[::1]:" DEFAULT_PORT },
		{ AF_INET, true, "udp://127.0.0.1:" DEFAULT_PORT },
		{ AF_INET6, true, "udp://[::1]:" DEFAULT_PORT },
	};
	const struct endpoint_flags *flags = &args->flags;

	args->config.lenient = true;
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
		bool family_fits = flags->family == AF_UNSPEC ||
				   flags->family == defaults[i].family;
		/* A service that UDP does not have is no reason to fail. */
		bool protocol_fits = defaults[i].udp ?
				args->config.service->datagrams || flags->udp :
				!flags->udp;

		if (family_fits && protocol_fits)
			args->words[args->n_words++] = defaults[i].text;
	}
}

static error_t check_message(const struct args *args)
{
	bool given = args->message.text || args->message.path;

	if (args->config.service->greets && !given)
		return cli_usage("the service %s needs --message or "
				 "--message-file",
				 args->config.service->name);
	if (given && !args->config.service->greets)
		return cli_usage("--message and --message-file belong to "
				 "--service message");
	return 0;
}

static error_t parse_args(int argc, char **argv, struct args *args)
{
	error_t r = argp_parse(&argp, argc, argv, 0, NULL, args);

	if (r == 0)
		r = check_message(args);
	if (r == 0 && args->n_words == 0 && args->flags.is_unix)
		r = cli_usage("-U needs the path of the socket");
	if (r == 0)
		r = message_args_load(&args->message);
	if (r == 0 && args->n_words == 0)
		choose_defaults(args);
	return r;
}

static int serve(struct args *args, struct meari_endpoint *endpoints)
{
	struct server_config *config = &args->config;

	if (read_words(args, endpoints) != 0)
		return CLI_SETUP;
	config->endpoints = endpoints;
	config->n_endpoints = args->n_words;
	config->family = args->flags.family;
	config->sockopts = args->sockopts.values;
	config->n_sockopts = args->sockopts.n_values;
	config->message = message_args_span(&args->message);
	switch (server_run(config)) {
	case SERVER_WELL:
		return CLI_WELL;
	case SERVER_FAILED:
		return CLI_FAILED;
	case SERVER_NOT_UP:
		break;
	}
	return CLI_SETUP;
}

int cli_serve(int argc, char **argv)
{
	MEARI_AUTO(freep) struct meari_endpoint *endpoints = NULL;
	/* The defaults are at most four words. */
	size_t max_words = (size_t)argc + 4;
	struct args args = {
		.config = {
			.service = service_find("echo"),
			.max_connections = DEFAULT_MAX_CONNECTIONS,
			.idle_ns = MEARI_NEVER,
			.drain_ns = DEFAULT_DRAIN_NS,
			.udp_rate = DEFAULT_UDP_RATE,
			.level = LOG_NORMAL,
		},
	};
	int status = CLI_SETUP;

	args.words = calloc(max_words, sizeof *args.words);
	endpoints = calloc(max_words, sizeof *endpoints);
	if (!args.words || !endpoints)
		cli_error("%s", strerror(ENOMEM));
	else if (parse_args(argc, argv, &args) == 0)
		status = serve(&args, endpoints);
	message_args_deinit(&args.message);
	free(args.words);
	return status;
}
