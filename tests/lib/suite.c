/* SPDX-License-Identifier: MIT */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "inject.h"

#define MAX_TESTS 256

struct one {
	const struct suite_row *row;
	const struct engine *engine;
	const char *family;
	char name[96];
};

static void run_one(void **state)
{
	const struct one *one = *state;
	struct harness h;

	if (!family_is_there(one->family))
		skip();
	inject_reset();
	harness_init(&h, one->engine, one->family);
	one->row->test(&h);
}

static bool is_for(const struct suite_row *row, const struct engine *engine,
		   const char *family)
{
	if ((engine->caps & row->needs) != row->needs)
		return false;
	return !row->only_on ||
	       strncmp(family, row->only_on, strlen(row->only_on)) == 0;
}

int suite_main(int argc, char **argv, const char *const *families,
	       const struct suite_row *rows)
{
	static struct one ones[MAX_TESTS];
	static struct CMUnitTest tests[MAX_TESTS];
	const struct engine *engine = argc == 2 ? engine_find(argv[1]) : NULL;
	size_t n = 0;

	if (!engine) {
		(void)fprintf(stderr, "usage: %s ENGINE\n", argv[0]);
		return 2;
	}
	for (; *families; families++)
		for (const struct suite_row *row = rows; row->name; row++) {
			if (!is_for(row, engine, *families))
				continue;
			ones[n] = (struct one){ row, engine, *families, "" };
			(void)snprintf(ones[n].name, sizeof ones[n].name,
				       "%s/%s/%s", engine->name, *families,
				       row->name);
			tests[n] = (struct CMUnitTest){
				.name = ones[n].name,
				.test_func = run_one,
				.initial_state = &ones[n],
			};
			if (++n == MAX_TESTS)
				abort();
		}
	return _cmocka_run_group_tests(engine->name, tests, n, NULL, NULL);
}
