/* SPDX-License-Identifier: MIT */
/*
 * endpoint_args.h - the words and options that say where a client connects
 *
 * A command has endpoint_argp among its argp's children, gives it a struct
 * endpoint_args as input, and finds the endpoint in it after argp_parse().
 */
#ifndef CLI_ENDPOINT_ARGS_H
#define CLI_ENDPOINT_ARGS_H

#include <argp.h>

#include <meari/endpoint.h>

#include "cli/endpoint_flags.h"

struct endpoint_args {
	struct meari_endpoint endpoint;
	struct endpoint_flags flags;
	const char *words[2];
	unsigned n_words;
};

/* For args_doc of a command. */
#define ENDPOINT_ARGS_DOC "ENDPOINT\nHOST PORT"

/* -4 -6 -u -U, and all words that are no options. */
extern const struct argp endpoint_argp;

#endif
