/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <meari/dial.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/duration.h"
#include "cli/endings.h"
#include "cli/endpoint_args.h"
#include "cli/message.h"
#include "cli/sockopt_args.h"
#include "client/cause.h"
#include "client/exchange.h"

/* A lost datagram is not sent again, so there is less to wait for. */
#define TCP_TIMEOUT_NS (10 * MEARI_S)
#define UDP_TIMEOUT_NS (2 * MEARI_S)

/* Below the letters; sockopt_args.c has 1. */
enum { KEY_RAW = 2, KEY_TIMEOUT };

struct args {
	struct endpoint_args endpoint;
	struct sockopt_args sockopts;
	bool raw, verbose, timeout_given;
	uint64_t timeout_ns;
};

static const struct argp_option options[] = {
	{ .name = "raw", .key = KEY_RAW,
	  .doc = "do not compare what comes back; the peer may end first" },
	{ .name = "timeout", .key = KEY_TIMEOUT, .arg = "TIME",
	  .doc = "for connecting, and for an answer that is due: 10s, over "
		 "UDP 2s; 0 waits for ever" },
	{ .name = "verbose", .key = 'v',
	  .doc = "say what is connected, tried and granted, and how long it "
		 "took" },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->endpoint;
		state->child_inputs[1] = &args->sockopts;
		return 0;
	case KEY_RAW:
		args->raw = true;
		return 0;
	case KEY_TIMEOUT:
		args->timeout_given = true;
		return duration_parse_limit("--timeout", arg,
					    &args->timeout_ns);
	case 'v':
		args->verbose = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {
	{ .argp = &endpoint_argp },
	{ .argp = &sockopt_argp },
	{ 0 },
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ENDPOINT_ARGS_DOC,
	.doc = "Send standard input to an echo service, write what comes back "
	       "to standard output, and compare the two."
	       "\vENDPOINT is host:port, [address]:port, :port, port or "
	       "unix:/path, after tcp:// or udp:// if need be.",
	.children = children,
};

static bool is_datagram(const struct args *args)
{
	return meari_endpoint_socktype(&args->endpoint.endpoint) == SOCK_DGRAM;
}

static error_t parse_args(int argc, char **argv, struct args *args)
{
	error_t r = argp_parse(&argp, argc, argv, 0, NULL, args);

	if (r != 0)
		return r;
	if (args->endpoint.endpoint.scheme == MEARI_SCHEME_HTTP)
		return cli_usage("http:// is not supported by connect");
	if (!args->timeout_given)
		args->timeout_ns = is_datagram(args) ? UDP_TIMEOUT_NS :
						       TCP_TIMEOUT_NS;
	return 0;
}

static void note_attempt(void *ctx, const struct meari_addr *addr, int error,
			 uint64_t took_ns)
{
	char text[MEARI_ADDR_TEXT], took[DURATION_TEXT];
	const char *what = strerror(-error);

	(void)ctx;
	if (error == -ECANCELED)
		what = "given up, another address was faster";
	cli_note("tried %s: %s, after %s",
		 meari_addr_format(addr, text, sizeof text), what,
		 duration_format(took_ns, took));
}

static void note_dialed(const struct meari_dialed *dialed)
{
	char peer[MEARI_ADDR_TEXT], local[MEARI_ADDR_TEXT] = "?";
	char resolve[DURATION_TEXT], connect[DURATION_TEXT];
	struct meari_addr addr;

	if (meari_addr_local(dialed->fd, &addr) == 0)
		meari_addr_format(&addr, local, sizeof local);
	cli_note("connected to %s from %s: resolved in %s, connected in %s, "
		 "%zu of %zu addresses tried",
		 meari_addr_format(&dialed->peer, peer, sizeof peer), local,
		 duration_format(dialed->resolve_ns, resolve),
		 duration_format(dialed->connect_ns, connect), dialed->n_tried,
		 dialed->n_addrs);
}

static void note_end(const struct exchange_report *report, uint64_t start_ns)
{
	char took[DURATION_TEXT];

	cli_note("sent %" PRIu64 " bytes, received %" PRIu64 " bytes in %s",
		 report->sent, report->received,
		 duration_format(meari_now_ns() - start_ns, took));
}

/* The cause stands behind the error's name and before what else is known:
 * "Connection refused: nobody listens there (2 addresses tried, …)". A reason
 * that does not begin with the name is in words of its own already. */
static void tell_with_cause(const struct meari_fail *fail)
{
	const char *name = strerror(-fail->error);
	const char *cause = cause_text(fail->error);
	const size_t len = strlen(name);
	char text[MEARI_FAIL_TEXT];

	if (cause && strncmp(fail->why, name, len) == 0)
		cli_error("%s %s: %s: %s%s", fail->step, fail->what, name,
			  cause, fail->why + len);
	else
		cli_error("%s", meari_fail_format(fail, text, sizeof text));
}

static int dial_failed(int error, const struct meari_fail *fail)
{
	tell_with_cause(fail);
	return cause_is_setup(error) ? CLI_SETUP : CLI_FAILED;
}

static int dial(const struct args *args, struct meari_dialed *ret_dialed)
{
	const struct meari_dial_options how = {
		.family = args->endpoint.flags.family,
		.until_ns = meari_after_ns(args->timeout_ns),
		.sockopts = args->sockopts.values,
		.n_sockopts = args->sockopts.n_values,
		.failed = args->verbose ? note_attempt : NULL,
	};
	struct meari_fail fail;
	int r = meari_dial(&args->endpoint.endpoint, &how, ret_dialed, &fail);

	if (r < 0)
		return dial_failed(r, &fail);
	if (args->verbose) {
		note_dialed(ret_dialed);
		sockopt_args_report(&args->sockopts, ret_dialed->fd);
	}
	return CLI_WELL;
}

static int converse(const struct args *args, const struct meari_dialed *dialed)
{
	const struct exchange exchange = {
		.infd = STDIN_FILENO,
		.outfd = STDOUT_FILENO,
		.sockfd = dialed->fd,
		.raw = args->raw,
		.timeout_ns = args->timeout_ns,
	};
	const uint64_t start_ns = meari_now_ns();
	struct exchange_report report;
	char peer[MEARI_ADDR_TEXT];
	int r;

	if (is_datagram(args))
		r = exchange_datagrams(&exchange, &report);
	else
		r = exchange_stream(&exchange, &report);
	if (r < 0) {
		cli_error("cannot go on: %s", strerror(-r));
		return CLI_SETUP;
	}
	if (args->verbose)
		note_end(&report, start_ns);
	meari_addr_format(&dialed->peer, peer, sizeof peer);
	return ending_report(&report, &exchange, peer);
}

int cli_connect(int argc, char **argv)
{
	struct args args = { .raw = false };
	struct meari_dialed dialed;
	MEARI_AUTO(fd_closep) int fd = -1;
	int r;

	if (parse_args(argc, argv, &args) != 0)
		return CLI_SETUP;
	r = dial(&args, &dialed);
	if (r != CLI_WELL)
		return r;
	fd = dialed.fd;
	return converse(&args, &dialed);
}
