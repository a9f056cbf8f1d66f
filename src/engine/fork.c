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
#include <assert.h>
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

/* Until a datagram socket's child that ended is replaced. */
#define RESPAWN_NS (100 * MEARI_MS)

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
	bool killing;           /* children that did not end a drain */
	unsigned n_connections; /* children that serve one */
	unsigned n_children;    /* all */
	size_t cap;
	/* The first are the datagram sockets' own, one for each listener;
	 * those of stream listeners stay free. */
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
	struct control control = control_copy(&run->acceptor.control);

	/* A child must not outlive the server, whatever ends that. If it has
	 * ended already, the signal will not come. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != run->pid)
		_exit(1);
	acceptor_leave(&run->acceptor,
		       connection->fd < 0 ? connection->listener : NULL);
	if (connection->fd >= 0)
		connection_serve(&control, connection);
	else
		datagram_serve(run->env, connection->listener);
	_exit(0);
}

/* The connection's descriptor is the child's from here on. */
static int spawn(struct engine_run *run, struct child *slot,
		 struct connection *connection)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		be_child(run, connection);
	*slot = (struct child){ .pid = pid, .connection = *connection };
	run->n_children++;
	if (connection->fd >= 0)
		run->n_connections++;
	fd_closep(&connection->fd);
	return 0;
}

/* There are as many slots as connections are allowed at once. */
static struct child *free_slot(struct engine_run *run)
{
	size_t i = run->env->n_listeners;

	while (run->children[i].pid != 0)
		i++;
	assert(i < run->cap);
	return &run->children[i];
}

/* Those that are not there: at the start, and after one has ended. What cannot
 * be had now is tried again. */
static void spawn_datagrams(struct engine_run *run)
{
	if (run->acceptor.control.stopping)
		return;
	for (size_t i = 0; i < run->env->n_listeners; i++) {
		struct connection unconnected = {
			.fd = -1,
			.listener = &run->env->listeners[i],
		};

		if (unconnected.listener->socktype == SOCK_DGRAM &&
		    run->children[i].pid == 0 &&
		    spawn(run, &run->children[i], &unconnected) < 0)
			run->acceptor.wake_at_ns = meari_after_ns(RESPAWN_NS);
	}
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
	if (connection.listener->socktype == SOCK_DGRAM) {
		/* The service goes on; but not in a circle without a pause. */
		run->acceptor.wake_at_ns = meari_after_ns(RESPAWN_NS);
		return;
	}
	run->n_connections--;
	if (died)
		tally_add(tally_slot(run->env->tally, connection.number),
			  run->killing ? TALLY_DRAIN_RESET : TALLY_FAILED, 1);
	connection_over(run->env, &connection);
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
			/* Unless the time for that is still to come. */
			if (run->acceptor.wake_at_ns == MEARI_NEVER)
				spawn_datagrams(run);
			reap(run);
		} else if (r == ACCEPTOR_CONNECTION) {
			r = spawn(run, free_slot(run), &connection);
			if (r < 0)
				acceptor_hold(&run->acceptor, &connection, r);
		} else {
			return r; /* ACCEPTOR_END is 0 */
		}
	}
}

static void kill_all(struct engine_run *run)
{
	run->killing = true;
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
			until_ns = later_by(control->drained_ns, GRACE_NS);
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
	spawn_datagrams(run);
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
