/* SPDX-License-Identifier: MIT */
/*
 * endpoint_flags.h - the options -4 -6 -u -U, and what they make of an endpoint
 *
 * A command has endpoint_flags_argp among its argp's children and gives it a
 * struct endpoint_flags as input.
 */
#ifndef CLI_ENDPOINT_FLAGS_H
#define CLI_ENDPOINT_FLAGS_H

#include <argp.h>
#include <stdbool.h>

#include <meari/endpoint.h>

struct endpoint_flags {
	int family; /* AF_UNSPEC, AF_INET, AF_INET6 */
	bool udp;
	bool is_unix;
};

extern const struct argp endpoint_flags_argp;

/**
 * endpoint_flags_parse() - read an endpoint as the flags would have it
 * @flags:        with -U, @text is a path; with -u, it is served over UDP
 * @text:         as typed
 * @ret_endpoint: written on success
 * @fail:         says what is wrong with @text
 *
 * Return: 0 or a negative errno of meari_endpoint_parse().
 */
int endpoint_flags_parse(const struct endpoint_flags *flags, const char *text,
			 struct meari_endpoint *ret_endpoint,
			 struct meari_fail *fail);

/**
 * endpoint_flags_apply() - what words and flags say must not contradict
 * @flags:    as given
 * @endpoint: becomes UDP with -u
 * @fail:     says what contradicts what
 *
 * Return: 0 or -EINVAL.
 */
int endpoint_flags_apply(const struct endpoint_flags *flags,
			 struct meari_endpoint *endpoint,
			 struct meari_fail *fail);

#endif
