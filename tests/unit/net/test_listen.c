/* SPDX-License-Identifier: MIT */
#include "loopback.h"
#include "torture.h"

#include <netinet/tcp.h>

#include <meari/listen.h>

/* What the wrapped calls do besides the real thing. */
static struct {
	int no_family;      /* socket() of it fails: EAFNOSUPPORT */
	int bind_error;     /* bind() to bind_family fails so … */
	int bind_family;
	unsigned bind_times; /* … this often */
	unsigned binds;
	int backlog; /* of the last listen() */
	const struct meari_addr_list *addrs; /* what any name resolves to */
} plan;

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __real_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail);
int __wrap_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail);

int __wrap_socket(int family, int type, int protocol)
{
	if (torture_hits(EMFILE))
		return -1;
	if (family == plan.no_family) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(family, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (torture_hits(ENOMEM))
		return -1;
	plan.binds++;
	if (plan.bind_times > 0 && sa->sa_family == plan.bind_family) {
		plan.bind_times--;
		errno = plan.bind_error;
		return -1;
	}
	return __real_bind(fd, sa, len);
}

int __wrap_listen(int fd, int backlog)
{
	plan.backlog = backlog;
	return torture_hits(ENOBUFS) ? -1 : __real_listen(fd, backlog);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len)
{
	if (torture_hits(ENOBUFS))
		return -1;
	return __real_setsockopt(fd, level, name, value, len);
}

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	return torture_hits(ENOBUFS) ? -1 : __real_getsockname(fd, sa, len);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return torture_hits(EROFS) ? -1 : __real_fchmod(fd, mode);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return torture_hits(ENOMEM) ? NULL : __real_calloc(n, size);
}

int __wrap_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail)
{
	assert_true(options->passive);
	if (!plan.addrs)
		return __real_meari_resolve(endpoint, options, ret_list, fail);
	*ret_list = addr_list_copy(plan.addrs);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	torture.at = 0;
	plan.addrs = NULL;
	plan.no_family = -1;
	plan.bind_times = plan.binds = 0;
	return 0;
}

static struct meari_listeners open_all(const struct meari_endpoint *endpoint)
{
	struct meari_listeners listeners;
	struct meari_fail fail = { .error = 1 };

	assert_int_equal(meari_listen(endpoint, NULL, &listeners, &fail), 0);
	assert_int_equal(fail.error, 1); /* written on failure only */
	return listeners;
}

/* Opening fails with @error, and leaves nothing behind. */
static struct meari_fail open_fails(const struct meari_endpoint *endpoint,
				    int error)
{
	struct meari_listeners listeners;
	struct meari_fail fail;
	const size_t before = open_fds();

	assert_int_equal(meari_listen(endpoint, NULL, &listeners, NULL), error);
	assert_int_equal(meari_listen(endpoint, NULL, &listeners, &fail),
			 error);
	assert_int_equal(fail.error, error);
	assert_int_equal(open_fds(), before);
	return fail;
}

static void test_listen_bare_port_opens_both_families_on_one_port(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of(":0");
	struct meari_listeners listeners;

	(void)state;
	NEEDS_IPV6();
	listeners = open_all(&endpoint);
	assert_int_equal(listeners.n_items, 2);
	assert_int_equal(listeners.items[0].addr.sa.sa_family, AF_INET6);
	assert_int_equal(listeners.items[1].addr.sa.sa_family, AF_INET);
	assert_int_not_equal(meari_addr_port(&listeners.items[0].addr), 0);
	assert_int_equal(meari_addr_port(&listeners.items[0].addr),
			 meari_addr_port(&listeners.items[1].addr));
	assert_int_equal(listeners.skipped.error, 0);
	meari_listeners_close(&listeners);
	assert_null(listeners.items);
	assert_int_equal(listeners.n_items, 0);
	meari_listeners_close(&listeners);
}

static void test_listen_can_be_connected_to(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct meari_listeners listeners = open_all(&endpoint);
	int connfd = -1, clientfd;

	(void)state;
	assert_int_equal(listeners.n_items, 1);
	assert_int_equal(listeners.items[0].socktype, SOCK_STREAM);
	assert_int_equal(listeners.items[0].path_ino, 0);
	assert_born_right(listeners.items[0].fd);
	clientfd = connected_socket(&listeners.items[0].addr);
	assert_int_equal(meari_accept(listeners.items[0].fd, &connfd, NULL), 0);
	/* Inherited from the listener. */
	assert_int_equal(get_int(connfd, SOL_SOCKET, SO_OOBINLINE), 1);
	(void)close(connfd);
	(void)close(clientfd);
	meari_listeners_close(&listeners);
}

