/* SPDX-License-Identifier: MIT */
#include "engine/acceptor.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/listen.h>

#include "engine/admission.h"

#define PAUSE_NS (100 * MEARI_MS)

/* Order in the poll set. */
enum { AT_WAKE = CONTROL_N, AT_LISTENERS };

static bool is_paused(const struct acceptor *acceptor)
{
	return acceptor->paused_until_ns > 0;
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

/* Only what tells that the descriptor is no listener at all. Anything else,
 * a lack of room, a firewall's or a security module's word, may pass. */
static bool is_for_good(int error)
{
	return error == -EBADF || error == -EINVAL || error == -ENOTSOCK ||
	       error == -EOPNOTSUPP || error == -EFAULT;
}

/* 1 when a connection was taken; 0 when there was none, or the acceptor is
 * paused now; -errno. */
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
		if (r == -EAGAIN)
			return 0;
		if (is_for_good(r))
			return r;
		pause_accepting(acceptor, r);
		return 0;
	}
	acceptor->told_pause = false;
	ret_connection->listener = listener;
	ret_connection->number = ++acceptor->n_accepted;
	tally_add(tally_slot(env->tally, ret_connection->number),
		  TALLY_ACCEPTED, 1);
	return 1;
}

/* All that one listener has queued, unless room gets short. */
static void take_queue(struct acceptor *acceptor,
		       const struct engine_listener *listener)
{
	struct connection connection;
	int r = 1;

	while (r > 0) {
		r = pending_reserve(&acceptor->pending);
		if (r < 0) {
			pause_accepting(acceptor, r);
			return;
		}
		r = take(acceptor, listener, &connection);
		if (r > 0)
			pending_put(&acceptor->pending, &connection);
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

/* At once and without serving in between, or those who come meanwhile would
 * make it last for as long as they come. Where room gets short the rest stays
 * queued until the pause is over. */
static void take_queues(struct acceptor *acceptor)
{
	const struct engine_env *env = acceptor->control.env;

	for (size_t i = 0; i < env->n_listeners && !is_paused(acceptor); i++)
		if (env->listeners[i].socktype == SOCK_STREAM)
			take_queue(acceptor, &env->listeners[i]);
	if (is_paused(acceptor))
		return;
	refuse_others(env);
	acceptor->queues_taken = true;
}

static_assert(offsetof(struct acceptor, control) == 0, "see on_stop()");

/* Also when a connection that the acceptor's own flow of execution serves is
 * what saw the stop. */
static void on_stop(struct control *control)
{
	take_queues((struct acceptor *)control);
}

int acceptor_init(struct acceptor *acceptor, const struct engine_env *env,
		  bool datagrams, int wake_fd)
{
	*acceptor = (struct acceptor){
		.control = { .env = env, .on_stop = on_stop },
		.datagrams = datagrams,
		.wake_fd = wake_fd,
		.wake_at_ns = MEARI_NEVER,
		.next = env->n_listeners,
	};
	acceptor->fds = calloc(AT_LISTENERS + env->n_listeners,
			       sizeof *acceptor->fds);
	/* For acceptor_hold(), which must not fail. */
	if (acceptor->fds && pending_reserve(&acceptor->pending) == 0)
		return 0;
	acceptor_deinit(acceptor);
	return -ENOMEM;
}

static void discard_pending(struct acceptor *acceptor)
{
	struct connection connection;

	while (pending_take(&acceptor->pending, &connection))
		connection_discard(acceptor->control.env, &connection);
}

void acceptor_deinit(struct acceptor *acceptor)
{
	discard_pending(acceptor);
	pending_deinit(&acceptor->pending);
	free(acceptor->fds);
	acceptor->fds = NULL;
}

void acceptor_hold(struct acceptor *acceptor, struct connection *connection,
		   int error)
{
	if (pending_reserve(&acceptor->pending) < 0) {
		connection_discard(acceptor->control.env, connection);
	} else {
		pending_put(&acceptor->pending, connection);
		connection->fd = -1;
	}
	pause_accepting(acceptor, error);
}

void acceptor_leave(const struct acceptor *acceptor,
		    const struct engine_listener *keep)
{
	const struct engine_env *env = acceptor->control.env;
	const struct pending *pending = &acceptor->pending;

	for (size_t i = 0; i < env->n_listeners; i++)
		if (&env->listeners[i] != keep)
			(void)close(env->listeners[i].fd);
	for (size_t i = pending->first; i < pending->end; i++)
		(void)close(pending->items[i].fd);
	if (acceptor->wake_fd >= 0)
		(void)close(acceptor->wake_fd);
}

/* May a connection be served, as far as we are concerned? */
static bool has_room(const struct acceptor *acceptor, unsigned active)
{
	return !is_paused(acceptor) &&
	       active < acceptor->control.env->limits.max_connections;
}

static bool is_wanted(const struct acceptor *acceptor,
		      const struct engine_listener *listener, bool room)
{
	if (admission_closed(acceptor->control.env))
		return false;
	if (listener->socktype == SOCK_DGRAM)
		return acceptor->datagrams;
	return room && !acceptor->control.stopping;
}

static void fill(struct acceptor *acceptor, bool room)
{
	const struct engine_env *env = acceptor->control.env;

	acceptor->fds[AT_WAKE] = (struct pollfd){
		.fd = acceptor->wake_fd,
		.events = POLLIN,
	};
	for (size_t i = 0; i < env->n_listeners; i++) {
		const struct engine_listener *listener = &env->listeners[i];

		acceptor->fds[AT_LISTENERS + i] = (struct pollfd){
			.fd = is_wanted(acceptor, listener, room) ?
				      listener->fd :
				      -1,
			.events = POLLIN,
		};
	}
}

static uint64_t deadline(const struct acceptor *acceptor)
{
	const struct control *control = &acceptor->control;
	uint64_t until_ns = acceptor->wake_at_ns;

	if (control->stopping)
		until_ns = earlier(until_ns, control->drained_ns);
	if (is_paused(acceptor))
		until_ns = earlier(until_ns, acceptor->paused_until_ns);
	if (admission_closed(control->env))
		until_ns = earlier(until_ns,
				   meari_after_ns(ADMISSION_RECHECK_NS));
	return until_ns;
}

/* Has a stop left nothing to wait for, but datagrams that wait already? */
static bool is_drained(const struct acceptor *acceptor)
{
	return acceptor->control.stopping && acceptor->queues_taken &&
	       pending_is_empty(&acceptor->pending);
}

static bool is_over(const struct acceptor *acceptor)
{
	const struct control *control = &acceptor->control;

	return control->aborted || (control->stopping &&
				    meari_now_ns() >= control->drained_ns);
}

/* Polls all anew. 0; -ETIMEDOUT when nothing was ready in time; -errno. */
static int look(struct acceptor *acceptor, bool room)
{
	struct control *control = &acceptor->control;
	size_t n = AT_LISTENERS + control->env->n_listeners;
	int r;

	fill(acceptor, room);
	acceptor->looked = true;
	if (is_drained(acceptor) ||
	    (room && !pending_is_empty(&acceptor->pending)))
		r = control_look(control, acceptor->fds, n);
	else
		r = control_poll(control, acceptor->fds, n,
				 deadline(acceptor));
	acceptor->next = r < 0 ? control->env->n_listeners : 0;
	if (r != -EINVAL)
		return r;
	/* More entries than RLIMIT_NOFILE (poll(2)), which somebody has
	 * lowered: a lack of room like any other. */
	pause_accepting(acceptor, -EMFILE);
	return control_poll(control, acceptor->fds, AT_LISTENERS,
			    deadline(acceptor));
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
		/* Either may have changed since the last look. */
		if (!has_room(acceptor, active) || acceptor->control.stopping)
			continue;
		r = take(acceptor, listener, ret_connection);
		if (r < 0)
			return r;
		if (r > 0)
			return ACCEPTOR_CONNECTION;
	}
	return ACCEPTOR_END;
}

/* Has the engine something to see to? */
static bool wakes(struct acceptor *acceptor)
{
	bool heard = acceptor->fds[AT_WAKE].revents != 0;

	/* Something ended, so there may be room again. */
	if (heard || (is_paused(acceptor) &&
		      meari_now_ns() >= acceptor->paused_until_ns))
		acceptor->paused_until_ns = 0;
	if (meari_now_ns() < acceptor->wake_at_ns)
		return heard;
	acceptor->wake_at_ns = MEARI_NEVER;
	return true;
}

/* ACCEPTOR_END: look once more, unless it is over. */
static int next_at_hand(struct acceptor *acceptor, unsigned active,
			struct connection *ret_connection)
{
	if (acceptor->control.stopping && !acceptor->queues_taken &&
	    !is_paused(acceptor))
		take_queues(acceptor);
	/* One between two looks, or what ended would not be heard of until all
	 * of them are handed out. */
	if (acceptor->looked && has_room(acceptor, active) &&
	    pending_take(&acceptor->pending, ret_connection)) {
		acceptor->looked = false;
		return ACCEPTOR_CONNECTION;
	}
	return next_found(acceptor, active, ret_connection);
}

static int next_event(struct acceptor *acceptor, unsigned active,
		      struct connection *ret_connection)
{
	while (!is_over(acceptor)) {
		int r = next_at_hand(acceptor, active, ret_connection);

		if (r != ACCEPTOR_END)
			return r;
		r = look(acceptor, has_room(acceptor, active));
		if (r == -ETIMEDOUT && is_drained(acceptor))
			return ACCEPTOR_END;
		if (r < 0 && r != -ETIMEDOUT)
			return r;
		if (!acceptor->control.aborted && wakes(acceptor))
			return ACCEPTOR_WAKE;
	}
	return ACCEPTOR_END;
}

int acceptor_next(struct acceptor *acceptor, unsigned active,
		  struct connection *ret_connection)
{
	int r = next_event(acceptor, active, ret_connection);

	if (r <= ACCEPTOR_END) {
		discard_pending(acceptor); /* no room for them until the end */
		refuse_others(acceptor->control.env);
	}
	return r;
}
