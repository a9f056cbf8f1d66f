/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <meari/endpoint.h>

#define ANSWERS_MAX 4

/* What the resolver answers, and what it was asked. */
static struct resolver {
	int result; /* of getaddrinfo(3) */
	int error;  /* errno with it */
	struct meari_addr answers[ANSWERS_MAX];
	struct addrinfo nodes[ANSWERS_MAX];
	size_t n_answers;
	struct addrinfo hints;
	char host[256];
	unsigned asked, freed;
	pthread_t asked_by;
} resolver;

static unsigned fail_alloc_at; /* the k-th; 0: none */
static unsigned allocs;
static int ifname_error; /* errno of if_nametoindex(3); 0: ask the system */

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **ret);
void __wrap_freeaddrinfo(struct addrinfo *list);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
unsigned __real_if_nametoindex(const char *name);
unsigned __wrap_if_nametoindex(const char *name);

int __wrap_getaddrinfo(const char *host, const char *service,
		       const struct addrinfo *hints, struct addrinfo **ret)
{
	resolver.asked++;
	resolver.asked_by = pthread_self();
	resolver.hints = *hints;
	(void)snprintf(resolver.host, sizeof resolver.host, "%s", host);
	assert_null(service);
	for (size_t i = 0; i < resolver.n_answers; i++)
		resolver.nodes[i] = (struct addrinfo){
			.ai_addr = &resolver.answers[i].sa,
			.ai_addrlen = resolver.answers[i].len,
			.ai_next = i + 1 < resolver.n_answers ?
					   &resolver.nodes[i + 1] :
					   NULL,
		};
	errno = resolver.error;
	if (resolver.result == 0)
		*ret = resolver.n_answers > 0 ? resolver.nodes : NULL;
	return resolver.result;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	assert_ptr_equal(list, resolver.nodes);
	resolver.freed++;
}

void *__wrap_calloc(size_t n, size_t size)
{
	if (++allocs != fail_alloc_at)
		return __real_calloc(n, size);
	errno = ENOMEM;
	return NULL;
}

unsigned __wrap_if_nametoindex(const char *name)
{
	if (ifname_error == 0)
		return __real_if_nametoindex(name);
	errno = ifname_error;
	return 0;
}

static int reset(void **state)
{
	(void)state;
	resolver = (struct resolver){ .result = 0 };
	fail_alloc_at = 0;
	allocs = 0;
	ifname_error = 0;
	return 0;
}

static void answer(const char *text)
{
	struct meari_addr *addr = &resolver.answers[resolver.n_answers++];

	if (strchr(text, ':')) {
		addr->len = sizeof addr->in6;
		addr->in6.sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text,
					   &addr->in6.sin6_addr),
				 1);
	} else {
		addr->len = sizeof addr->in;
		addr->in.sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text, &addr->in.sin_addr),
				 1);
	}
}

static struct meari_endpoint endpoint_of(const char *text)
{
	struct meari_endpoint endpoint;

	assert_int_equal(meari_endpoint_parse(text, &endpoint, NULL), 0);
	return endpoint;
}

/* Without a deadline; see test_lookup.c for one. */
static int resolve(const struct meari_endpoint *endpoint, int family,
		   bool passive, struct meari_addr_list *ret_list,
		   struct meari_fail *fail)
{
	const struct meari_resolve_options options = {
		.family = family,
		.passive = passive,
		.until_ns = MEARI_NEVER,
	};

	return meari_resolve(endpoint, &options, ret_list, fail);
}

/* The list as text, its addresses apart by a space. */
static void resolves(const char *text, int family, bool passive,
		     const char *expected)
{
	struct meari_endpoint endpoint = endpoint_of(text);
	struct meari_addr_list list = { 0 };
	struct meari_fail fail = { .why = "" };
	char all[ANSWERS_MAX * MEARI_ADDR_TEXT] = "", one[MEARI_ADDR_TEXT];
	int r = resolve(&endpoint, family, passive, &list, &fail);

	if (r < 0)
		fail_msg("%s: %d %s", text, r, fail.why);
	for (size_t i = 0; i < list.n_addrs; i++) {
		(void)strcat(all, i > 0 ? " " : "");
		(void)strcat(all, meari_addr_format(&list.addrs[i], one,
						    sizeof one));
	}
	assert_string_equal(all, expected);
	meari_addr_list_deinit(&list);
	assert_null(list.addrs);
	assert_int_equal(list.n_addrs, 0);
}

