/* SPDX-License-Identifier: MIT */
#include "engine/datagram.h"

#include <errno.h>

#include <meari/clock.h>

#include "engine/admission.h"
#include "engine/control.h"

/* One batch between two looks at the stop descriptors. */
#define BATCH 64

static void tell(const struct engine_env *env,
		 const struct engine_listener *listener,
		 const struct meari_datagram *datagram, enum event_kind kind,
		 uint64_t value)
{
	if (!event_ring_wants(env->events, kind))
		return;
	event_ring_put(env->events,
		       &(struct event){
			       .kind = kind,
			       .listener = (uint32_t)(listener -
						      env->listeners),
			       .value = value,
			       .peer = datagram->peer,
		       });
}

static bool admitted(const struct engine_env *env,
		     const struct engine_listener *listener,
		     struct tally_slot *slot,
		     const struct meari_datagram *datagram)
{
	bool worth_telling = false;
	int reason;

	if (!listener->guarded)
		return true;
	reason = env->guard->admit(env->guard, datagram, &worth_telling);
	if (reason == 0)
		return true;
	tally_add(slot, (enum tally_counter)reason, 1);
	if (worth_telling)
		tell(env, listener, datagram, EVENT_DROPPED, (uint64_t)reason);
	return false;
}

static void reply(const struct engine_listener *listener,
		  struct tally_slot *slot,
		  const struct meari_datagram *datagram,
		  const unsigned char *buf)
{
	int r = meari_datagram_reply(listener->fd, datagram, buf,
				     datagram->len);

	if (r < 0) {
		tally_add(slot, TALLY_DROPPED_ERROR, 1);
		return;
	}
	tally_add(slot, TALLY_SENT_DATAGRAMS, 1);
	tally_add(slot, TALLY_SENT_BYTES, datagram->len);
}

int datagram_serve_one(const struct engine_env *env,
		       const struct engine_listener *listener,
		       unsigned char *buf)
{
	struct tally_slot *slot = tally_slot(
		env->tally, (uint64_t)(listener - env->listeners));
	struct meari_datagram datagram;
	int r;

	if (!admission_take(env))
		return -EAGAIN;
	r = meari_datagram_receive(listener->fd, buf, MEARI_DATAGRAM_MAX,
				   &datagram);
	if (r < 0 || !admitted(env, listener, slot, &datagram)) {
		admission_return(env);
		return r;
	}
	tally_add(slot, TALLY_RECEIVED_DATAGRAMS, 1);
	tally_add(slot, TALLY_RECEIVED_BYTES, datagram.len);
	tell(env, listener, &datagram, EVENT_RECEIVED, datagram.len);
	if (listener->service->echoes)
		reply(listener, slot, &datagram, buf);
	admission_done(env);
	return 0;
}

/* Until nothing is waiting, but no more than a batch. */
static int serve_batch(const struct engine_env *env,
		       const struct engine_listener *listener,
		       unsigned char *buf)
{
	int r = 0;

	for (unsigned i = 0; i < BATCH && r == 0; i++)
		r = datagram_serve_one(env, listener, buf);
	return r;
}

/* After a stop only as long as something is waiting. */
static bool goes_on(const struct control *control, int r)
{
	if (control->aborted)
		return false;
	return !control->stopping ||
	       (r == 0 && meari_now_ns() < control->drained_ns);
}

/* Waits for a datagram; @rest: but not yet, and not for long. */
static int wait_for_one(struct control *control,
			const struct engine_listener *listener, bool rest)
{
	struct pollfd fds[CONTROL_N + 1];
	bool closed = admission_closed(control->env);
	uint64_t until_ns = MEARI_NEVER;

	fds[CONTROL_N] = (struct pollfd){
		.fd = rest || closed ? -1 : listener->fd,
		.events = POLLIN,
	};
	if (control->stopping)
		return control_look(control, fds, CONTROL_N + 1);
	/* Either may pass without a sign of it. */
	if (rest || closed)
		until_ns = meari_after_ns(DATAGRAM_REST_NS);
	return control_poll(control, fds, CONTROL_N + 1, until_ns);
}

void datagram_serve(const struct engine_env *env,
		    const struct engine_listener *listener)
{
	unsigned char buf[MEARI_DATAGRAM_MAX];
	struct control control = { .env = env };
	int r = 0;

	while (goes_on(&control, r)) {
		bool rest = r < 0 && r != -EAGAIN && r != -ETIMEDOUT;

		r = wait_for_one(&control, listener, rest);
		if (r == 0)
			r = serve_batch(env, listener, buf);
	}
}
