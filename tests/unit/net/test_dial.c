/* SPDX-License-Identifier: MIT */
#include "loopback.h"

#include <netinet/tcp.h>

#include <meari/dial.h>
#include <meari/io.h>

/* What the wrapped calls do besides the real thing. */
static struct {
	const struct meari_addr_list *addrs; /* what any name resolves to */
	bool self_connect; /* a socket meets itself */
	int acceptfd;      /* while waiting, a place in its queue gets free */
	unsigned waits;
} plan;

int __real_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail);
int __wrap_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail);
int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __real_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);
int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns);

int __wrap_meari_resolve(const struct meari_endpoint *endpoint,
			 const struct meari_resolve_options *options,
			 struct meari_addr_list *ret_list,
			 struct meari_fail *fail)
{
	assert_false(options->passive);
	if (!plan.addrs)
		return __real_meari_resolve(endpoint, options, ret_list, fail);
	*ret_list = addr_list_copy(plan.addrs);
	return 0;
}

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	struct meari_addr self = addr_of("127.0.0.1", 0);

	if (!plan.self_connect)
		return __real_connect(fd, sa, len);
	assert_int_equal(bind(fd, &self.sa, self.len), 0);
	meari_addr_set_port(&self, port_of(fd));
	return __real_connect(fd, &self.sa, self.len);
}

int __wrap_meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	plan.waits++;
	if (plan.acceptfd >= 0 && plan.waits == 3)
		(void)close(accept(plan.acceptfd, NULL, NULL));
	return __real_meari_poll(fds, n_fds, until_ns);
}

/* The last failed attempt. */
static struct {
	unsigned calls;
	int error;
	uint64_t took_ns;
} failed;

static void note_failed(void *ctx, const struct meari_addr *addr, int error,
			uint64_t took_ns)
{
	assert_ptr_equal(ctx, &failed);
	assert_true(addr->len > 0);
	failed.calls++;
	failed.error = error;
	failed.took_ns = took_ns;
}

static int setup(void **state)
{
	(void)state;
	plan = (typeof(plan)){ .acceptfd = -1 };
	failed.calls = 0;
	return 0;
}

static struct meari_dialed dial(const struct meari_endpoint *endpoint)
{
	struct meari_dialed dialed;
	struct meari_fail fail = { .error = 1 };

	assert_int_equal(meari_dial(endpoint, NULL, &dialed, &fail), 0);
	assert_int_equal(fail.error, 1); /* written on failure only */
	assert_born_right(dialed.fd);
	return dialed;
}

static struct meari_fail dial_fails(const struct meari_endpoint *endpoint,
				    uint64_t until_ns, int error)
{
	const struct meari_dial_options options = {
		.until_ns = until_ns,
		.failed = note_failed,
		.ctx = &failed,
	};
	const size_t before = open_fds();
	struct meari_dialed dialed = { .fd = -5 };
	struct meari_fail fail;

	assert_int_equal(meari_dial(endpoint, &options, &dialed, &fail),
			 error);
	assert_int_equal(dialed.fd, -5);
	assert_int_equal(fail.error, error);
	assert_int_equal(open_fds(), before);
	return fail;
}

