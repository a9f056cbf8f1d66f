/* SPDX-License-Identifier: MIT */
#include <netinet/tcp.h>
#include <stdio.h>

#include "loopback.h"
#include "torture.h"
#include "server/sockets.h"

#define MAX_ENDPOINTS 4

/* What meari_listen() returns for its k-th call; 0: the real thing. */
static int listen_errors[MAX_ENDPOINTS];
static unsigned listens;
static struct meari_listen_options asked; /* of the last call */

int __real_meari_listen(const struct meari_endpoint *endpoint,
			const struct meari_listen_options *options,
			struct meari_listeners *ret_listeners,
			struct meari_fail *fail);
int __wrap_meari_listen(const struct meari_endpoint *endpoint,
			const struct meari_listen_options *options,
			struct meari_listeners *ret_listeners,
			struct meari_fail *fail);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static int fail_with(struct meari_fail *fail, int error)
{
	*fail = (struct meari_fail){ .error = error, .step = "bind" };
	(void)snprintf(fail->why, sizeof fail->why, "%s", strerror(-error));
	return error;
}

int __wrap_meari_listen(const struct meari_endpoint *endpoint,
			const struct meari_listen_options *options,
			struct meari_listeners *ret_listeners,
			struct meari_fail *fail)
{
	asked = *options;
	if (torture_hits(EMFILE))
		return fail_with(fail, -EMFILE);
	if (listens < MAX_ENDPOINTS && listen_errors[listens++] < 0)
		return fail_with(fail, listen_errors[listens - 1]);
	return __real_meari_listen(endpoint, options, ret_listeners, fail);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return torture_hits(ENOMEM) ? NULL : __real_calloc(n, size);
}

struct scene {
	struct meari_endpoint endpoints[MAX_ENDPOINTS];
	struct meari_sockopt_value sockopts[2];
	struct server_config config;
	struct server_sockets sockets;
	struct meari_fail fail;
	size_t fds; /* open before */
};

static int setup(void **state)
{
	static struct scene s;

	s = (struct scene){
		.config = {
			.endpoints = s.endpoints,
			.sockopts = s.sockopts,
			.service = service_find("echo"),
			.message = { (const unsigned char *)"hello", 5 },
		},
		.fds = open_fds(),
	};
	for (size_t i = 0; i < MAX_ENDPOINTS; i++)
		listen_errors[i] = 0;
	listens = 0;
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	sockets_close(&s->sockets);
	assert_null(s->sockets.sets);
	assert_null(s->sockets.listeners);
	assert_int_equal(s->sockets.n_listeners, 0);
	assert_int_equal(open_fds(), s->fds);
	return 0;
}

static void add_endpoint(struct scene *s, const char *text)
{
	s->endpoints[s->config.n_endpoints++] = endpoint_of("%s", text);
}

/* An abstract name of this process's own. */
static void add_unix_endpoint(struct scene *s)
{
	s->endpoints[s->config.n_endpoints++] =
		endpoint_of("unix:@meari-test-%d", (int)getpid());
}

static void add_sockopt(struct scene *s, const char *text)
{
	assert_int_equal(meari_sockopt_parse(
				 text, &s->sockopts[s->config.n_sockopts++],
				 NULL),
			 0);
}

static void assert_opens(struct scene *s, size_t n_listeners)
{
	assert_int_equal(sockets_open(&s->config, &s->sockets, &s->fail), 0);
	assert_int_equal(s->sockets.n_listeners, n_listeners);
}

/* Leaves nothing, and says why in a line that begins so. */
static void assert_fails(struct scene *s, int error, const char *text)
{
	char line[MEARI_FAIL_TEXT];

	assert_int_equal(sockets_open(&s->config, &s->sockets, &s->fail),
			 error);
	assert_int_equal(s->fail.error, error);
	(void)meari_fail_format(&s->fail, line, sizeof line);
	assert_memory_equal(line, text, strlen(text));
	assert_null(s->sockets.sets);
	assert_int_equal(open_fds(), s->fds);
}

/* What is opened */

static void test_open_lists_every_socket_with_its_service(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM };
	struct scene *s = *state;
	char name[64];

	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "udp://127.0.0.1:0");
	add_unix_endpoint(s);
	assert_opens(s, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct engine_listener *listener =
			&s->sockets.listeners[i];

		assert_born_right(listener->fd);
		assert_int_equal(get_int(listener->fd, SOL_SOCKET, SO_TYPE),
				 types[i]);
		assert_int_equal(listener->socktype, types[i]);
		assert_ptr_equal(listener->service, s->config.service);
		assert_ptr_equal(listener->message.data,
				 s->config.message.data);
		assert_int_equal(listener->message.len, 5);
		if (i < 2)
			assert_int_equal(meari_addr_port(&listener->addr),
					 port_of(listener->fd));
	}
	(void)snprintf(name, sizeof name, "unix:@meari-test-%d",
		       (int)getpid());
	assert_addr_text(&s->sockets.listeners[2].addr, name);
}

