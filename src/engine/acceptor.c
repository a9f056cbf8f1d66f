/* SPDX-License-Identifier: MIT */
#include "engine/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/listen.h>

#include "engine/admission.h"

#define PAUSE_NS (100 * MEARI_MS)

/* Order in the poll set. */
enum { AT_WAKE = CONTROL_N, AT_LISTENERS };

int acceptor_init(struct acceptor *acceptor, const struct engine_env *env,
		  bool datagrams, int wake_fd)
{
	*acceptor = (struct acceptor){
		.control = { .env = env },
		.datagrams = datagrams,
		.wake_fd = wake_fd,
		.next = env->n_listeners,
		.held = { .fd = -1 },
	};
	acceptor->fds = calloc(AT_LISTENERS + env->n_listeners,
			       sizeof *acceptor->fds);
	return acceptor->fds ? 0 : -ENOMEM;
}

static void drop_held(struct acceptor *acceptor)
{
	if (acceptor->held.fd >= 0)
		connection_discard(acceptor->control.env, &acceptor->held);
}

void acceptor_deinit(struct acceptor *acceptor)
{
	drop_held(acceptor);
	free(acceptor->fds);
	acceptor->fds = NULL;
}

static void pause_accepting(struct acceptor *acceptor, int error)
{
	const struct engine_env *env = acceptor->control.env;

	acceptor->paused_until_ns = meari_after_ns(PAUSE_NS);
	tally_add(tally_slot(env->tally, 0), TALLY_ACCEPT_PAUSES, 1);
	if (acceptor->told_pause)
		return;
	acceptor->told_pause = true;
	event_ring_put(env->events, &(struct event){
					    .kind = EVENT_ACCEPT_PAUSED,
					    .value = (uint64_t)-error,
				    });
}

/* Does the lack of it pass? EPERM is a firewall's word on one connection. */
static bool is_lack_of_room(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
	       error == -ENOMEM || error == -EPERM;
}

void acceptor_hold(struct acceptor *acceptor, struct connection *connection,
		   int error)
{
	acceptor->held = *connection;
	connection->fd = -1;
	pause_accepting(acceptor, error);
}

/* May connections be accepted, as far as we are concerned? */
static bool has_room(const struct acceptor *acceptor, unsigned active)
{
	const struct engine_env *env = acceptor->control.env;

	return acceptor->paused_until_ns == 0 &&
	       active < env->limits.max_connections;
}

static void fill(struct acceptor *acceptor, bool room)
{
	const struct engine_env *env = acceptor->control.env;
	bool closed = admission_closed(env);

	acceptor->fds[AT_WAKE] = (struct pollfd){
		.fd = acceptor->wake_fd,
		.events = POLLIN,
	};
	for (size_t i = 0; i < env->n_listeners; i++) {
		const struct engine_listener *listener = &env->listeners[i];
		bool wanted = listener->socktype == SOCK_DGRAM ?
				      acceptor->datagrams :
				      room;

		acceptor->fds[AT_LISTENERS + i] = (struct pollfd){
			.fd = wanted && !closed ? listener->fd : -1,
			.events = POLLIN,
		};
	}
}

static uint64_t deadline(const struct acceptor *acceptor)
{
	const struct control *control = &acceptor->control;
	uint64_t until_ns = MEARI_NEVER;

	if (control->stopping)
		until_ns = control->drained_ns;
	if (acceptor->paused_until_ns > 0)
		until_ns = earlier(until_ns, acceptor->paused_until_ns);
	if (admission_closed(control->env))
		until_ns = earlier(until_ns,
				   meari_after_ns(ADMISSION_RECHECK_NS));
	return until_ns;
}

/* Nothing was ready in time. 1 when that means the end; else 0. */
static int nothing_ready(struct acceptor *acceptor, bool room)
{
	const struct control *control = &acceptor->control;
	uint64_t now_ns = meari_now_ns();

	acceptor->next = control->env->n_listeners;
	if (control->stopping && (room || now_ns >= control->drained_ns))
		return 1;
	if (now_ns >= acceptor->paused_until_ns)
		acceptor->paused_until_ns = 0;
	return 0;
}

