/* SPDX-License-Identifier: MIT */
#include <meari/dial.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/option_set.h"
#include "net/race.h"

static int refuse_port(const struct meari_endpoint *endpoint,
		       struct meari_fail *fail)
{
	char text[MEARI_ENDPOINT_TEXT];

	return fail_setf(fail, -EINVAL, "connect",
			 meari_endpoint_format(endpoint, text, sizeof text),
			 "port 0 cannot be connected to");
}

/* A host that nobody has named says nothing: both of its addresses do. */
static void name_both(const struct meari_addr_list *addrs,
		      struct meari_fail *fail)
{
	char first[MEARI_ADDR_TEXT], second[MEARI_ADDR_TEXT];

	(void)snprintf(fail->what, sizeof fail->what, "%s, then %s",
		       meari_addr_format(&addrs->addrs[0], first, sizeof first),
		       meari_addr_format(&addrs->addrs[1], second,
					 sizeof second));
}

/* One address speaks for itself, and so does an option that cannot be set;
 * of several addresses the reader wants to know that all of them failed. */
static void explain(const struct meari_endpoint *endpoint,
		    const struct meari_addr_list *addrs, size_t n_tried,
		    const struct meari_fail *last, struct meari_fail *fail)
{
	char text[MEARI_ENDPOINT_TEXT];

	if (!fail)
		return;
	*fail = *last;
	if (n_tried < 2 || strcmp(last->step, "connect") != 0)
		return;
	if (endpoint->host[0] == '\0')
		name_both(addrs, fail);
	else
		(void)fail_setf(fail, last->error, last->step,
				meari_endpoint_format(endpoint, text,
						      sizeof text),
				"%s (%zu addresses tried, the last %s)",
				strerror(-last->error), n_tried, last->what);
}

/* What was asked for, or the defaults, with the deadline in one form. */
static struct meari_dial_options
read_options(const struct meari_dial_options *options)
{
	struct meari_dial_options how = { .family = AF_UNSPEC };

	if (options)
		how = *options;
	if (how.until_ns == 0)
		how.until_ns = MEARI_NEVER;
	return how;
}

int meari_dial(const struct meari_endpoint *endpoint,
	       const struct meari_dial_options *options,
	       struct meari_dialed *ret_dialed, struct meari_fail *fail)
{
	MEARI_AUTO(meari_addr_list_deinit) struct meari_addr_list addrs = {
		.addrs = NULL,
	};
	const struct meari_dial_options how = read_options(options);
	const struct meari_resolve_options resolving = {
		.family = how.family,
		.until_ns = how.until_ns,
	};
	const struct option_set set = {
		.values = how.sockopts,
		.n_values = how.n_sockopts,
		.addrs = &addrs,
		.socktype = meari_endpoint_socktype(endpoint),
	};
	const uint64_t start_ns = meari_now_ns();
	struct meari_dialed dialed = { .fd = -1 };
	struct meari_fail last;
	int r;

	if (!endpoint->is_unix && endpoint->port == 0)
		return refuse_port(endpoint, fail);
	r = meari_resolve(endpoint, &resolving, &addrs, fail);
	if (r < 0)
		return r;
	dialed.resolve_ns = meari_now_ns() - start_ns;
	dialed.n_addrs = addrs.n_addrs;
	r = race_run(&set, &how, &dialed, &last);
	if (r < 0) {
		explain(endpoint, &addrs, dialed.n_tried, &last, fail);
		return r;
	}
	*ret_dialed = dialed;
	return 0;
}