static void test_open_endpoint_of_several_sockets_lists_them_all(void **state)
{
	struct scene *s = *state;

	NEEDS_IPV6();
	add_endpoint(s, "tcp://:0");
	add_endpoint(s, "udp://127.0.0.1:0");
	assert_opens(s, 3);
	assert_int_equal(s->sockets.n_sets, 2);
	assert_int_equal(s->sockets.listeners[2].socktype, SOCK_DGRAM);
}

/* Loopback addresses need no guard, and streams cannot use one. */
static void test_open_guards_datagrams_others_can_send(void **state)
{
	static const bool guarded[] = { false, false, true };
	struct scene *s = *state;

	add_endpoint(s, "udp://127.0.0.1:0");
	add_endpoint(s, "tcp://0.0.0.0:0");
	add_endpoint(s, "udp://0.0.0.0:0");
	assert_opens(s, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(s->sockets.listeners[i].guarded, guarded[i]);
}

static void test_open_passes_family_and_backlog_on(void **state)
{
	struct scene *s = *state;

	s->config.family = AF_INET;
	s->config.backlog = 17;
	add_endpoint(s, "0");
	assert_opens(s, 1);
	assert_int_equal(asked.family, AF_INET);
	assert_int_equal(asked.backlog, 17);
	assert_int_equal(s->sockets.listeners[0].addr.sa.sa_family, AF_INET);
}

static void test_open_without_the_service_for_udp_is_refused(void **state)
{
	struct scene *s = *state;

	s->config.service = service_find("message");
	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "udp://127.0.0.1:7007");
	assert_fails(s, -EPROTONOSUPPORT,
		     "endpoint udp://127.0.0.1:7007: the service message is "
		     "not for UDP: its reply could be larger than the "
		     "request");
}

/* All or none */

static void test_open_busy_port_opens_none(void **state)
{
	struct scene *s = *state;
	int busyfd = listening_socket("127.0.0.1", 0);
	char text[64], expected[128];

	s->fds++;
	(void)snprintf(text, sizeof text, "tcp://127.0.0.1:%u",
		       port_of(busyfd));
	(void)snprintf(expected, sizeof expected,
		       "bind 127.0.0.1:%u: Address already in use",
		       port_of(busyfd));
	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, text);
	s->config.lenient = true; /* forgives a missing family alone */
	assert_fails(s, -EADDRINUSE, expected);
	(void)close(busyfd);
	s->fds--;
}

static void test_open_failing_later_removes_socket_files(void **state)
{
	struct scene *s = *state;
	char folder[] = "/tmp/meari-sockets.XXXXXX";
	char text[64];

	assert_non_null(mkdtemp(folder));
	(void)snprintf(text, sizeof text, "unix:%s/socket", folder);
	add_endpoint(s, text);
	add_endpoint(s, "tcp://127.0.0.1:0");
	listen_errors[1] = -EACCES;
	assert_fails(s, -EACCES, "bind: Permission denied");
	assert_int_equal(rmdir(folder), 0);
}

static void test_open_each_call_failing_leaves_nothing(void **state)
{
	struct scene *s = *state;
	unsigned k = 1;

	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "udp://127.0.0.1:0");
	for (;; k++) {
		int r;

		torture_start(k);
		r = sockets_open(&s->config, &s->sockets, &s->fail);
		if (!torture_stop())
			break;
		assert_true(r == -ENOMEM || r == -EMFILE);
		assert_int_equal(s->fail.error, r);
		assert_null(s->sockets.sets);
		assert_int_equal(open_fds(), s->fds);
	}
	assert_in_range(k, 6, 20);
	assert_int_equal(s->sockets.n_listeners, 2);
}

static void test_open_failing_without_anybody_to_tell(void **state)
{
	struct scene *s = *state;

	add_endpoint(s, "tcp://127.0.0.1:0");
	listen_errors[0] = -EACCES;
	assert_int_equal(sockets_open(&s->config, &s->sockets, NULL),
			 -EACCES);
}

/* Families that are not there */

static void test_open_lenient_leaves_a_missing_family_out(void **state)
{
	static const int errors[] = { -EAFNOSUPPORT, -EADDRNOTAVAIL };
	struct scene *s = *state;

	s->config.lenient = true;
	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "tcp://127.0.0.2:0");
	for (size_t at = 0; at < 2; at++)
		for (size_t i = 0; i < 2; i++) {
			listens = 0;
			listen_errors[at] = errors[i];
			listen_errors[1 - at] = 0;
			assert_opens(s, 1);
			assert_int_equal(s->sockets.n_sets, 2);
			assert_int_equal(s->sockets.sets[at].skipped.error,
					 errors[i]);
			assert_int_equal(
				s->sockets.sets[1 - at].skipped.error, 0);
			sockets_close(&s->sockets);
		}
}