static void refuses(const char *text, int family, int error, const char *line)
{
	struct meari_endpoint endpoint = endpoint_of(text);
	struct meari_addr_list list = { .n_addrs = 4711 };
	struct meari_fail fail = { .why = "" };
	char shown[MEARI_FAIL_TEXT];

	assert_int_equal(resolve(&endpoint, family, false, &list, &fail),
			 error);
	assert_int_equal(fail.error, error);
	assert_string_equal(meari_fail_format(&fail, shown, sizeof shown),
			    line);
	assert_int_equal(list.n_addrs, 4711);
	assert_int_equal(resolve(&endpoint, family, false, &list, NULL),
			 error);
}

static void test_resolve_numeric_host_asks_nobody(void **state)
{
	(void)state;
	resolves("192.0.2.1:7", AF_UNSPEC, false, "192.0.2.1:7");
	resolves("192.0.2.1:7", AF_INET, true, "192.0.2.1:7");
	resolves("[2001:db8::1]:7", AF_UNSPEC, false, "[2001:db8::1]:7");
	resolves("udp://[::1]:0", AF_INET6, true, "[::1]:0");
	assert_int_equal(resolver.asked, 0);
}

static void test_resolve_mapped_host_is_v4(void **state)
{
	(void)state;
	resolves("[::ffff:192.0.2.1]:7", AF_INET, false, "192.0.2.1:7");
	refuses("[::ffff:192.0.2.1]:7", AF_INET6, -EAFNOSUPPORT,
		"resolve ::ffff:192.0.2.1: is an IPv4 address, IPv6 was asked "
		"for (-6)");
}

static void test_resolve_numeric_other_family_is_refused(void **state)
{
	(void)state;
	refuses("127.0.0.1:7", AF_INET6, -EAFNOSUPPORT,
		"resolve 127.0.0.1: is an IPv4 address, IPv6 was asked for "
		"(-6)");
	refuses("[::1]:7", AF_INET, -EAFNOSUPPORT,
		"resolve ::1: is an IPv6 address, IPv4 was asked for (-4)");
}

static void test_resolve_scope_is_a_name_or_a_number(void **state)
{
	(void)state;
	resolves("[fe80::1%lo]:7", AF_UNSPEC, false, "[fe80::1%lo]:7");
	resolves("[fe80::1%4294967295]:7", AF_UNSPEC, false,
		 "[fe80::1%4294967295]:7");
	refuses("[fe80::1%nosuch]:7", AF_UNSPEC, -ENODEV,
		"resolve fe80::1%nosuch: no interface is called 'nosuch'");
	refuses("[fe80::1%4294967296]:7", AF_UNSPEC, -ENODEV,
		"resolve fe80::1%4294967296: "
		"no interface is called '4294967296'");
}

static void test_resolve_scope_look_up_failure_is_passed_up(void **state)
{
	(void)state;
	ifname_error = EMFILE;
	refuses("[fe80::1%2]:7", AF_UNSPEC, -EMFILE,
		"resolve fe80::1%2: Too many open files");
}

static void test_resolve_no_host_lists_both_families(void **state)
{
	(void)state;
	resolves(":7", AF_UNSPEC, true, "[::]:7 0.0.0.0:7");
	resolves(":7", AF_UNSPEC, false, "[::1]:7 127.0.0.1:7");
	resolves("udp://7", AF_INET, true, "0.0.0.0:7");
	resolves("7", AF_INET6, true, "[::]:7");
	resolves("7", AF_INET, false, "127.0.0.1:7");
	resolves("7", AF_INET6, false, "[::1]:7");
	assert_int_equal(resolver.asked, 0);
}

static void test_resolve_unix_path_counts_its_nul(void **state)
{
	struct meari_endpoint endpoint = endpoint_of("unix:/run/echo");
	struct meari_addr_list list;

	(void)state;
	assert_int_equal(resolve(&endpoint, AF_INET6, true, &list, NULL),
			 0);
	assert_int_equal(list.n_addrs, 1);
	assert_int_equal(list.addrs[0].sa.sa_family, AF_UNIX);
	assert_int_equal(list.addrs[0].len,
			 offsetof(struct sockaddr_un, sun_path) + 10);
	assert_memory_equal(list.addrs[0].un.sun_path, "/run/echo", 10);
	meari_addr_list_deinit(&list);
}