/* Polls all anew. 0; 1 when there is nothing more to come; -errno. */
static int look(struct acceptor *acceptor, bool room)
{
	struct control *control = &acceptor->control;
	size_t n = AT_LISTENERS + control->env->n_listeners;
	uint64_t until_ns = deadline(acceptor);
	int r;

	fill(acceptor, room);
	/* On stop only what is queued already is still taken. */
	if (control->stopping && room && meari_now_ns() < until_ns)
		r = control_look(control, acceptor->fds, n);
	else
		r = control_poll(control, acceptor->fds, n, until_ns);
	acceptor->next = 0;
	return r == -ETIMEDOUT ? nothing_ready(acceptor, room) : r;
}

/* The next listener that was found ready, or NULL. */
static const struct engine_listener *next_ready(struct acceptor *acceptor)
{
	const struct engine_env *env = acceptor->control.env;

	while (acceptor->next < env->n_listeners) {
		size_t i = acceptor->next++;

		if (acceptor->fds[AT_LISTENERS + i].revents)
			return &env->listeners[i];
	}
	return NULL;
}

/* 1 when a connection was taken, 0 when there was none, -errno. */
static int take(struct acceptor *acceptor,
		const struct engine_listener *listener,
		struct connection *ret_connection)
{
	const struct engine_env *env = acceptor->control.env;
	int r;

	if (!admission_take(env))
		return 0;
	r = meari_accept(listener->fd, &ret_connection->fd,
			 &ret_connection->peer);
	if (r < 0) {
		admission_return(env);
		if (is_lack_of_room(r)) {
			pause_accepting(acceptor, r);
			return 0;
		}
		return r == -EAGAIN ? 0 : r;
	}
	acceptor->told_pause = false;
	ret_connection->listener = listener;
	ret_connection->number = ++acceptor->n_accepted;
	ret_connection->drained_ns = acceptor->control.drained_ns;
	tally_add(tally_slot(env->tally, ret_connection->number),
		  TALLY_ACCEPTED, 1);
	return 1;
}

/* From what the last look found. ACCEPTOR_END: nothing is left of it. */
static int next_found(struct acceptor *acceptor, unsigned active,
		      struct connection *ret_connection)
{
	const struct engine_listener *listener;

	while ((listener = next_ready(acceptor))) {
		int r;

		if (listener->socktype == SOCK_DGRAM) {
			ret_connection->listener = listener;
			return ACCEPTOR_DATAGRAM;
		}
		if (!has_room(acceptor, active))
			continue; /* since the last look */
		r = take(acceptor, listener, ret_connection);
		if (r < 0)
			return r;
		if (r > 0)
			return ACCEPTOR_CONNECTION;
	}
	return ACCEPTOR_END;
}

static int next_event(struct acceptor *acceptor, unsigned active,
		      struct connection *ret_connection)
{
	for (;;) {
		int r;

		if (acceptor->held.fd >= 0 && has_room(acceptor, active)) {
			*ret_connection = acceptor->held;
			acceptor->held.fd = -1;
			return ACCEPTOR_CONNECTION;
		}
		r = next_found(acceptor, active, ret_connection);
		if (r != ACCEPTOR_END)
			return r;
		r = look(acceptor, has_room(acceptor, active));
		if (r < 0)
			return r;
		if (r > 0 || acceptor->control.aborted)
			return ACCEPTOR_END;
		if (acceptor->fds[AT_WAKE].revents) {
			/* Something ended, so there may be room again. */
			acceptor->paused_until_ns = 0;
			return ACCEPTOR_WAKE;
		}
	}
}

/* Whoever comes now would wait in a queue that nobody will take. */
static void refuse_others(const struct engine_env *env)
{
	for (size_t i = 0; i < env->n_listeners; i++)
		if (env->listeners[i].ours &&
		    env->listeners[i].socktype == SOCK_STREAM)
			(void)shutdown(env->listeners[i].fd, SHUT_RD);
}

int acceptor_next(struct acceptor *acceptor, unsigned active,
		  struct connection *ret_connection)
{
	int r = next_event(acceptor, active, ret_connection);

	if (r <= ACCEPTOR_END) {
		drop_held(acceptor); /* it found no room until the end */
		refuse_others(acceptor->control.env);
	}
	return r;
}
