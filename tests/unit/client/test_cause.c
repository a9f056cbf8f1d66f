/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "client/cause.h"

static void test_cause_text_tells_the_endings_apart(void **state)
{
	static const int errors[] = {
		ETIMEDOUT, ECONNREFUSED, EPIPE, EHOSTUNREACH, ENETUNREACH,
	};
	const size_t n = sizeof errors / sizeof errors[0];

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(cause_text(-errors[i]),
						cause_text(-errors[j]));
	assert_string_equal(cause_text(-ECONNREFUSED), "nobody listens there");
	assert_non_null(strstr(cause_text(-ETIMEDOUT), "the peer is dead"));
}

static void test_cause_text_unknown_error_is_left_to_strerror(void **state)
{
	(void)state;
	assert_null(cause_text(-ENOENT));
	assert_null(cause_text(-ECONNRESET)); /* it names who has reset it */
	assert_null(cause_text(0));
}

static void test_cause_is_setup_separates_this_side_from_the_path(void **state)
{
	(void)state;
	assert_true(cause_is_setup(-EMFILE));
	assert_true(cause_is_setup(-EINVAL));
	assert_true(cause_is_setup(-ENOPROTOOPT));
	assert_false(cause_is_setup(-ECONNREFUSED));
	assert_false(cause_is_setup(-ENOENT));
	assert_false(cause_is_setup(-ETIMEDOUT));
	assert_false(cause_is_setup(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cause_text_tells_the_endings_apart),
		cmocka_unit_test(
			test_cause_text_unknown_error_is_left_to_strerror),
		cmocka_unit_test(
			test_cause_is_setup_separates_this_side_from_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
