/* SPDX-License-Identifier: MIT */
/*
 * sockopt_args.h - the option --sockopt NAME=VALUE, which may be repeated
 *
 * A command has sockopt_argp among its argp's children and gives it a struct
 * sockopt_args as input.
 */
#ifndef CLI_SOCKOPT_ARGS_H
#define CLI_SOCKOPT_ARGS_H

#include <argp.h>
#include <stddef.h>

#include <meari/sockopt.h>

#define SOCKOPT_ARGS_MAX 64

struct sockopt_args {
	struct meari_sockopt_value values[SOCKOPT_ARGS_MAX];
	size_t n_values;
};

extern const struct argp sockopt_argp;

/**
 * sockopt_args_report() - say what the kernel granted, one line an option
 * @args: as given
 * @fd:   the socket they were set on
 */
void sockopt_args_report(const struct sockopt_args *args, int fd);

#endif
