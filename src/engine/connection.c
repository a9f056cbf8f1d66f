/* SPDX-License-Identifier: MIT */
#include "engine/connection.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "engine/admission.h"
#include "service/echo.h"

/* On the stack of whoever serves. Only pages that bytes have touched cost
 * memory. Below 128 KiB bulk gets slower; above, hardly faster. */
#define SCRATCH_SIZE (128 * 1024)

/* During a drain a connection that has been silent this long is over: its
 * echoes are out, so our side ends. One that still talks is let finish. */
#define DRAIN_SILENCE_NS (100 * MEARI_MS)

/* How long a peer may take to end its side after we have ended ours. */
#define LINGER_NS (2 * MEARI_S)

/* How serving ended, beside a negative errno. */
enum {
	GOES_ON,
	END_ORDERLY,
	END_IDLE,        /* silent for too long */
	END_DRAIN_RESET, /* not done at the end of the drain */
	END_ABORT,
};

struct serving {
	const struct engine_env *env;
	struct connection *connection;
	struct tally_slot *slot;
	struct control *control;
	struct echo echo;
	uint64_t linger_until_ns; /* MEARI_NEVER until our side has ended */
	bool idle;                /* the idle timeout has ended our side */
};

static void tell(const struct serving *s, enum event_kind kind, uint64_t value)
{
	const struct engine_env *env = s->env;

	if (!event_ring_wants(env->events, kind))
		return;
	event_ring_put(env->events,
		       &(struct event){
			       .kind = kind,
			       .listener = (uint32_t)(s->connection->listener -
						      env->listeners),
			       .connection = s->connection->number,
			       .value = value,
			       .peer = s->connection->peer,
		       });
}

/* Silence has lasted as long as allowed. A peer that does not take its echoes
 * has no use for an orderly end. */
static int end_of_patience(struct serving *s)
{
	bool stuck = echo_want(&s->echo) == ECHO_SEND;

	if (s->control->stopping && meari_now_ns() >= s->control->drained_ns)
		return END_DRAIN_RESET;
	if (s->echo.half_closed)
		return END_ORDERLY;
	if (s->control->stopping && !stuck) {
		echo_stop(&s->echo);
		return GOES_ON;
	}
	s->idle = true;
	echo_stop(&s->echo);
	return stuck ? END_IDLE : GOES_ON;
}

/* How long this wait may last. Waits begin where the connection last made
 * progress, so that is where silence is counted from. */
static uint64_t patience(const struct serving *s, enum echo_want want)
{
	uint64_t until_ns = s->linger_until_ns;

	if (!s->echo.half_closed && s->env->limits.idle_ns != MEARI_NEVER)
		until_ns = meari_after_ns(s->env->limits.idle_ns);
	if (!s->control->stopping)
		return until_ns;
	if (want == ECHO_READ && !s->echo.half_closed)
		until_ns = earlier(until_ns, meari_after_ns(DRAIN_SILENCE_NS));
	return earlier(until_ns, s->control->drained_ns);
}

/* Is it over however much the peer has to say? */
static bool is_over(const struct serving *s)
{
	uint64_t until_ns = s->linger_until_ns;

	if (s->control->stopping)
		until_ns = earlier(until_ns, s->control->drained_ns);
	return until_ns != MEARI_NEVER && meari_now_ns() >= until_ns;
}

/* 0 and *@ret_ready; END_… ; or a negative errno. */
static int wait_for(struct serving *s, short events, bool *ret_ready)
{
	struct pollfd fds[CONTROL_N + 1];
	int r;

	fds[CONTROL_N] = (struct pollfd){
		.fd = s->connection->fd,
		.events = events,
	};
	*ret_ready = false;
	r = control_poll(s->control, fds, CONTROL_N + 1,
			 patience(s, echo_want(&s->echo)));
	if (r == -ETIMEDOUT && !is_over(s))
		r = control_look(s->control, fds, CONTROL_N + 1);
	if (r == -ETIMEDOUT)
		return end_of_patience(s);
	if (r < 0)
		return r;
	if (s->control->aborted)
		return END_ABORT;
	*ret_ready = fds[CONTROL_N].revents != 0;
	return GOES_ON;
}

