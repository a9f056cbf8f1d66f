/* SPDX-License-Identifier: MIT */
/*
 * iterative.c - one client at a time; the others wait in the kernel's queue
 *
 * The first server that anybody writes: accept, serve to the end, accept the
 * next. Two descriptors are at work: listenfd, which lives as long as the
 * server and only ever yields connections, and connfd, one connection.
 * Datagrams belong to no connection, so each is answered in its turn.
 */
#include <errno.h>
#include <stdlib.h>

#include <meari/io.h>

#include "engine/acceptor.h"
#include "engine/connection.h"
#include "engine/datagram.h"
#include "engine/engine.h"

struct engine_run {
	const struct engine_env *env;
	struct acceptor acceptor;
	unsigned char datagram[MEARI_DATAGRAM_MAX];
};

static int iterative_probe(char *why)
{
	(void)why;
	return 0;
}

static int iterative_start(struct engine_run **ret_run,
			   const struct engine_env *env)
{
	struct engine_run *run = calloc(1, sizeof *run);
	int r;

	if (!run)
		return -ENOMEM;
	run->env = env;
	r = acceptor_init(&run->acceptor, env, true, -1);
	if (r < 0) {
		free(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

static void serve_datagram(const struct engine_env *env,
			   const struct engine_listener *listener,
			   unsigned char *buf)
{
	int r = datagram_serve_one(env, listener, buf);

	if (r < 0 && r != -EAGAIN)
		(void)meari_poll(NULL, 0, meari_after_ns(DATAGRAM_REST_NS));
}

static int iterative_run(struct engine_run *run)
{
	const struct engine_env *env = run->env;
	struct connection connection;

	for (;;) {
		int r = acceptor_next(&run->acceptor, 0, &connection);

		switch (r) {
		case ACCEPTOR_CONNECTION:
			connection_serve(&run->acceptor.control, &connection);
			connection_over(env, &connection);
			break;
		case ACCEPTOR_DATAGRAM:
			serve_datagram(env, connection.listener, run->datagram);
			break;
		default:
			return r; /* ACCEPTOR_END is 0 */
		}
	}
}

static void iterative_free(struct engine_run *run)
{
	if (!run)
		return;
	acceptor_deinit(&run->acceptor);
	free(run);
}

const struct engine engine_iterative = {
	.name = "iterative",
	.summary = "one client at a time, the others wait in the queue",
	.caps = ENGINE_TCP | ENGINE_UDP | ENGINE_UNIX | ENGINE_SEES_BYTES,
	.probe = iterative_probe,
	.start = iterative_start,
	.run = iterative_run,
	.free = iterative_free,
};
