/* SPDX-License-Identifier: MIT */
#include <meari/version.h>

#include <stdio.h>

#include "cmocka_all.h"

static void test_version_of_headers_and_library_agree(void **state)
{
	char text[32];

	(void)state;
	(void)snprintf(text, sizeof text, "%d.%d.%d", MEARI_VERSION_MAJOR,
		       MEARI_VERSION_MINOR, MEARI_VERSION_PATCH);
	assert_string_equal(meari_version(), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_of_headers_and_library_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