/* The listener is reached at @dialed, and the other way round. */
static void assert_connected(int listenfd, int fd)
{
	int connfd = accept(listenfd, NULL, NULL);
	char byte = 0;

	assert_true(connfd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read(connfd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	(void)close(connfd);
}

static void test_dial_tcp_connects(void **state)
{
	int listenfd = listening_socket("127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of("127.0.0.1:%u", port_of(listenfd));
	const struct meari_addr peer = addr_of("127.0.0.1", port_of(listenfd));
	const uint64_t start_ns = meari_now_ns();
	const struct meari_dialed dialed = dial(&endpoint);
	const uint64_t took_ns = meari_now_ns() - start_ns;

	(void)state;
	assert_true(meari_addr_equal(&dialed.peer, &peer));
	assert_int_equal(dialed.n_addrs, 1);
	assert_int_equal(dialed.n_tried, 1);
	assert_in_range(dialed.resolve_ns, 1, took_ns);
	assert_in_range(dialed.connect_ns, 1, took_ns - dialed.resolve_ns);
	assert_connected(listenfd, dialed.fd);
	(void)close(dialed.fd);
	(void)close(listenfd);
}

static void test_dial_http_is_tcp(void **state)
{
	int listenfd = listening_socket("127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of("http://127.0.0.1:%u", port_of(listenfd));
	const struct meari_dialed dialed = dial(&endpoint);

	(void)state;
	assert_connected(listenfd, dialed.fd);
	(void)close(dialed.fd);
	(void)close(listenfd);
}

static void test_dial_ipv6_connects(void **state)
{
	struct meari_endpoint endpoint;
	struct meari_dialed dialed;
	int listenfd;

	(void)state;
	NEEDS_IPV6();
	listenfd = listening_socket("::1", 0);
	endpoint = endpoint_of("[::1]:%u", port_of(listenfd));
	dialed = dial(&endpoint);
	assert_connected(listenfd, dialed.fd);
	(void)close(dialed.fd);
	(void)close(listenfd);
}

static void test_dial_no_host_is_this_machine(void **state)
{
	int listenfd = listening_socket("127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of(":%u", port_of(listenfd));
	const struct meari_dialed dialed = dial(&endpoint);

	(void)state;
	assert_int_equal(dialed.n_addrs, 2);
	assert_int_equal(dialed.n_tried, 2);
	assert_connected(listenfd, dialed.fd);
	(void)close(dialed.fd);
	(void)close(listenfd);
}

static void test_dial_udp_sends_to_endpoint(void **state)
{
	int serverfd = bound_socket(SOCK_DGRAM, "127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of("udp://127.0.0.1:%u", port_of(serverfd));
	const struct meari_dialed dialed = dial(&endpoint);
	char buf[8];

	(void)state;
	assert_int_equal(send(dialed.fd, "ping", 4, 0), 4);
	assert_int_equal(recv(serverfd, buf, sizeof buf, MSG_DONTWAIT), 4);
	assert_int_equal(meari_addr_port(&dialed.peer), port_of(serverfd));
	(void)close(dialed.fd);
	(void)close(serverfd);
}

static void test_dial_udp_takes_first_usable_address(void **state)
{
	/* Connecting to everybody takes SO_BROADCAST. */
	struct meari_addr addrs[] = { addr_of("127.255.255.255", 7),
				      addr_of("127.0.0.2", 7),
				      addr_of("127.0.0.3", 7) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 3 };
	const struct meari_endpoint endpoint = endpoint_of("udp://many:7");
	const struct meari_dial_options options = {
		.until_ns = MEARI_NEVER,
		.failed = note_failed,
		.ctx = &failed,
	};
	struct meari_dialed dialed;

	(void)state;
	plan.addrs = &list;
	assert_int_equal(meari_dial(&endpoint, &options, &dialed, NULL), 0);
	assert_addr_text(&dialed.peer, "127.0.0.2:7");
	assert_int_equal(dialed.n_addrs, 3);
	assert_int_equal(dialed.n_tried, 2);
	assert_int_equal(failed.calls, 1);
	assert_int_equal(failed.error, -EACCES);
	(void)close(dialed.fd);
}

static void test_dial_port_zero_is_refused(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("127.0.0.1:0");
	const struct meari_fail fail =
		dial_fails(&endpoint, MEARI_NEVER, -EINVAL);

	(void)state;
	assert_string_equal(fail.step, "connect");
	assert_string_equal(fail.why, "port 0 cannot be connected to");
	assert_int_equal(failed.calls, 0);
}

static void test_dial_name_that_fails_passes_it_on(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("127.0.0.1:7");
	const struct meari_dial_options options = { .family = AF_INET6 };
	struct meari_dialed dialed;
	struct meari_fail fail;

	(void)state;
	assert_int_equal(meari_dial(&endpoint, &options, &dialed, &fail),
			 -EAFNOSUPPORT);
	assert_string_equal(fail.step, "resolve");
}

static void test_dial_refused_names_address(void **state)
{
	int boundfd = bound_socket(SOCK_STREAM, "127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of("127.0.0.1:%u", port_of(boundfd));
	const struct meari_fail fail =
		dial_fails(&endpoint, MEARI_NEVER, -ECONNREFUSED);
	char expected[32];

	(void)state;
	(void)snprintf(expected, sizeof expected, "127.0.0.1:%u",
		       port_of(boundfd));
	assert_string_equal(fail.step, "connect");
	assert_string_equal(fail.what, expected);
	assert_string_equal(fail.why, "Connection refused");
	assert_int_equal(failed.calls, 1);
	assert_int_equal(failed.error, -ECONNREFUSED);
	assert_in_range(failed.took_ns, 1, 10 * MEARI_S);
	assert_int_equal(meari_dial(&endpoint, NULL, &(struct meari_dialed){
							     .fd = -1 },
				    NULL),
			 -ECONNREFUSED);
	(void)close(boundfd);
}

static void test_dial_all_refused_says_how_many(void **state)
{
	int boundfd = bound_socket(SOCK_STREAM, "127.0.0.1", 0);
	const uint16_t port = port_of(boundfd);
	struct meari_addr addrs[] = { addr_of("127.0.0.1", port),
				      addr_of("127.0.0.1", port),
				      addr_of("127.0.0.1", port) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 3 };
	const struct meari_endpoint endpoint = endpoint_of("many:%u", port);
	struct meari_fail fail;
	char what[32], why[96];

	(void)state;
	plan.addrs = &list;
	fail = dial_fails(&endpoint, MEARI_NEVER, -ECONNREFUSED);
	(void)snprintf(what, sizeof what, "many:%u", port);
	(void)snprintf(why, sizeof why,
		       "Connection refused (3 addresses tried, "
		       "the last 127.0.0.1:%u)",
		       port);
	assert_string_equal(fail.what, what);
	assert_string_equal(fail.why, why);
	assert_int_equal(failed.calls, 3);
	(void)close(boundfd);
}

static void test_dial_no_host_refused_names_what_was_tried(void **state)
{
	int boundfd = bound_socket(SOCK_STREAM, "127.0.0.1", 0);
	const uint16_t port = port_of(boundfd);
	struct meari_addr addrs[] = { addr_of("127.0.0.2", port),
				      addr_of("127.0.0.1", port) };
	const struct meari_addr_list list = { .addrs = addrs, .n_addrs = 2 };
	const struct meari_endpoint endpoint = endpoint_of(":%u", port);
	struct meari_fail fail;
	char what[64];

	(void)state;
	plan.addrs = &list;
	fail = dial_fails(&endpoint, MEARI_NEVER, -ECONNREFUSED);
	(void)snprintf(what, sizeof what,
		       "127.0.0.2:%u, then 127.0.0.1:%u", port, port);
	assert_string_equal(fail.what, what);
	assert_string_equal(fail.why, "Connection refused");
	(void)close(boundfd);
}

static void test_dial_itself_counts_as_refused(void **state)
{
	const struct meari_endpoint tcp = endpoint_of("127.0.0.1:7");
	const struct meari_endpoint udp = endpoint_of("udp://127.0.0.1:7");

	(void)state;
	plan.self_connect = true;
	(void)dial_fails(&tcp, MEARI_NEVER, -ECONNREFUSED);
	(void)dial_fails(&udp, MEARI_NEVER, -ECONNREFUSED);
}

static void test_dial_sets_options_before_connecting(void **state)
{
	int listenfd = listening_socket("127.0.0.1", 0);
	const struct meari_endpoint endpoint =
		endpoint_of("127.0.0.1:%u", port_of(listenfd));
	const struct meari_sockopt_value values[] = {
		{ .opt = meari_sockopt_find("nodelay"), .number = 1 },
	};
	const struct meari_dial_options options = {
		.until_ns = MEARI_NEVER,
		.sockopts = values,
		.n_sockopts = 1,
	};
	struct meari_dialed dialed;

	(void)state;
	assert_int_equal(meari_dial(&endpoint, &options, &dialed, NULL), 0);
	assert_int_equal(get_int(dialed.fd, IPPROTO_TCP, TCP_NODELAY), 1);
	(void)close(dialed.fd);
	(void)close(listenfd);
}

static void test_dial_option_of_other_sockets_fails(void **state)
{
	const struct meari_endpoint endpoint = endpoint_of("udp://127.0.0.1:7");
	const struct meari_sockopt_value values[] = {
		{ .opt = meari_sockopt_find("nodelay"), .number = 1 },
	};
	const struct meari_dial_options options = {
		.until_ns = MEARI_NEVER,
		.sockopts = values,
		.n_sockopts = 1,
	};
	const size_t before = open_fds();
	struct meari_dialed dialed;
	struct meari_fail fail;

	(void)state;
	assert_int_equal(meari_dial(&endpoint, &options, &dialed, &fail),
			 -ENOPROTOOPT);
	assert_non_null(strstr(fail.what, "nodelay"));
	assert_int_equal(open_fds(), before);
}

/* A Unix listener whose queue holds one connection, and is full. */
struct full {
	char folder[32], path[48];
	int listenfd, clientfd;
	struct meari_endpoint endpoint;
};

static struct full full_open(void)
{
	struct full full = { .folder = "/tmp/meari-dial-XXXXXX" };
	struct meari_addr addr;

	assert_non_null(mkdtemp(full.folder));
	(void)snprintf(full.path, sizeof full.path, "%s/s", full.folder);
	full.endpoint = endpoint_of("unix:%s", full.path);
	addr = unix_addr_of(full.path);
	full.listenfd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(full.listenfd, &addr.sa, addr.len), 0);
	assert_int_equal(listen(full.listenfd, 0), 0);
	full.clientfd = connected_socket(&addr);
	return full;
}

static void full_close(struct full *full)
{
	(void)close(full->clientfd);
	(void)close(full->listenfd);
	assert_int_equal(unlink(full->path), 0);
	assert_int_equal(rmdir(full->folder), 0);
}

static void test_dial_unix_connects(void **state)
{
	struct full full = full_open();
	char text[64];
	struct meari_dialed dialed;

	(void)state;
	(void)close(accept(full.listenfd, NULL, NULL));
	dialed = dial(&full.endpoint);
	(void)snprintf(text, sizeof text, "unix:%s", full.path);
	assert_addr_text(&dialed.peer, text);
	assert_int_equal(dialed.n_tried, 1);
	assert_connected(full.listenfd, dialed.fd);
	(void)close(dialed.fd);
	full_close(&full);
}

static void test_dial_unix_past_deadline_is_tried_once(void **state)
{
	const struct meari_dial_options options = { .until_ns = 1 };
	struct full full = full_open();
	struct meari_dialed dialed;

	(void)state;
	(void)dial_fails(&full.endpoint, 1, -ETIMEDOUT);
	(void)close(accept(full.listenfd, NULL, NULL));
	assert_int_equal(meari_dial(&full.endpoint, &options, &dialed, NULL),
			 0);
	(void)close(dialed.fd);
	full_close(&full);
}

static void test_dial_unix_full_queue_is_waited_for(void **state)
{
	struct full full = full_open();
	struct meari_dialed dialed;

	(void)state;
	plan.acceptfd = full.listenfd;
	dialed = dial(&full.endpoint);
	assert_int_equal(plan.waits, 3);
	(void)close(dialed.fd);
	full_close(&full);
}

static void test_dial_until_zero_has_no_deadline(void **state)
{
	const struct meari_dial_options options = { .family = AF_UNSPEC };
	struct full full = full_open();
	struct meari_dialed dialed;

	(void)state;
	plan.acceptfd = full.listenfd;
	assert_int_equal(meari_dial(&full.endpoint, &options, &dialed, NULL),
			 0);
	assert_int_equal(plan.waits, 3);
	(void)close(dialed.fd);
	full_close(&full);
}

static void test_dial_unix_full_queue_ends_at_deadline(void **state)
{
	struct full full = full_open();
	const uint64_t until_ns = meari_after_ns(30 * MEARI_MS);
	const struct meari_fail fail =
		dial_fails(&full.endpoint, until_ns, -ETIMEDOUT);

	(void)state;
	assert_true(meari_now_ns() >= until_ns);
	assert_string_equal(fail.why, "Connection timed out");
	assert_int_equal(failed.calls, 1);
	full_close(&full);
}

static void test_dial_unix_nobody_there_fails_at_once(void **state)
{
	const struct meari_endpoint endpoint =
		endpoint_of("unix:/nonexistent/echo");
	const struct meari_fail fail =
		dial_fails(&endpoint, MEARI_NEVER, -ENOENT);

	(void)state;
	assert_string_equal(fail.what, "unix:/nonexistent/echo");
	assert_string_equal(fail.why, "No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dial_tcp_connects),
		TEST(test_dial_http_is_tcp),
		TEST(test_dial_ipv6_connects),
		TEST(test_dial_no_host_is_this_machine),
		TEST(test_dial_udp_sends_to_endpoint),
		TEST(test_dial_udp_takes_first_usable_address),
		TEST(test_dial_port_zero_is_refused),
		TEST(test_dial_name_that_fails_passes_it_on),
		TEST(test_dial_refused_names_address),
		TEST(test_dial_all_refused_says_how_many),
		TEST(test_dial_no_host_refused_names_what_was_tried),
		TEST(test_dial_itself_counts_as_refused),
		TEST(test_dial_sets_options_before_connecting),
		TEST(test_dial_option_of_other_sockets_fails),
		TEST(test_dial_unix_connects),
		TEST(test_dial_unix_past_deadline_is_tried_once),
		TEST(test_dial_unix_full_queue_is_waited_for),
		TEST(test_dial_until_zero_has_no_deadline),
		TEST(test_dial_unix_full_queue_ends_at_deadline),
		TEST(test_dial_unix_nobody_there_fails_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
