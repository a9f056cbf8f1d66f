/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include "net/option_set.h"

/* The options of this test exist in one family each, or in none. */
static const struct meari_sockopt on_v4 = { .name = "v4", .level6 = 0 };
static const struct meari_sockopt on_v6 = { .name = "v6", .level6 = 0 };
static const struct meari_sockopt on_none = { .name = "none", .level6 = 0 };

static struct {
	char log[64]; /* names of the options set, in order */
	int error;    /* what setting "v6" returns */
} calls;

bool __wrap_meari_sockopt_applies(const struct meari_sockopt *opt, int family,
				  int socktype);
int __wrap_meari_sockopt_set(int fd, const struct meari_sockopt_value *value,
			     struct meari_fail *fail);

bool __wrap_meari_sockopt_applies(const struct meari_sockopt *opt, int family,
				  int socktype)
{
	assert_int_equal(socktype, SOCK_STREAM);
	return opt == (family == AF_INET6 ? &on_v6 : &on_v4);
}

int __wrap_meari_sockopt_set(int fd, const struct meari_sockopt_value *value,
			     struct meari_fail *fail)
{
	assert_int_equal(fd, 7);
	assert_non_null(fail);
	(void)strcat(calls.log, value->opt->name);
	if (value->opt == &on_none)
		return -ENOPROTOOPT;
	return value->opt == &on_v6 ? calls.error : 0;
}

static int apply(const struct meari_sockopt *const *opts, size_t n, int family)
{
	struct meari_addr addrs[] = { addr_of("::1", 1),
				      addr_of("127.0.0.1", 1) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 2 };
	struct meari_sockopt_value values[4] = { { .number = 1 } };
	const struct option_set set = {
		.values = values,
		.n_values = n,
		.addrs = &list,
		.socktype = SOCK_STREAM,
	};
	struct meari_fail fail;

	for (size_t i = 0; i < n; i++)
		values[i].opt = opts[i];
	calls.log[0] = '\0';
	return option_set_apply(&set, 7, family, &fail);
}

static void test_apply_sets_what_the_family_has(void **state)
{
	const struct meari_sockopt *const opts[] = { &on_v4, &on_v6 };

	(void)state;
	calls.error = 0;
	assert_int_equal(apply(opts, 2, AF_INET), 0);
	assert_string_equal(calls.log, "v4");
	assert_int_equal(apply(opts, 2, AF_INET6), 0);
	assert_string_equal(calls.log, "v6");
}

static void test_apply_none_has_it_is_an_error(void **state)
{
	const struct meari_sockopt *const opts[] = { &on_v4, &on_none, &on_v4 };

	(void)state;
	calls.error = 0;
	assert_int_equal(apply(opts, 3, AF_INET), -ENOPROTOOPT);
	assert_string_equal(calls.log, "v4none");
}

static void test_apply_error_stops_and_is_returned(void **state)
{
	const struct meari_sockopt *const opts[] = { &on_v6, &on_v6 };

	(void)state;
	calls.error = -EPERM;
	assert_int_equal(apply(opts, 2, AF_INET6), -EPERM);
	assert_string_equal(calls.log, "v6");
}

static void test_apply_nothing_given_does_nothing(void **state)
{
	(void)state;
	assert_int_equal(apply(NULL, 0, AF_INET), 0);
	assert_string_equal(calls.log, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apply_sets_what_the_family_has),
		cmocka_unit_test(test_apply_none_has_it_is_an_error),
		cmocka_unit_test(test_apply_error_stops_and_is_returned),
		cmocka_unit_test(test_apply_nothing_given_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
