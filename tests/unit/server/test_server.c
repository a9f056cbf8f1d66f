/* SPDX-License-Identifier: MIT */
/*
 * The server as a whole, in a process of its own: it forks, and takes signals.
 * What it logs is read from a pipe, line by line, which is also how it is
 * known to be up.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <meari/clock.h>
#include <meari/reader.h>

#include "loopback.h"
#include "torture.h"
#include "server/server.h"

#define LONG_NS (60 * MEARI_S)

/* Calls that can be made to fail. */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset);
int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __real_signalfd(int fd, const sigset_t *mask, int flags);
int __wrap_signalfd(int fd, const sigset_t *mask, int flags);

void *__wrap_calloc(size_t n, size_t size)
{
	return torture_hits(ENOMEM) ? NULL : __real_calloc(n, size);
}

int __wrap_eventfd(unsigned count, int flags)
{
	return torture_hits(EMFILE) ? -1 : __real_eventfd(count, flags);
}

pid_t __wrap_fork(void)
{
	return torture_hits(EAGAIN) ? -1 : __real_fork();
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd,
		    off_t offset)
{
	if (torture_hits(ENOMEM))
		return MAP_FAILED;
	return __real_mmap64(addr, len, prot, flags, fd, offset);
}

int __wrap_pipe2(int fds[2], int flags)
{
	return torture_hits(EMFILE) ? -1 : __real_pipe2(fds, flags);
}

int __wrap_signalfd(int fd, const sigset_t *mask, int flags)
{
	return torture_hits(EMFILE) ? -1 : __real_signalfd(fd, mask, flags);
}

struct scene {
	struct meari_endpoint endpoint;
	struct server_config config;
	void (*before)(void); /* done in the child first; may be NULL */
	pid_t pid;            /* 0: none */
	int logfd;
	char storage[4096];
	struct meari_reader log;
	char line[1024]; /* the last that was read */
};

static int setup(void **state)
{
	static struct scene s;

	s = (struct scene){
		.endpoint = endpoint_of("tcp://127.0.0.1:0"),
		.config = {
			.endpoints = &s.endpoint,
			.n_endpoints = 1,
			.engine = engine_at(0),
			.service = service_find("echo"),
			.max_connections = 10,
			.idle_ns = MEARI_NEVER,
			.drain_ns = 60 * MEARI_S,
			.level = LOG_NORMAL,
		},
		.logfd = -1,
	};
	*state = &s;
	return 0;
}

/* Whatever a failed test has left running. */
static int teardown(void **state)
{
	struct scene *s = *state;

	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, NULL, 0);
	}
	if (s->logfd >= 0)
		(void)close(s->logfd);
	return 0;
}

static void be_server(const struct scene *s, int logfd)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(logfd, STDERR_FILENO);
	if (s->before)
		s->before();
	exit((int)server_run(&s->config));
}

static void start(struct scene *s)
{
	sigset_t early, before;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	(void)fflush(NULL); /* or the child would print it again */
	/* One that comes before the server takes it waits for it. */
	(void)sigemptyset(&early);
	(void)sigaddset(&early, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &early, &before);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		be_server(s, fds[1]);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(fds[1]);
	s->logfd = fds[0];
	meari_reader_init(&s->log, s->logfd, s->storage, sizeof s->storage);
}

/* The next line, without its newline; NULL at the end of the log. */
static const char *next_line(struct scene *s)
{
	struct meari_span span = { .len = 0 };
	int r = meari_reader_line(&s->log, meari_after_ns(LONG_NS), &span);

	if (r == MEARI_IO_EOF)
		return NULL;
	assert_int_equal(r, MEARI_LINE_WHOLE);
	assert_true(span.len < sizeof s->line);
	memcpy(s->line, span.data, span.len - 1);
	s->line[span.len - 1] = '\0';
	return s->line;
}

static void expect_line(struct scene *s, const char *start_of_line)
{
	const char *line = next_line(s);

	assert_non_null(line);
	assert_memory_equal(line, start_of_line, strlen(start_of_line));
}

/* Where it listens, from what it says. */
static struct meari_addr start_and_await(struct scene *s)
{
	static const char listening[] = "meari: listening on tcp://127.0.0.1:";

	start(s);
	expect_line(s, listening);
	return addr_of("127.0.0.1",
		       (uint16_t)atoi(s->line + sizeof listening - 1));
}

static void signal_server(const struct scene *s, int number)
{
	assert_int_equal(kill(s->pid, number), 0);
}

static void expect_end(struct scene *s, enum server_end end)
{
	int status;

	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), end);
}

