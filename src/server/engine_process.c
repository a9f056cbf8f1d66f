/* SPDX-License-Identifier: MIT */
#include "server/engine_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "server/log.h"

/* In the child. Does not return. */
static void serve(const struct engine *engine, const struct engine_env *env,
		  pid_t parent, int report_fd)
{
	struct engine_run *run;
	size_t done;
	int r;

	/* If the parent is gone already, the signal will not come. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	r = engine->start(&run, env);
	(void)meari_write_some(report_fd, &r, sizeof r, &done);
	(void)close(report_fd);
	if (r < 0)
		_exit(1);
	r = engine->run(run);
	engine->free(run);
	if (r < 0)
		log_line(LOG_QUIET, "engine %s: %s", engine->name,
			 strerror(-r));
	_exit(r < 0 ? 1 : 0);
}

/* What start returned in the child; or that it died before it could tell. */
static int read_report(int fd)
{
	size_t done;
	int report;
	int r = meari_read_full(fd, &report, sizeof report, MEARI_NEVER, &done);

	if (r < 0)
		return r;
	return r == MEARI_IO_DONE ? report : -ECHILD;
}

int engine_process_start(const struct engine *engine,
			 const struct engine_env *env, int signal_fd,
			 pid_t *ret_pid)
{
	MEARI_AUTO(fd_closep) int read_fd = -1;
	MEARI_AUTO(fd_closep) int write_fd = -1;
	pid_t parent = getpid();
	int fds[2];
	pid_t pid;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		fd_closep(&read_fd);
		fd_closep(&signal_fd);
		serve(engine, env, parent, fd_steal(&write_fd));
	}
	fd_closep(&write_fd);
	r = read_report(read_fd);
	if (r < 0) {
		(void)waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return 0;
}
