/* SPDX-License-Identifier: MIT */
#include "server/choice.h"

#include <errno.h>

#include "base/fail.h"
#include "server/log.h"

static int check(const struct engine *engine,
		 const struct engine_listener *listeners, size_t n_listeners,
		 struct meari_fail *fail)
{
	char why[ENGINE_WHY];
	int r;

	for (size_t i = 0; i < n_listeners; i++) {
		const char *lack = engine_lacks(engine, &listeners[i].addr,
						listeners[i].socktype);

		if (lack)
			return fail_setf(fail, -EOPNOTSUPP, "engine",
					 engine->name, "does not serve %s",
					 lack);
	}
	r = engine->probe(why);
	if (r < 0)
		return fail_setf(fail, r, "engine", engine->name, "%s", why);
	return 0;
}

int choose_engine(const struct engine *asked,
		  const struct engine_listener *listeners, size_t n_listeners,
		  const struct engine **ret_engine, struct meari_fail *fail)
{
	char text[MEARI_FAIL_TEXT];
	const struct engine *engine = asked ? asked : engine_at(0);
	struct meari_fail why;
	int r = -EOPNOTSUPP;

	for (size_t i = 1; engine; engine = engine_at(i++)) {
		r = check(engine, listeners, n_listeners, &why);
		if (r == 0) {
			*ret_engine = engine;
			return 0;
		}
		if (asked)
			break;
		log_line(LOG_NORMAL, "passed over %s",
			 meari_fail_format(&why, text, sizeof text));
	}
	if (fail)
		*fail = why;
	return r;
}
