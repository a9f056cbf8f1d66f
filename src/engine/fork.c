/* SPDX-License-Identifier: MIT */
/*
 * fork.c - a child process for each connection, and one for each datagram
 * socket
 *
 * The classic concurrent server. After fork(2) both processes hold connfd and
 * listenfd: the parent closes connfd, or the connection would never end; the
 * child closes every listenfd, or the port would stay taken. Ended children
 * are reaped when the parent hears of SIGCHLD, which it takes as an event
 * among others: through signalfd(2), not in a handler.
 *
 * The process that runs this engine has no other children and no threads.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "base/cleanup.h"
#include "engine/acceptor.h"
#include "engine/connection.h"
#include "engine/datagram.h"
#include "engine/engine.h"

/* Children end a drain by themselves; this is for one that cannot. */
#define GRACE_NS MEARI_S

struct child {
	pid_t pid; /* 0: free */
	struct connection connection; /* or only the listener, of datagrams */
};

struct engine_run {
	const struct engine_env *env;
	struct acceptor acceptor;
	pid_t pid; /* of the parent of all children */
	sigset_t old_mask;
	int sigchld_fd;
	unsigned n_connections; /* children that serve one */
	unsigned n_children;    /* all */
	size_t cap;
	struct child children[]; /* cap slots */
};

static int fork_probe(char *why)
{
	(void)why;
	return 0;
}

static void fork_free(struct engine_run *run)
{
	if (!run)
		return;
	acceptor_deinit(&run->acceptor);
	fd_closep(&run->sigchld_fd);
	(void)sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
	free(run);
}

static int hear_of_children(struct engine_run *run)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, &run->old_mask) < 0)
		return -errno;
	run->sigchld_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->sigchld_fd < 0 ? -errno : 0;
}

