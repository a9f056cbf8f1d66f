/* SPDX-License-Identifier: MIT */
/*
 * thread.c - a thread for each connection, and one for each datagram socket
 *
 * The acceptor alone makes and joins threads. A thread that is done puts
 * itself on a list and raises an event descriptor that the acceptor waits on,
 * so none is left unjoined and none is waited for while it works.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "engine/acceptor.h"
#include "engine/connection.h"
#include "engine/datagram.h"
#include "engine/engine.h"

/* Holds the scratch of connection_serve() and the thread-local storage, which
 * under ThreadSanitizer alone is half a mebibyte. It is address space: a page
 * costs memory once it is touched. */
#define STACK_SIZE (1024 * 1024)

struct worker {
	struct engine_run *run;
	pthread_t thread;
	struct control control;
	struct connection connection; /* or only the listener, of datagrams */
	struct worker *next;
};

struct engine_run {
	const struct engine_env *env;
	struct acceptor acceptor;
	pthread_attr_t attr;
	int wake_fd;
	unsigned n_working; /* threads that serve a connection, not joined */
	struct worker *datagrams;
	pthread_mutex_t lock;
	struct worker *done; /* under lock */
};

static int thread_probe(char *why)
{
	(void)why;
	return 0;
}

static void thread_free(struct engine_run *run)
{
	if (!run)
		return;
	acceptor_deinit(&run->acceptor);
	fd_closep(&run->wake_fd);
	(void)pthread_attr_destroy(&run->attr);
	(void)pthread_mutex_destroy(&run->lock);
	free(run);
}

static int thread_start(struct engine_run **ret_run,
			const struct engine_env *env)
{
	struct engine_run *run = calloc(1, sizeof *run);
	int r;

	if (!run)
		return -ENOMEM;
	run->env = env;
	run->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->wake_fd < 0) {
		r = -errno;
		free(run);
		return r;
	}
	/* These two cannot fail on Linux with default attributes. */
	(void)pthread_mutex_init(&run->lock, NULL);
	(void)pthread_attr_init(&run->attr);
	(void)pthread_attr_setstacksize(&run->attr, STACK_SIZE);
	r = acceptor_init(&run->acceptor, env, false, run->wake_fd);
	if (r < 0) {
		thread_free(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

static void *serve_connection(void *arg)
{
	struct worker *worker = arg;
	struct engine_run *run = worker->run;

	connection_serve(&worker->control, &worker->connection);
	(void)pthread_mutex_lock(&run->lock);
	worker->next = run->done;
	run->done = worker;
	(void)pthread_mutex_unlock(&run->lock);
	(void)eventfd_write(run->wake_fd, 1);
	return NULL;
}

static void *serve_datagrams(void *arg)
{
	const struct worker *worker = arg;

	datagram_serve(worker->run->env, worker->connection.listener);
	return NULL;
}

static int launch(struct engine_run *run, const struct connection *connection,
		  void *(*serve)(void *), struct worker **ret_worker)
{
	struct worker *worker = malloc(sizeof *worker);
	int err;

	if (!worker)
		return -ENOMEM;
	*worker = (struct worker){
		.run = run,
		.control = control_copy(&run->acceptor.control),
		.connection = *connection,
	};
	err = pthread_create(&worker->thread, &run->attr, serve, worker);
	if (err) {
		free(worker);
		return -err;
	}
	*ret_worker = worker;
	return 0;
}

static void join_all(struct engine_run *run, struct worker *list)
{
	while (list) {
		struct worker *worker = list;

		list = worker->next;
		(void)pthread_join(worker->thread, NULL);
		if (worker->connection.listener->socktype == SOCK_STREAM) {
			connection_over(run->env, &worker->connection);
			run->n_working--;
		}
		free(worker);
	}
}

static void join_done(struct engine_run *run)
{
	struct worker *done;
	eventfd_t ignored;

	(void)eventfd_read(run->wake_fd, &ignored);
	(void)pthread_mutex_lock(&run->lock);
	done = run->done;
	run->done = NULL;
	(void)pthread_mutex_unlock(&run->lock);
	join_all(run, done);
}

static int launch_datagrams(struct engine_run *run)
{
	for (size_t i = 0; i < run->env->n_listeners; i++) {
		const struct connection unconnected = {
			.fd = -1,
			.listener = &run->env->listeners[i],
		};
		struct worker *worker;
		int r;

		if (unconnected.listener->socktype != SOCK_DGRAM)
			continue;
		r = launch(run, &unconnected, serve_datagrams, &worker);
		if (r < 0)
			return r;
		worker->next = run->datagrams;
		run->datagrams = worker;
	}
	return 0;
}

static int accept_until_stopped(struct engine_run *run)
{
	struct connection connection;
	struct worker *ignored;
	int r;

	for (;;) {
		r = acceptor_next(&run->acceptor, run->n_working, &connection);
		if (r == ACCEPTOR_WAKE) {
			join_done(run);
		} else if (r == ACCEPTOR_CONNECTION) {
			r = launch(run, &connection, serve_connection,
				   &ignored);
			if (r < 0)
				acceptor_hold(&run->acceptor, &connection, r);
			else
				run->n_working++;
		} else {
			return r; /* ACCEPTOR_END is 0 */
		}
	}
}

/* Each thread sees stop and abort itself, so waiting ends. */
static void wait_for_all(struct engine_run *run)
{
	struct pollfd wake = { .fd = run->wake_fd, .events = POLLIN };

	while (run->n_working > 0) {
		(void)meari_poll(&wake, 1, MEARI_NEVER);
		join_done(run);
	}
	join_all(run, run->datagrams);
	run->datagrams = NULL;
}

static int thread_run(struct engine_run *run)
{
	int r = launch_datagrams(run);

	if (r == 0)
		r = accept_until_stopped(run);
	if (r < 0)
		(void)eventfd_write(run->env->stop_fd, 1);
	wait_for_all(run);
	return r;
}

const struct engine engine_thread = {
	.name = "thread",
	.summary = "a thread for each connection",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX | ENGINE_CONCURRENT |
		ENGINE_SEES_BYTES,
	.probe = thread_probe,
	.start = thread_start,
	.run = thread_run,
	.free = thread_free,
};
