/* SPDX-License-Identifier: MIT */
#include "cli/duration.h"

#include <errno.h>
#include <stdio.h>

#include <meari/clock.h>

#include "base/parse.h"
#include "cli/message.h"

struct unit {
	uint64_t ns;
	const char *name;
};

static const struct unit units[] = {
	{ MEARI_S, "s" },
	{ MEARI_MS, "ms" },
	{ MEARI_US, "us" },
	{ 1, "ns" },
};

int duration_parse_limit(const char *option, const char *text, uint64_t *ret_ns)
{
	uint64_t ns;

	if (parse_duration(text, MEARI_S, &ns) < 0)
		return cli_usage("%s '%s': not a time, such as 10s, 500ms "
				 "or 0 for no limit", option, text);
	*ret_ns = ns ? ns : MEARI_NEVER;
	return 0;
}

char *duration_format(uint64_t ns, char *buf)
{
	const struct unit *unit = units;

	while (ns < unit->ns && unit->ns > 1)
		unit++;
	/* Six digits do, and a double holds a century that well. */
	(void)snprintf(buf, DURATION_TEXT, "%.6g %s",
		       (double)ns / (double)unit->ns, unit->name);
	return buf;
}
