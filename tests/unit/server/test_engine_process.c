/* SPDX-License-Identifier: MIT */
#include <sys/wait.h>

#include "loopback.h"
#include "torture.h"
#include "captured.h"
#include "server/engine_process.h"
#include "server/log.h"

pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);

pid_t __wrap_fork(void)
{
	return torture_hits(EAGAIN) ? -1 : __real_fork();
}

int __wrap_pipe2(int fds[2], int flags)
{
	return torture_hits(EMFILE) ? -1 : __real_pipe2(fds, flags);
}

/* An engine whose outcomes are planned. */

enum start { STARTS, FAILS, DIES };

static struct {
	enum start start;
	int run; /* what run returns */
	pid_t parent;
	int heldfd; /* run waits for a byte from here; -1: it does not */
	int closedfd; /* start fails unless this one is closed */
} plan;

static int start(struct engine_run **ret_run, const struct engine_env *env)
{
	assert_true(getppid() == plan.parent);
	assert_int_equal(env->workers, 17);
	if (plan.start == DIES)
		_exit(0);
	if (fcntl(plan.closedfd, F_GETFD) != -1)
		return -EEXIST;
	*ret_run = NULL;
	return plan.start == FAILS ? -EPERM : 0;
}

static int run(struct engine_run *engine_run)
{
	char ignored;

	assert_null(engine_run);
	if (plan.heldfd >= 0)
		(void)read(plan.heldfd, &ignored, 1);
	return plan.run;
}

static void free_run(struct engine_run *engine_run)
{
	assert_null(engine_run);
}

static const struct engine engine = {
	.name = "planned",
	.start = start,
	.run = run,
	.free = free_run,
};

static const struct engine_env env = { .workers = 17 };

static int setup(void **state)
{
	(void)state;
	plan.start = STARTS;
	plan.run = 0;
	plan.parent = getpid();
	plan.heldfd = -1;
	plan.closedfd = -1;
	log_set_level(LOG_NORMAL);
	return 0;
}

static void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_no_child();
	return status;
}

static void test_start_well_run_ends_with_0(void **state)
{
	size_t fds = open_fds();
	pid_t pid = 0;

	(void)state;
	capture_start();
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid), 0);
	assert_int_equal(status_of(pid), 0);
	assert_captured("");
	assert_int_equal(open_fds(), fds);
}

/* Start is through, but not run. */
static void test_start_returns_while_it_runs(void **state)
{
	pid_t pid = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	plan.heldfd = fds[0];
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid), 0);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(status_of(pid), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_start_closes_the_signal_fd_in_the_child_alone(void **state)
{
	pid_t pid = 0;
	int fd = dup(STDERR_FILENO);

	(void)state;
	assert_true(fd >= 0);
	plan.closedfd = fd;
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid),
			 -EEXIST);
	assert_int_equal(engine_process_start(&engine, &env, fd, &pid), 0);
	assert_int_equal(status_of(pid), 0);
	assert_int_equal(close(fd), 0);
}

static void test_start_well_run_that_fails_says_so(void **state)
{
	pid_t pid = 0;
	int status;

	(void)state;
	plan.run = -ENOMEM;
	capture_start();
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid), 0);
	status = status_of(pid);
	assert_captured("meari: engine planned: Cannot allocate memory\n");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_start_failing_passes_its_error_on(void **state)
{
	size_t fds = open_fds();
	pid_t pid = 4711;

	(void)state;
	plan.start = FAILS;
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid), -EPERM);
	assert_int_equal(pid, 4711);
	assert_no_child();
	assert_int_equal(open_fds(), fds);
}

static void test_start_dying_is_an_error(void **state)
{
	size_t fds = open_fds();
	pid_t pid = 4711;

	(void)state;
	plan.start = DIES;
	assert_int_equal(engine_process_start(&engine, &env, -1, &pid),
			 -ECHILD);
	assert_int_equal(pid, 4711);
	assert_no_child();
	assert_int_equal(open_fds(), fds);
}

static void test_start_each_call_failing_leaves_nothing(void **state)
{
	static const int errors[] = { -EMFILE, -EAGAIN };
	size_t fds = open_fds();
	pid_t pid = 4711;

	(void)state;
	for (unsigned k = 1; k <= 2; k++) {
		torture_start(k);
		assert_int_equal(engine_process_start(&engine, &env, -1, &pid),
				 errors[k - 1]);
		assert_true(torture_stop());
		assert_int_equal(pid, 4711);
		assert_no_child();
		assert_int_equal(open_fds(), fds);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, capture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start_well_run_ends_with_0),
		TEST(test_start_returns_while_it_runs),
		TEST(test_start_closes_the_signal_fd_in_the_child_alone),
		TEST(test_start_well_run_that_fails_says_so),
		TEST(test_start_failing_passes_its_error_on),
		TEST(test_start_dying_is_an_error),
		TEST(test_start_each_call_failing_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