static void echo_a_byte(int fd)
{
	char byte = 'a';

	assert_int_equal(send(fd, &byte, 1, 0), 1);
	byte = 0;
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 'a');
}

static void converse(const struct meari_addr *addr)
{
	int fd = connected_socket(addr);
	char byte;

	echo_a_byte(fd);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	(void)close(fd);
}

/* Well */

static void ends_well_on(struct scene *s, int number)
{
	struct meari_addr addr = start_and_await(s);

	converse(&addr);
	signal_server(s, number);
	expect_line(s, "meari: stopping: ");
	expect_line(s, "meari: served 1 connection and 0 datagrams: 1 bytes "
		       "in, 1 out");
	assert_null(next_line(s));
	expect_end(s, SERVER_WELL);
}

static void test_run_ends_well_on_sigterm(void **state)
{
	ends_well_on(*state, SIGTERM);
}

static void test_run_ends_well_on_sigint(void **state)
{
	ends_well_on(*state, SIGINT);
}

/* Some parents leave it so; then nobody would hear of the engine's end. */
static void ignore_sigchld(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
}

static void test_run_ends_well_where_sigchld_was_ignored(void **state)
{
	struct scene *s = *state;

	s->before = ignore_sigchld;
	ends_well_on(s, SIGTERM);
}

static void test_run_second_signal_ends_at_once(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr = start_and_await(s);
	int fd = connected_socket(&addr);
	char byte;

	echo_a_byte(fd);
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: open connections have 60 s to "
		       "finish; a second signal ends them at once");
	assert_int_equal(recv(fd, &byte, 1, 0), 0); /* but we stay */
	signal_server(s, SIGTERM);
	expect_line(s, "meari: still open at the end, and reset: "
		       "1 connection");
	expect_line(s, "meari: served 1 connection");
	expect_end(s, SERVER_WELL);
	(void)close(fd);
}

static void test_run_drain_over_resets_and_says_so(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr;
	int fd;

	s->config.drain_ns = 200 * MEARI_MS;
	addr = start_and_await(s);
	fd = connected_socket(&addr);
	echo_a_byte(fd);
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: open connections have 0.2 s");
	expect_line(s, "meari: still open at the end, and reset: "
		       "1 connection");
	expect_line(s, "meari: served 1 connection");
	expect_end(s, SERVER_WELL);
	(void)close(fd);
}

static void test_run_once_ends_by_itself(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr;

	s->config.once = true;
	addr = start_and_await(s);
	converse(&addr);
	expect_line(s, "meari: served 1 connection");
	expect_end(s, SERVER_WELL);
}

static void test_run_sigusr1_tells_the_tallies(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr;

	/* One client at a time: the second is served when the first has been
	 * counted. */
	s->config.max_connections = 1;
	addr = start_and_await(s);
	converse(&addr);
	converse(&addr);
	signal_server(s, SIGUSR1);
	expect_line(s, "meari: tallies: active=");
	assert_non_null(strstr(s->line, " accepted=2 "));
	assert_non_null(strstr(s->line, " received_bytes=2 sent_bytes=2 "));
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: ");
	expect_line(s, "meari: served 2 connections");
	expect_end(s, SERVER_WELL);
}

static void test_run_sighup_is_noted_and_serves_on(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr = start_and_await(s);

	signal_server(s, SIGHUP);
	expect_line(s, "meari: SIGHUP: there is nothing to reload");
	converse(&addr);
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: ");
	expect_line(s, "meari: served 1 connection");
	expect_end(s, SERVER_WELL);
}

static void test_run_verbose_tells_of_each_connection(void **state)
{
	struct scene *s = *state;
	struct meari_addr addr;

	s->config.level = LOG_VERBOSE;
	start(s);
	expect_line(s, "meari: granted on tcp://127.0.0.1:");
	expect_line(s, "meari: listening on tcp://127.0.0.1:");
	addr = addr_of("127.0.0.1",
		       (uint16_t)atoi(strstr(s->line, "127.0.0.1:") + 10));
	converse(&addr);
	expect_line(s, "Connected to (127.0.0.1, ");
	expect_line(s, "server received 1 bytes");
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: ");
	expect_line(s, "meari: served 1 connection");
	expect_end(s, SERVER_WELL);
}

static void test_run_quiet_says_nothing_when_all_is_well(void **state)
{
	struct scene *s = *state;

	s->config.level = LOG_QUIET;
	start(s);
	signal_server(s, SIGUSR1); /* is answered: so it is up */
	expect_line(s, "meari: tallies: ");
	signal_server(s, SIGTERM);
	assert_null(next_line(s));
	expect_end(s, SERVER_WELL);
}

