/* SPDX-License-Identifier: MIT */
/* Input: NAME=VALUE, as given to meari_sockopt_parse(). */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <meari/sockopt.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_row(const struct meari_sockopt *opt, const char *text)
{
	size_t n, name_len = strlen(opt->name);
	const struct meari_sockopt *table = meari_sockopt_table(&n);

	assert(opt >= table && opt < table + n);
	assert(strncmp(text, opt->name, name_len) == 0);
	assert(text[name_len] == '=');
}

static void check_range(const struct meari_sockopt_value *value)
{
	const struct meari_sockopt *opt = value->opt;
	bool is_text = opt->type == MEARI_SOCKOPT_TEXT;

	assert(memchr(value->text, '\0', sizeof value->text));
	assert(is_text == (value->text[0] != '\0'));
	for (const char *p = value->text; *p; p++)
		assert(*p > ' ' && *p <= '~');
	if (is_text)
		assert(value->number == 0);
	if (opt->type == MEARI_SOCKOPT_FLAG)
		assert(value->number == 0 || value->number == 1);
	assert(value->number >= (opt->type == MEARI_SOCKOPT_LINGER ? -1 : 0));
	if (opt->max > 0)
		assert(value->number <= opt->max);
}

/* The formatted value without its unit is a value that parses to the same. */
static void check_round_trip(const struct meari_sockopt_value *value)
{
	char shown[MEARI_SOCKOPT_VALUE_TEXT], text[80];
	struct meari_sockopt_value again;
	int r;

	(void)meari_sockopt_format(value, shown, sizeof shown);
	assert(shown[0] != '\0' && strlen(shown) < sizeof shown - 1);
	shown[strcspn(shown, " ")] = '\0';
	(void)snprintf(text, sizeof text, "%s=%s", value->opt->name, shown);
	r = meari_sockopt_parse(text, &again, NULL);
	assert(r == 0);
	assert(again.opt == value->opt);
	assert(again.number == value->number);
	assert(strcmp(again.text, value->text) == 0);
}

/* Into heap blocks of exactly the size, for the address sanitizer. */
static void check_cuts(const struct meari_sockopt_value *value)
{
	char whole[MEARI_SOCKOPT_VALUE_TEXT];

	(void)meari_sockopt_format(value, whole, sizeof whole);
	for (size_t cap = 1; cap <= strlen(whole) + 1; cap++) {
		MEARI_AUTO(freep) char *cut = malloc(cap);

		assert(cut);
		(void)meari_sockopt_format(value, cut, cap);
		assert(strlen(cut) == cap - 1);
		assert(memcmp(cut, whole, cap - 1) == 0);
	}
}

static void check_fail(const struct meari_fail *fail, int r)
{
	char line[MEARI_FAIL_TEXT];

	assert(r == -ENOENT || r == -EINVAL || r == -ERANGE);
	assert(fail->error == r);
	assert(strcmp(fail->step, "option") == 0);
	assert(fail->what[0] == '"' && fail->why[0] != '\0');
	(void)meari_fail_format(fail, line, sizeof line);
	assert(strlen(line) < sizeof line - 1);
	for (const char *p = line; *p; p++)
		assert(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	MEARI_AUTO(freep) char *text = malloc(len + 1);
	struct meari_sockopt_value value = { .number = 4711 }, silent;
	struct meari_fail fail = { .step = NULL };
	int r;

	assert(text);
	memcpy(text, data, len);
	text[len] = '\0';
	r = meari_sockopt_parse(text, &value, &fail);
	assert(meari_sockopt_parse(text, &silent, NULL) == r);
	if (r < 0) {
		assert(value.opt == NULL && value.number == 4711);
		check_fail(&fail, r);
		return 0;
	}
	assert(r == 0 && fail.step == NULL);
	check_row(value.opt, text);
	check_range(&value);
	check_round_trip(&value);
	check_cuts(&value);
	return 0;
}