static int send_out(struct serving *s)
{
	bool ignored;
	size_t done;
	int r = meari_write_some(s->connection->fd, s->echo.out.data,
				 s->echo.out.len, &done);

	if (r == -EAGAIN)
		return wait_for(s, POLLOUT, &ignored);
	if (r < 0)
		return r;
	tally_add(s->slot, TALLY_SENT_BYTES, done);
	echo_sent(&s->echo, done);
	return GOES_ON;
}

/* Waits before each read, so that a peer that never pauses cannot keep the
 * stop unseen. */
static int read_in(struct serving *s, unsigned char *scratch)
{
	bool ready;
	size_t done;
	int r = wait_for(s, POLLIN, &ready);

	if (r != GOES_ON || !ready)
		return r;
	r = meari_read_some(s->connection->fd, scratch, SCRATCH_SIZE, &done);
	if (r == -EAGAIN)
		return GOES_ON;
	if (r < 0)
		return r;
	if (r == MEARI_IO_EOF) {
		echo_eof(&s->echo);
		return GOES_ON;
	}
	tally_add(s->slot, TALLY_RECEIVED_BYTES, done);
	tell(s, EVENT_RECEIVED, done);
	echo_input(&s->echo, scratch, done);
	return GOES_ON;
}

static int half_close(struct serving *s)
{
	/* Not connected any more: why, is for the next read to tell. */
	if (shutdown(s->connection->fd, SHUT_WR) < 0 && errno != ENOTCONN)
		return -errno;
	echo_half_closed(&s->echo);
	/* In a drain the drain's own end is the limit. */
	if (!s->control->stopping)
		s->linger_until_ns = meari_after_ns(LINGER_NS);
	return GOES_ON;
}

static int step(struct serving *s, unsigned char *scratch)
{
	switch (echo_want(&s->echo)) {
	case ECHO_SEND:
		return send_out(s);
	case ECHO_READ:
		return read_in(s, scratch);
	case ECHO_HALF_CLOSE:
		return half_close(s);
	case ECHO_CLOSE:
		break;
	}
	return END_ORDERLY;
}

static void close_with_reset(struct connection *connection)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now,
			 sizeof now);
	(void)close(connection->fd);
	connection->fd = -1;
}

/* With a lingering time close(2) waits for the peer to take what was sent, even
 * on a non-blocking socket (socket(7)), and would hold up whoever serves here,
 * and a stop. The kernel goes on sending all the same. */
static void close_orderly(struct connection *connection)
{
	const struct linger off = { .l_onoff = 0 };
	struct linger linger;
	socklen_t len = sizeof linger;

	if (getsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger,
		       &len) == 0 &&
	    linger.l_onoff && linger.l_linger > 0)
		(void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &off,
				 sizeof off);
	(void)close(connection->fd);
	connection->fd = -1;
}

static void finish(struct serving *s, int how)
{
	if (how == END_ORDERLY) {
		close_orderly(s->connection);
	} else {
		close_with_reset(s->connection);
	}
	if (how == END_DRAIN_RESET || how == END_ABORT) {
		tally_add(s->slot, TALLY_DRAIN_RESET, 1);
		tell(s, EVENT_DRAIN_RESET, 0);
	} else if (how < 0) {
		tally_add(s->slot, TALLY_FAILED, 1);
	} else if (s->idle) {
		tally_add(s->slot, TALLY_IDLE, 1);
		tell(s, EVENT_IDLE, 0);
	}
	tell(s, EVENT_ENDED, how < 0 ? (uint64_t)-how : 0);
}

void connection_serve(struct control *control, struct connection *connection)
{
	const struct engine_env *env = control->env;
	unsigned char scratch[SCRATCH_SIZE];
	struct serving s = {
		.env = env,
		.connection = connection,
		.slot = tally_slot(env->tally, connection->number),
		.control = control,
		.linger_until_ns = MEARI_NEVER,
	};
	int r;

	echo_open(&s.echo, connection->listener->service,
		  connection->listener->message);
	tell(&s, EVENT_CONNECTED, 0);
	do
		r = step(&s, scratch);
	while (r == GOES_ON);
	finish(&s, r);
}

void connection_discard(const struct engine_env *env,
			struct connection *connection)
{
	close_with_reset(connection);
	tally_add(tally_slot(env->tally, connection->number),
		  TALLY_DRAIN_RESET, 1);
	connection_over(env, connection);
}

void connection_over(const struct engine_env *env,
		     const struct connection *connection)
{
	tally_add(tally_slot(env->tally, connection->number), TALLY_ENDED, 1);
	admission_done(env);
}
