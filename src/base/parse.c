/* SPDX-License-Identifier: MIT */
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <meari/clock.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

#define FRACTION_MAX 1000000000000000000ull

static const struct unit byte_units[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "M", 1000 * 1000 },
	{ "G", 1000 * 1000 * 1000 },
	{ "Ki", 1ull << 10 },
	{ "Mi", 1ull << 20 },
	{ "Gi", 1ull << 30 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ns", 1 },
	{ "us", MEARI_US },
	{ "ms", MEARI_MS },
	{ "s", MEARI_S },
	{ "m", 60 * MEARI_S },
	{ "h", 3600 * MEARI_S },
	{ NULL, 0 },
};

/* Digits are compared by hand: isdigit(3) is undefined on a negative char, and
 * strtoull(3) takes spaces and signs. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits up to the first other byte, which is left in *@text. */
static int digits(const char **text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**text - '0'), &n))
			return -ERANGE;
	}
	*ret = n;
	return 0;
}

static const struct unit *find_unit(const struct unit *units, const char *text)
{
	for (; units->suffix; units++)
		if (strcmp(units->suffix, text) == 0)
			return units;
	return NULL;
}

/* The digits behind a decimal point, as a share of @factor. */
static int fraction(const char **text, uint64_t *numerator,
		    uint64_t *denominator)
{
	*numerator = 0;
	*denominator = 1;
	if (**text != '.')
		return 0;
	(*text)++;
	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		/* Eighteen digits are what 64 bits hold, and resolve an hour
		 * to less than a nanosecond; the rest cannot matter. */
		if (*denominator >= FRACTION_MAX)
			continue;
		*numerator = *numerator * 10 + (uint64_t)(**text - '0');
		*denominator *= 10;
	}
	return 0;
}

int parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t n;
	int r = digits(&text, &n);

	if (r < 0)
		return r;
	if (*text != '\0')
		return -EINVAL;
	if (n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int parse_bytes(const char *text, uint64_t max, uint64_t *ret)
{
	const struct unit *unit;
	uint64_t n;
	int r = digits(&text, &n);

	if (r < 0)
		return r;
	unit = find_unit(byte_units, text);
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(n, unit->factor, &n) || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int parse_duration(const char *text, uint64_t bare_ns, uint64_t *ret_ns)
{
	uint64_t n, numerator, denominator, factor = bare_ns;
	int r = digits(&text, &n);

	if (r < 0)
		return r;
	r = fraction(&text, &numerator, &denominator);
	if (r < 0)
		return r;
	if (*text != '\0') {
		const struct unit *unit = find_unit(time_units, text);

		if (!unit)
			return -EINVAL;
		factor = unit->factor;
	}
	/* The fraction is below 1, so its product cannot exceed @factor; the
	 * 128 bits keep the intermediate from wrapping. */
	unsigned __int128 part = (unsigned __int128)numerator * factor;

	if (__builtin_mul_overflow(n, factor, &n) ||
	    __builtin_add_overflow(n, (uint64_t)(part / denominator), &n) ||
	    n == MEARI_NEVER)
		return -ERANGE;
	*ret_ns = n;
	return 0;
}
