/* SPDX-License-Identifier: MIT */
#include "cli/endpoint_flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "cli/message.h"

static const struct argp_option options[] = {
	{ .key = '4', .doc = "IPv4 only" },
	{ .key = '6', .doc = "IPv6 only" },
	{ .name = "udp", .key = 'u', .doc = "as udp://: datagrams" },
	{ .name = "unix", .key = 'U',
	  .doc = "as unix:, ENDPOINT is a path" },
	{ 0 },
};

static error_t take_family(struct endpoint_flags *flags, int family)
{
	if (flags->family != AF_UNSPEC && flags->family != family)
		return cli_usage("-4 and -6 exclude each other");
	flags->family = family;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct endpoint_flags *flags = state->input;

	(void)arg;
	switch (key) {
	case '4':
		return take_family(flags, AF_INET);
	case '6':
		return take_family(flags, AF_INET6);
	case 'u':
		flags->udp = true;
		return 0;
	case 'U':
		flags->is_unix = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp endpoint_flags_argp = {
	.options = options,
	.parser = parse,
};

int endpoint_flags_parse(const struct endpoint_flags *flags, const char *text,
			 struct meari_endpoint *ret_endpoint,
			 struct meari_fail *fail)
{
	/* Longer than any path that fits, so that cutting it changes nothing
	 * but the length that is refused. */
	char path[sizeof ret_endpoint->path + sizeof "unix:"];
	int r;

	if (flags->is_unix && strncmp(text, "unix:", 5) != 0) {
		(void)snprintf(path, sizeof path, "unix:%s", text);
		text = path;
	}
	r = meari_endpoint_parse(text, ret_endpoint, fail);
	return r < 0 ? r : endpoint_flags_apply(flags, ret_endpoint, fail);
}

static const char *contradiction(const struct endpoint_flags *flags,
				 const struct meari_endpoint *endpoint)
{
	if (endpoint->is_unix && flags->udp)
		return "UDP (-u) and a Unix socket exclude each other";
	if (endpoint->is_unix && flags->family != AF_UNSPEC)
		return "a Unix socket is neither IPv4 nor IPv6 (-4, -6)";
	if (flags->udp && endpoint->scheme != MEARI_SCHEME_NONE &&
	    endpoint->scheme != MEARI_SCHEME_UDP)
		return "its scheme and UDP (-u) exclude each other";
	return NULL;
}

int endpoint_flags_apply(const struct endpoint_flags *flags,
			 struct meari_endpoint *endpoint,
			 struct meari_fail *fail)
{
	const char *why = contradiction(flags, endpoint);
	char text[MEARI_ENDPOINT_TEXT];

	if (why)
		return fail_setf(fail, -EINVAL, "endpoint",
				 meari_endpoint_format(endpoint, text,
						       sizeof text),
				 "%s", why);
	if (flags->udp)
		endpoint->scheme = MEARI_SCHEME_UDP;
	return 0;
}