static void test_resolve_unix_abstract_has_its_exact_length(void **state)
{
	struct meari_endpoint endpoint = endpoint_of("unix:@name");
	struct meari_addr_list list;

	(void)state;
	assert_int_equal(resolve(&endpoint, AF_UNSPEC, false, &list, NULL),
			 0);
	assert_int_equal(list.n_addrs, 1);
	assert_int_equal(list.addrs[0].len,
			 offsetof(struct sockaddr_un, sun_path) + 5);
	assert_memory_equal(list.addrs[0].un.sun_path, "\0name", 5);
	meari_addr_list_deinit(&list);
}

static void test_resolve_longest_path_keeps_its_nul(void **state)
{
	struct meari_endpoint endpoint = { .is_unix = true };
	struct meari_addr_list list;

	(void)state;
	memset(endpoint.path, 'p', sizeof endpoint.path - 1);
	assert_int_equal(resolve(&endpoint, AF_UNSPEC, false, &list, NULL),
			 0);
	assert_int_equal(list.addrs[0].len, sizeof(struct sockaddr_un));
	assert_string_equal(list.addrs[0].un.sun_path, endpoint.path);
	meari_addr_list_deinit(&list);
}

static void test_resolve_name_keeps_the_resolver_order(void **state)
{
	(void)state;
	answer("2001:db8::1");
	answer("192.0.2.1");
	answer("2001:db8::2");
	resolves("echo.example:7", AF_UNSPEC, false,
		 "[2001:db8::1]:7 192.0.2.1:7 [2001:db8::2]:7");
	assert_string_equal(resolver.host, "echo.example");
	assert_int_equal(resolver.hints.ai_family, AF_UNSPEC);
	assert_int_equal(resolver.hints.ai_socktype, SOCK_STREAM);
	assert_int_equal(resolver.freed, 1);
}

static void test_resolve_name_asks_for_family_and_socktype(void **state)
{
	(void)state;
	answer("192.0.2.1");
	resolves("udp://echo.example:7", AF_INET, true, "192.0.2.1:7");
	assert_int_equal(resolver.hints.ai_family, AF_INET);
	assert_int_equal(resolver.hints.ai_socktype, SOCK_DGRAM);
}

static void test_resolve_name_lists_each_address_once(void **state)
{
	(void)state;
	answer("192.0.2.1");
	answer("192.0.2.2");
	answer("192.0.2.1");
	answer("::ffff:192.0.2.2");
	resolves("echo.example:7", AF_UNSPEC, false,
		 "192.0.2.1:7 192.0.2.2:7");
}

static void test_resolve_name_skips_families_it_cannot_use(void **state)
{
	(void)state;
	answer("192.0.2.1");
	answer("192.0.2.2");
	resolver.answers[0].sa.sa_family = AF_PACKET;
	resolves("echo.example:7", AF_UNSPEC, false, "192.0.2.2:7");
}

static void test_resolve_name_without_usable_address_is_enoent(void **state)
{
	(void)state;
	answer("::ffff:192.0.2.1");
	refuses("echo.example:7", AF_INET6, -ENOENT,
		"resolve echo.example: "
		"has no address of the family asked for");
	assert_int_equal(resolver.freed, resolver.asked);
	resolver.n_answers = 0;
	refuses("echo.example:7", AF_UNSPEC, -ENOENT,
		"resolve echo.example: "
		"has no address of the family asked for");
}