static void test_run_limits_the_connections_to_the_descriptors(void **state)
{
	struct scene *s = *state;

	s->config.max_connections = 1000 * 1000 * 1000;
	start(s);
	expect_line(s, "meari: --max-connections 1000000000 needs 1000000017 "
		       "descriptors, and RLIMIT_NOFILE allows ");
	expect_line(s, "meari: listening on ");
	signal_server(s, SIGTERM);
	expect_line(s, "meari: stopping: ");
	expect_line(s, "meari: served 0 connections");
	expect_end(s, SERVER_WELL);
}

/* Not well */

static void test_run_busy_port_is_not_up(void **state)
{
	struct scene *s = *state;
	int busyfd = listening_socket("127.0.0.1", 0);
	char expected[64];

	s->endpoint = endpoint_of("tcp://127.0.0.1:%u", port_of(busyfd));
	(void)snprintf(expected, sizeof expected,
		       "meari: bind 127.0.0.1:%u: Address already in use",
		       port_of(busyfd));
	start(s);
	expect_line(s, expected);
	assert_null(next_line(s));
	expect_end(s, SERVER_NOT_UP);
	(void)close(busyfd);
}

/* The engine's process. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	FILE *file;
	int child = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children",
		       (int)pid, (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &child), 1);
	(void)fclose(file);
	return child;
}

static void test_run_engine_that_dies_fails_and_is_told(void **state)
{
	struct scene *s = *state;

	(void)start_and_await(s);
	assert_int_equal(kill(child_of(s->pid), SIGKILL), 0);
	expect_line(s, "meari: served 0 connections");
	expect_line(s, "meari: the engine's process died: signal 9 (Killed)");
	assert_null(next_line(s));
	expect_end(s, SERVER_FAILED);
}

/* Below, in a child, where a failed assertion would be lost: what goes wrong
 * becomes its exit status. */
enum { AS_IT_SHOULD, LEAKED, ENDED_ODDLY, NEVER_UP };

/* A server that is stopped before it begins, with the @k-th call failing. */
static int run_failing(const struct server_config *config, unsigned k,
		       enum server_end *ret_end)
{
	size_t fds = open_fds();

	(void)raise(SIGTERM);
	torture_start(k);
	*ret_end = server_run(config);
	(void)torture_stop();
	return open_fds() == fds ? AS_IT_SHOULD : LEAKED;
}

static int fail_each_call(const struct scene *s)
{
	struct server_config config = s->config;
	enum server_end end = SERVER_NOT_UP;
	int outcome = AS_IT_SHOULD;
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	/* Makes no calls that fail once it is up. */
	config.engine = engine_find("iterative");
	for (unsigned k = 1; k < 100 && end == SERVER_NOT_UP; k++) {
		outcome = run_failing(&config, k, &end);
		if (outcome != AS_IT_SHOULD)
			return outcome;
	}
	if (end == SERVER_NOT_UP)
		return NEVER_UP;
	return end == SERVER_WELL ? AS_IT_SHOULD : ENDED_ODDLY;
}

static void test_run_each_call_failing_is_not_up(void **state)
{
	struct scene *s = *state;
	unsigned failures = 0;
	int status, logfds[2];

	assert_int_equal(pipe2(logfds, O_CLOEXEC), 0);
	meari_reader_init(&s->log, logfds[0], s->storage, sizeof s->storage);
	(void)fflush(NULL);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		(void)dup2(logfds[1], STDERR_FILENO);
		exit(fail_each_call(s));
	}
	(void)close(logfds[1]);
	while (next_line(s) && !strstr(s->line, "listening on"))
		failures++;
	while (next_line(s))
		;
	(void)close(logfds[0]);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	s->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), AS_IT_SHOULD);
	assert_in_range(failures, 12, 40); /* each was told */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_run_ends_well_on_sigterm),
		TEST(test_run_ends_well_on_sigint),
		TEST(test_run_ends_well_where_sigchld_was_ignored),
		TEST(test_run_second_signal_ends_at_once),
		TEST(test_run_drain_over_resets_and_says_so),
		TEST(test_run_once_ends_by_itself),
		TEST(test_run_sigusr1_tells_the_tallies),
		TEST(test_run_sighup_is_noted_and_serves_on),
		TEST(test_run_verbose_tells_of_each_connection),
		TEST(test_run_quiet_says_nothing_when_all_is_well),
		TEST(test_run_limits_the_connections_to_the_descriptors),
		TEST(test_run_busy_port_is_not_up),
		TEST(test_run_engine_that_dies_fails_and_is_told),
		TEST(test_run_each_call_failing_is_not_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