static int fork_start(struct engine_run **ret_run,
		      const struct engine_env *env)
{
	size_t cap = env->limits.max_connections + env->n_listeners;
	struct engine_run *run =
		calloc(1, sizeof *run + cap * sizeof run->children[0]);
	int r;

	if (!run)
		return -ENOMEM;
	run->env = env;
	run->cap = cap;
	(void)sigprocmask(SIG_SETMASK, NULL, &run->old_mask);
	r = hear_of_children(run);
	if (r == 0)
		r = acceptor_init(&run->acceptor, env, false, run->sigchld_fd);
	if (r < 0) {
		/* Not fork_free(): the acceptor may not be there yet. */
		fd_closep(&run->sigchld_fd);
		(void)sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
		free(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

/* In the child. Does not return. Only async-signal-safe calls: that is all a
 * child of a process with unknown locks may make. */
static void be_child(struct engine_run *run, struct connection *connection)
{
	const struct engine_env *env = run->env;

	/* A child must not outlive the server, whatever ends that. If it has
	 * ended already, the signal will not come. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != run->pid)
		_exit(1);
	for (size_t i = 0; i < env->n_listeners; i++)
		if (&env->listeners[i] != connection->listener ||
		    connection->fd >= 0)
			(void)close(env->listeners[i].fd);
	(void)close(run->sigchld_fd);
	if (connection->fd >= 0)
		connection_serve(env, connection);
	else
		datagram_serve(env, connection->listener);
	_exit(0);
}

static struct child *free_slot(struct engine_run *run)
{
	for (size_t i = 0; i < run->cap; i++)
		if (run->children[i].pid == 0)
			return &run->children[i];
	return NULL;
}

/* The connection's descriptor is the child's from here on. */
static int spawn(struct engine_run *run, struct connection *connection)
{
	struct child *slot = free_slot(run);
	pid_t pid = slot ? fork() : -1;

	if (pid < 0)
		return slot ? -errno : -ENOMEM;
	if (pid == 0)
		be_child(run, connection);
	*slot = (struct child){ .pid = pid, .connection = *connection };
	run->n_children++;
	if (connection->fd >= 0)
		run->n_connections++;
	fd_closep(&connection->fd);
	return 0;
}

static int spawn_datagrams(struct engine_run *run)
{
	int r = 0;

	for (size_t i = 0; i < run->env->n_listeners && r == 0; i++) {
		struct connection unconnected = {
			.fd = -1,
			.listener = &run->env->listeners[i],
		};

		if (unconnected.listener->socktype == SOCK_DGRAM)
			r = spawn(run, &unconnected);
	}
	return r;
}

static void tell_death(const struct engine_run *run, const struct child *child,
		       int status)
{
	const struct connection *connection = &child->connection;

	event_ring_put(run->env->events,
		       &(struct event){
			       .kind = EVENT_WORKER_DIED,
			       .listener = (uint32_t)(connection->listener -
						      run->env->listeners),
			       .connection = connection->number,
			       .value = (uint64_t)status,
			       .peer = connection->peer,
		       });
}

/* A child that died cannot have counted its end, so that is done here for
 * all, whichever way they went. */
static void bury(struct engine_run *run, struct child *child, int status)
{
	struct connection connection = child->connection;
	bool died = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	if (died)
		tell_death(run, child, status);
	child->pid = 0;
	run->n_children--;
	if (connection.listener->socktype == SOCK_STREAM) {
		run->n_connections--;
		connection_over(run->env, &connection);
	} else if (died && !run->acceptor.control.stopping) {
		(void)spawn(run, &connection); /* the service goes on */
	}
}

static void reap(struct engine_run *run)
{
	struct signalfd_siginfo ignored;
	int status;
	pid_t pid;

	/* One SIGCHLD may stand for many children. */
	while (read(run->sigchld_fd, &ignored, sizeof ignored) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < run->cap; i++)
			if (run->children[i].pid == pid) {
				bury(run, &run->children[i], status);
				break;
			}
}

static int accept_until_stopped(struct engine_run *run)
{
	struct connection connection;
	int r;

	for (;;) {
		r = acceptor_next(&run->acceptor, run->n_connections,
				  &connection);
		if (r == ACCEPTOR_WAKE) {
			reap(run);
		} else if (r == ACCEPTOR_CONNECTION) {
			r = spawn(run, &connection);
			if (r < 0)
				acceptor_hold(&run->acceptor, &connection, r);
		} else {
			return r; /* ACCEPTOR_END is 0 */
		}
	}
}

static void kill_all(struct engine_run *run)
{
	for (size_t i = 0; i < run->cap; i++)
		if (run->children[i].pid > 0)
			(void)kill(run->children[i].pid, SIGKILL);
}

/* Each child sees stop and abort itself; one that does not act on it in time
 * is killed. */
static void wait_for_all(struct engine_run *run)
{
	struct control *control = &run->acceptor.control;
	struct pollfd fds[CONTROL_N + 1];
	uint64_t until_ns = MEARI_NEVER;

	reap(run);
	while (run->n_children > 0 && !control->aborted) {
		fds[CONTROL_N] = (struct pollfd){
			.fd = run->sigchld_fd,
			.events = POLLIN,
		};
		if (control->stopping)
			until_ns = control->drained_ns + GRACE_NS;
		if (control_poll(control, fds, CONTROL_N + 1, until_ns) < 0)
			break;
		reap(run);
	}
	until_ns = meari_after_ns(GRACE_NS);
	while (run->n_children > 0) {
		if (meari_wait(run->sigchld_fd, POLLIN, until_ns) < 0) {
			kill_all(run);
			until_ns = MEARI_NEVER;
		}
		reap(run);
	}
}

static int fork_run(struct engine_run *run)
{
	int r;

	run->pid = getpid();
	r = spawn_datagrams(run);
	if (r == 0)
		r = accept_until_stopped(run);
	if (r < 0)
		(void)eventfd_write(run->env->stop_fd, 1);
	wait_for_all(run);
	return r;
}

const struct engine engine_fork = {
	.name = "fork",
	.summary = "a process for each connection",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX | ENGINE_CONCURRENT |
		ENGINE_SEES_BYTES,
	.probe = fork_probe,
	.start = fork_start,
	.run = fork_run,
	.free = fork_free,
};