static void test_resolve_error_is_mapped_and_worded(void **state)
{
	static const struct {
		int eai;
		int error;
	} rows[] = {
		{ EAI_NONAME, -ENOENT },      { EAI_NODATA, -ENOENT },
		{ EAI_ADDRFAMILY, -ENOENT },  { EAI_AGAIN, -EAGAIN },
		{ EAI_FAMILY, -EAFNOSUPPORT }, { EAI_MEMORY, -ENOMEM },
		{ EAI_OVERFLOW, -EOVERFLOW }, { EAI_BADFLAGS, -EINVAL },
		{ EAI_SERVICE, -EINVAL },     { EAI_SOCKTYPE, -EINVAL },
		{ EAI_FAIL, -EIO },	      { -4711, -EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char line[MEARI_FAIL_TEXT];

		resolver.result = rows[i].eai;
		(void)snprintf(line, sizeof line, "resolve nosuch.example: %s",
			       gai_strerror(rows[i].eai));
		refuses("nosuch.example:7", AF_UNSPEC, rows[i].error, line);
	}
	assert_int_equal(resolver.freed, 0);
}

static void test_resolve_system_error_is_its_errno(void **state)
{
	(void)state;
	resolver.result = EAI_SYSTEM;
	resolver.error = EMFILE;
	refuses("echo.example:7", AF_UNSPEC, -EMFILE,
		"resolve echo.example: Too many open files");
	resolver.error = 0; /* it need not set errno */
	refuses("echo.example:7", AF_UNSPEC, -EIO,
		"resolve echo.example: Input/output error");
}

static unsigned open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

static void test_resolve_any_allocation_fails_nothing_leaks(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1:7", "[fe80::1%lo]:7", ":7",
		"unix:/p",     "unix:@p",	 "echo.example:7",
	};
	unsigned fds = open_fds();

	answer("192.0.2.1");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct meari_endpoint endpoint = endpoint_of(texts[i]);
		struct meari_addr_list list = { 0 };
		struct meari_fail fail = { .error = 0 };
		int r = -ENOMEM;

		for (unsigned k = 1; r < 0; k++) {
			assert_in_range(k, 1, 8);
			allocs = 0;
			fail_alloc_at = k;
			r = resolve(&endpoint, AF_UNSPEC, false, &list, &fail);
			assert_true(r == 0 || r == -ENOMEM);
			assert_int_equal(list.n_addrs > 0, r == 0);
		}
		assert_int_equal(fail.error, -ENOMEM);
		assert_string_equal(fail.step, "resolve");
		assert_string_equal(fail.why, "Cannot allocate memory");
		meari_addr_list_deinit(&list);
	}
	assert_int_equal(resolver.freed, resolver.asked);
	assert_int_equal(open_fds(), fds);
	(void)state;
}

static void test_resolve_without_options_is_to_connect_to_any(void **state)
{
	const struct meari_resolve_options zero = { .family = 0 };
	const struct meari_resolve_options *const both[] = { NULL, &zero };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct meari_endpoint endpoint = endpoint_of("7");
		struct meari_addr_list list;
		char text[MEARI_ADDR_TEXT];

		assert_int_equal(meari_resolve(&endpoint, both[i], &list, NULL),
				 0);
		assert_int_equal(list.n_addrs, 2);
		assert_string_equal(meari_addr_format(&list.addrs[0], text,
						      sizeof text),
				    "[::1]:7");
		assert_string_equal(meari_addr_format(&list.addrs[1], text,
						      sizeof text),
				    "127.0.0.1:7");
		meari_addr_list_deinit(&list);
	}
}

/* Zero is no time that has passed, and no reason to ask in a thread. */
static void test_resolve_until_zero_has_no_deadline(void **state)
{
	const struct meari_resolve_options options = { .until_ns = 0 };
	struct meari_endpoint endpoint = endpoint_of("echo.example:7");
	struct meari_addr_list list;

	(void)state;
	answer("192.0.2.1");
	assert_int_equal(meari_resolve(&endpoint, &options, &list, NULL), 0);
	assert_int_equal(list.n_addrs, 1);
	assert_true(pthread_equal(resolver.asked_by, pthread_self()));
	meari_addr_list_deinit(&list);
}

static void test_list_deinit_empty_list_is_left_alone(void **state)
{
	struct meari_addr_list list = { 0 };

	(void)state;
	meari_addr_list_deinit(&list);
	meari_addr_list_deinit(&list);
	assert_null(list.addrs);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_resolve_numeric_host_asks_nobody),
		TEST(test_resolve_mapped_host_is_v4),
		TEST(test_resolve_numeric_other_family_is_refused),
		TEST(test_resolve_scope_is_a_name_or_a_number),
		TEST(test_resolve_scope_look_up_failure_is_passed_up),
		TEST(test_resolve_no_host_lists_both_families),
		TEST(test_resolve_unix_path_counts_its_nul),
		TEST(test_resolve_unix_abstract_has_its_exact_length),
		TEST(test_resolve_longest_path_keeps_its_nul),
		TEST(test_resolve_name_keeps_the_resolver_order),
		TEST(test_resolve_name_asks_for_family_and_socktype),
		TEST(test_resolve_name_lists_each_address_once),
		TEST(test_resolve_name_skips_families_it_cannot_use),
		TEST(test_resolve_name_without_usable_address_is_enoent),
		TEST(test_resolve_error_is_mapped_and_worded),
		TEST(test_resolve_system_error_is_its_errno),
		TEST(test_resolve_any_allocation_fails_nothing_leaks),
		TEST(test_resolve_without_options_is_to_connect_to_any),
		TEST(test_resolve_until_zero_has_no_deadline),
		TEST(test_list_deinit_empty_list_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