/* A server that serves nothing is none. */
static void test_open_lenient_all_missing_fails(void **state)
{
	struct scene *s = *state;

	s->config.lenient = true;
	for (size_t i = 0; i < 3; i++) {
		add_endpoint(s, "tcp://127.0.0.1:0");
		listen_errors[i] = -EAFNOSUPPORT;
		listens = 0;
		assert_fails(s, -EAFNOSUPPORT,
			     "bind: Address family not supported by "
			     "protocol");
	}
}

static void test_open_strict_missing_family_fails(void **state)
{
	struct scene *s = *state;

	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "tcp://127.0.0.1:0");
	listen_errors[1] = -EADDRNOTAVAIL;
	assert_fails(s, -EADDRNOTAVAIL,
		     "bind: Cannot assign requested address");
}

/* Options */

static void test_open_nodelay_is_on_unless_asked_otherwise(void **state)
{
	struct scene *s = *state;

	add_endpoint(s, "tcp://127.0.0.1:0");
	assert_opens(s, 1);
	assert_int_equal(get_int(s->sockets.listeners[0].fd, IPPROTO_TCP,
				 TCP_NODELAY), 1);
	sockets_close(&s->sockets);
	add_sockopt(s, "nodelay=off");
	assert_opens(s, 1);
	assert_int_equal(get_int(s->sockets.listeners[0].fd, IPPROTO_TCP,
				 TCP_NODELAY), 0);
}

static void test_open_option_is_set_where_it_suits(void **state)
{
	struct scene *s = *state;

	add_endpoint(s, "tcp://127.0.0.1:0");
	add_endpoint(s, "udp://127.0.0.1:0");
	add_sockopt(s, "keepidle=123");
	add_sockopt(s, "rcvbuf=20000");
	assert_opens(s, 2);
	assert_int_equal(get_int(s->sockets.listeners[0].fd, IPPROTO_TCP,
				 TCP_KEEPIDLE), 123);
	for (size_t i = 0; i < 2; i++) /* socket(7) doubles it */
		assert_int_equal(get_int(s->sockets.listeners[i].fd,
					 SOL_SOCKET, SO_RCVBUF), 40000);
}

static void test_open_option_that_suits_nothing_is_refused(void **state)
{
	struct scene *s = *state;

	add_endpoint(s, "udp://127.0.0.1:0");
	add_unix_endpoint(s);
	add_sockopt(s, "rcvbuf=20000");
	add_sockopt(s, "keepidle=123");
	assert_fails(s, -ENOPROTOOPT,
		     "socket option keepidle: no socket that is to be served "
		     "has it");
	assert_int_equal(listens, 0);
}

static void test_close_of_the_empty_value_does_nothing(void **state)
{
	struct scene *s = *state;

	sockets_close(&s->sockets);
	sockets_close(&s->sockets);
}

static void test_close_removes_socket_files(void **state)
{
	struct scene *s = *state;
	char folder[] = "/tmp/meari-sockets.XXXXXX";
	char text[64];

	assert_non_null(mkdtemp(folder));
	(void)snprintf(text, sizeof text, "unix:%s/socket", folder);
	add_endpoint(s, text);
	assert_opens(s, 1);
	assert_int_equal(access(text + strlen("unix:"), F_OK), 0);
	sockets_close(&s->sockets);
	assert_int_equal(access(text + strlen("unix:"), F_OK), -1);
	assert_int_equal(rmdir(folder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_lists_every_socket_with_its_service),
		TEST(test_open_endpoint_of_several_sockets_lists_them_all),
		TEST(test_open_guards_datagrams_others_can_send),
		TEST(test_open_passes_family_and_backlog_on),
		TEST(test_open_without_the_service_for_udp_is_refused),
		TEST(test_open_busy_port_opens_none),
		TEST(test_open_failing_later_removes_socket_files),
		TEST(test_open_each_call_failing_leaves_nothing),
		TEST(test_open_failing_without_anybody_to_tell),
		TEST(test_open_lenient_leaves_a_missing_family_out),
		TEST(test_open_lenient_all_missing_fails),
		TEST(test_open_strict_missing_family_fails),
		TEST(test_open_nodelay_is_on_unless_asked_otherwise),
		TEST(test_open_option_is_set_where_it_suits),
		TEST(test_open_option_that_suits_nothing_is_refused),
		TEST(test_close_of_the_empty_value_does_nothing),
		TEST(test_close_removes_socket_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