static void test_listen_sets_options_that_every_server_wants(void **state)
{
	const struct meari_endpoint tcp = endpoint_of(":0");
	const struct meari_endpoint udp = endpoint_of("udp://:0");
	struct meari_listeners listeners;

	(void)state;
	NEEDS_IPV6();
	listeners = open_all(&tcp);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(get_int(listeners.items[i].fd, SOL_SOCKET,
					 SO_REUSEADDR),
				 1);
	assert_int_equal(
		get_int(listeners.items[0].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	meari_listeners_close(&listeners);
	listeners = open_all(&udp);
	assert_int_equal(listeners.items[0].socktype, SOCK_DGRAM);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(get_int(listeners.items[i].fd, SOL_SOCKET,
					 SO_REUSEADDR),
				 0);
	assert_int_equal(
		get_int(listeners.items[0].fd, IPPROTO_IPV6, IPV6_RECVPKTINFO),
		1);
	assert_int_equal(get_int(listeners.items[1].fd, IPPROTO_IP, IP_PKTINFO),
			 1);
	meari_listeners_close(&listeners);
}

static void test_listen_backlog_is_as_asked_or_the_longest(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("127.0.0.1:0");
	const struct meari_listen_options options = { .backlog = 3 };
	struct meari_listeners listeners;
	struct tcp_info info;
	socklen_t len = sizeof info;
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
	unsigned longest = 0;

	(void)state;
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%u", &longest), 1);
	(void)fclose(file);
	assert_int_equal(meari_listen(&endpoint, &options, &listeners, NULL),
			 0);
	assert_int_equal(plan.backlog, 3);
	meari_listeners_close(&listeners);
	listeners = open_all(&endpoint);
	/* Of a listener, tcpi_sacked is the length of its queue. */
	assert_int_equal(getsockopt(listeners.items[0].fd, IPPROTO_TCP,
				    TCP_INFO, &info, &len),
			 0);
	assert_int_equal(info.tcpi_sacked, longest);
	meari_listeners_close(&listeners);
}

static void test_listen_busy_port_names_it_and_the_tool(void **state)
{
	int fd = listening_socket("127.0.0.1", 0);
	char expected[32];
	struct meari_endpoint endpoint =
		endpoint_of("127.0.0.1:%u", port_of(fd));
	struct meari_fail fail = open_fails(&endpoint, -EADDRINUSE);

	(void)state;
	(void)snprintf(expected, sizeof expected, "127.0.0.1:%u", port_of(fd));
	assert_string_equal(fail.step, "bind");
	assert_string_equal(fail.what, expected);
	assert_string_equal(fail.why, "Address already in use; "
				      "`ss -lntp` shows by whom");
	(void)close(fd);
}

static void test_listen_busy_udp_port_is_loud(void **state)
{
	const struct meari_endpoint any = endpoint_of("udp://127.0.0.1:0");
	struct meari_listeners first = open_all(&any);
	const struct meari_endpoint same = endpoint_of(
		"udp://127.0.0.1:%u", meari_addr_port(&first.items[0].addr));
	struct meari_fail fail = open_fails(&same, -EADDRINUSE);

	(void)state;
	assert_string_equal(fail.why, "Address already in use; "
				      "`ss -lnup` shows by whom");
	meari_listeners_close(&first);
}

/* Both may bind with SO_REUSEADDR as long as neither listens. */
static void test_listen_bound_by_another_fails_at_listen(void **state)
{
	const struct meari_addr any = addr_of("127.0.0.1", 0);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct meari_endpoint endpoint;
	struct meari_listeners listeners;

	(void)state;
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
	assert_int_equal(bind(fd, &any.sa, any.len), 0);
	endpoint = endpoint_of("127.0.0.1:%u", port_of(fd));
	listeners = open_all(&endpoint);
	meari_listeners_close(&listeners);
	assert_int_equal(listen(fd, 1), 0);
	(void)open_fails(&endpoint, -EADDRINUSE);
	(void)close(fd);
}

static void test_listen_refused_by_the_kernel_gives_a_hint(void **state)
{
	const struct meari_endpoint low = endpoint_of("127.0.0.1:7");
	const struct meari_endpoint high = endpoint_of("127.0.0.1:7007");
	const struct meari_endpoint foreign = endpoint_of("203.0.113.7:0");
	struct meari_fail fail;

	(void)state;
	plan.bind_error = EACCES;
	plan.bind_family = AF_INET;
	plan.bind_times = 2;
	fail = open_fails(&low, -EACCES);
	assert_string_equal(fail.why,
			    "Permission denied; ports below 1024 need "
			    "privilege (CAP_NET_BIND_SERVICE)");
	plan.bind_times = 2;
	fail = open_fails(&high, -EACCES);
	assert_string_equal(fail.why, "Permission denied");
	fail = open_fails(&foreign, -EADDRNOTAVAIL);
	assert_string_equal(fail.what, "203.0.113.7:0");
	assert_string_equal(fail.why, "Cannot assign requested address; "
				      "no interface of this machine has it");
}

static void test_listen_one_of_many_addresses_busy_opens_none(void **state)
{
	int busyfd = listening_socket("127.0.0.2", 0);
	const uint16_t port = port_of(busyfd);
	struct meari_addr addrs[] = { addr_of("127.0.0.1", port),
				      addr_of("127.0.0.2", port) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 2 };
	const struct meari_endpoint endpoint = endpoint_of("many:%u", port);
	struct meari_fail fail;
	char expected[32];
	int fd;

	(void)state;
	plan.addrs = &list;
	fail = open_fails(&endpoint, -EADDRINUSE);
	(void)snprintf(expected, sizeof expected, "127.0.0.2:%u", port);
	assert_string_equal(fail.what, expected);
	fd = bound_socket(SOCK_STREAM, "127.0.0.1", port);
	assert_true(fd >= 0); /* free again */
	(void)close(fd);
	(void)close(busyfd);
}

static void test_listen_port_zero_opens_same_port_on_all(void **state)
{
	struct meari_addr addrs[] = { addr_of("127.0.0.1", 0),
				      addr_of("127.0.0.2", 0),
				      addr_of("127.0.0.3", 0) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 3 };
	const struct meari_endpoint endpoint = endpoint_of("many:0");
	struct meari_listeners listeners;

	(void)state;
	plan.addrs = &list;
	listeners = open_all(&endpoint);
	assert_int_equal(listeners.n_items, 3);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(meari_addr_port(&listeners.items[i].addr),
				 meari_addr_port(&listeners.items[0].addr));
	meari_listeners_close(&listeners);
}

static void test_listen_port_zero_busy_on_second_starts_over(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of(":0");
	struct meari_listeners listeners;
	const size_t before = open_fds();

	(void)state;
	NEEDS_IPV6();
	plan.binds = 0;
	plan.bind_error = EADDRINUSE;
	plan.bind_family = AF_INET;
	plan.bind_times = 3;
	listeners = open_all(&endpoint);
	assert_int_equal(listeners.n_items, 2);
	assert_int_equal(plan.binds, 8);
	assert_int_equal(open_fds(), before + 2);
	meari_listeners_close(&listeners);
	assert_int_equal(open_fds(), before);
}

static void test_listen_port_zero_always_busy_gives_up(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("127.0.0.1:0");

	(void)state;
	plan.bind_error = EADDRINUSE;
	plan.bind_family = AF_INET;
	plan.bind_times = 1000;
	(void)open_fails(&endpoint, -EADDRINUSE);
	assert_int_equal(plan.binds, 2 * 16);
}

static void test_listen_family_missing_is_skipped_and_told(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of(":0");
	struct meari_listeners listeners;

	(void)state;
	plan.no_family = AF_INET6;
	listeners = open_all(&endpoint);
	assert_int_equal(listeners.n_items, 1);
	assert_int_equal(listeners.items[0].addr.sa.sa_family, AF_INET);
	assert_int_equal(listeners.skipped.error, -EAFNOSUPPORT);
	assert_string_equal(listeners.skipped.step, "socket");
	assert_string_equal(listeners.skipped.what, "[::]:0");
	meari_listeners_close(&listeners);
}

static void test_listen_family_switched_off_is_skipped_and_told(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of(":0");
	struct meari_listeners listeners;

	(void)state;
	NEEDS_IPV6();
	plan.bind_error = EADDRNOTAVAIL;
	plan.bind_family = AF_INET6;
	plan.bind_times = 1;
	listeners = open_all(&endpoint);
	assert_int_equal(listeners.n_items, 1);
	assert_int_equal(listeners.skipped.error, -EADDRNOTAVAIL);
	assert_string_equal(listeners.skipped.step, "bind");
	meari_listeners_close(&listeners);
}

static void test_listen_only_family_missing_fails(void **state)
{
	const struct meari_endpoint any = endpoint_of(":0");
	const struct meari_endpoint named = endpoint_of("[::1]:0");
	const struct meari_listen_options options = { .family = AF_INET6 };
	struct meari_listeners listeners;
	struct meari_fail fail;

	(void)state;
	plan.no_family = AF_INET6;
	assert_int_equal(meari_listen(&any, &options, &listeners, &fail),
			 -EAFNOSUPPORT);
	assert_string_equal(fail.what, "[::]:0");
	fail = open_fails(&named, -EAFNOSUPPORT);
	assert_string_equal(fail.what, "[::1]:0");
}

static void test_listen_callers_options_have_the_last_word(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of(":0");
	const struct meari_sockopt_value values[] = {
		{ .opt = meari_sockopt_find("reuseaddr"), .number = 0 },
		{ .opt = meari_sockopt_find("nodelay"), .number = 1 },
	};
	const struct meari_listen_options options = {
		.sockopts = values,
		.n_sockopts = 2,
	};
	struct meari_listeners listeners;
	struct meari_fail fail;
	const struct meari_endpoint udp = endpoint_of("udp://:0");

	(void)state;
	assert_non_null(values[0].opt);
	assert_non_null(values[1].opt);
	assert_int_equal(meari_listen(&endpoint, &options, &listeners, &fail),
			 0);
	for (size_t i = 0; i < listeners.n_items; i++) {
		assert_int_equal(get_int(listeners.items[i].fd, SOL_SOCKET,
					 SO_REUSEADDR),
				 0);
		assert_int_equal(get_int(listeners.items[i].fd, IPPROTO_TCP,
					 TCP_NODELAY),
				 1);
	}
	meari_listeners_close(&listeners);
	assert_int_equal(meari_listen(&udp, &options, &listeners, &fail),
			 -ENOPROTOOPT);
	assert_non_null(strstr(fail.what, "nodelay"));
}

static void test_listen_name_that_fails_passes_it_on(void **state)
{
	struct meari_endpoint endpoint = endpoint_of("127.0.0.1:0");
	const struct meari_listen_options options = { .family = AF_INET6 };
	struct meari_listeners listeners;
	struct meari_fail fail;

	(void)state;
	assert_int_equal(meari_listen(&endpoint, &options, &listeners, &fail),
			 -EAFNOSUPPORT);
	assert_string_equal(fail.step, "resolve");
}

/* Fails the k-th call until there is none; nothing must be left then. */
static void torture_endpoint(const struct meari_endpoint *endpoint,
			     const char *path)
{
	const size_t before = open_fds();
	unsigned k = 1;

	for (;; k++) {
		struct meari_listeners listeners = { .n_items = 99 };
		struct meari_fail fail = { .error = 1 };
		int r;

		torture_start(k);
		r = meari_listen(endpoint, NULL, &listeners, &fail);
		if (!torture_stop()) {
			assert_int_equal(r, 0);
			meari_listeners_close(&listeners);
			break;
		}
		assert_true(r < 0);
		assert_int_equal(fail.error, r);
		assert_int_equal(listeners.n_items, 99);
		assert_int_equal(open_fds(), before);
		if (path)
			assert_int_equal(access(path, F_OK), -1);
	}
	assert_true(k > 5);
	assert_int_equal(open_fds(), before);
}

static void test_listen_any_call_fails_leaves_nothing(void **state)
{
	static const char *const texts[] = { ":0", "udp://:0", "127.0.0.1:0" };
	char folder[] = "/tmp/meari-listen-XXXXXX";
	char path[64];
	struct meari_endpoint endpoint;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		endpoint = endpoint_of("%s", texts[i]);
		torture_endpoint(&endpoint, NULL);
	}
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/s", folder);
	endpoint = endpoint_of("unix:%s", path);
	torture_endpoint(&endpoint, path);
	assert_int_equal(rmdir(folder), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_listen_bare_port_opens_both_families_on_one_port),
		TEST(test_listen_can_be_connected_to),
		TEST(test_listen_sets_options_that_every_server_wants),
		TEST(test_listen_backlog_is_as_asked_or_the_longest),
		TEST(test_listen_busy_port_names_it_and_the_tool),
		TEST(test_listen_busy_udp_port_is_loud),
		TEST(test_listen_bound_by_another_fails_at_listen),
		TEST(test_listen_refused_by_the_kernel_gives_a_hint),
		TEST(test_listen_one_of_many_addresses_busy_opens_none),
		TEST(test_listen_port_zero_opens_same_port_on_all),
		TEST(test_listen_port_zero_busy_on_second_starts_over),
		TEST(test_listen_port_zero_always_busy_gives_up),
		TEST(test_listen_family_missing_is_skipped_and_told),
		TEST(test_listen_family_switched_off_is_skipped_and_told),
		TEST(test_listen_only_family_missing_fails),
		TEST(test_listen_callers_options_have_the_last_word),
		TEST(test_listen_name_that_fails_passes_it_on),
		TEST(test_listen_any_call_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
