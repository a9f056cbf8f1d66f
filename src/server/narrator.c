/* SPDX-License-Identifier: MIT */
#include "server/narrator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <meari/sockopt.h>

uint32_t narrator_wants(enum log_level level)
{
	uint32_t wanted = 1u << EVENT_ACCEPT_PAUSED | 1u << EVENT_DROPPED |
			  1u << EVENT_WORKER_DIED;

	if (level >= LOG_VERBOSE)
		wanted |= 1u << EVENT_CONNECTED | 1u << EVENT_RECEIVED |
			  1u << EVENT_ENDED | 1u << EVENT_IDLE |
			  1u << EVENT_DRAIN_RESET;
	return wanted;
}

/* Room for peer_pair() and endpoint_of(). */
#define WHERE_TEXT (MEARI_ADDR_TEXT + 16)

/* "HOST, PORT", or for a Unix socket its name alone. */
static const char *peer_pair(const struct meari_addr *peer,
			     char buf[static WHERE_TEXT])
{
	char host[MEARI_ADDR_TEXT];

	(void)meari_addr_format_host(peer, host, sizeof host);
	if (peer->sa.sa_family == AF_UNIX)
		(void)snprintf(buf, WHERE_TEXT, "%s", host);
	else
		(void)snprintf(buf, WHERE_TEXT, "%s, %u", host,
			       meari_addr_port(peer));
	return buf;
}

/* As an endpoint that a client can be given. */
static const char *endpoint_of(const struct engine_listener *listener,
			       char buf[static WHERE_TEXT])
{
	char addr[MEARI_ADDR_TEXT];
	const char *scheme = "tcp://";

	(void)meari_addr_format(&listener->addr, addr, sizeof addr);
	if (listener->addr.sa.sa_family == AF_UNIX)
		scheme = "";
	else if (listener->socktype == SOCK_DGRAM)
		scheme = "udp://";
	(void)snprintf(buf, WHERE_TEXT, "%s%s", scheme, addr);
	return buf;
}

static const char *words_of_death(int status, char *buf, size_t len)
{
	if (WIFSIGNALED(status))
		(void)snprintf(buf, len, "signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(buf, len, "status %d", WEXITSTATUS(status));
	return buf;
}

static const char *words_of_drop(uint64_t reason)
{
	switch (reason) {
	case TALLY_DROPPED_PORT:
		return "its source port belongs to a service that may answer";
	case TALLY_DROPPED_SOURCE:
		return "its source is no address to answer to";
	case TALLY_DROPPED_GROUP:
		return "it was sent to a group";
	case TALLY_DROPPED_RATE:
		return "its network sends faster than --udp-rate";
	default:
		return "it could not be answered";
	}
}

static void tell_drop(const struct engine_env *env, const struct event *event)
{
	char peer[MEARI_ADDR_TEXT];
	enum tally_counter reason = (enum tally_counter)event->value;

	log_line(LOG_NORMAL,
		 "datagram from %s not answered: %s (%" PRIu64 " so far)",
		 meari_addr_format(&event->peer, peer, sizeof peer),
		 words_of_drop(event->value), tally_sum(env->tally, reason));
}

/* A process that serves datagrams has a listener, but no peer. */
static void tell_death(const struct engine_env *env, const struct event *event)
{
	char where[WHERE_TEXT], words[64];
	bool has_peer = event->peer.len > 0;

	if (has_peer)
		(void)peer_pair(&event->peer, where);
	else
		(void)endpoint_of(&env->listeners[event->listener], where);
	log_line(LOG_QUIET, "the process serving %s%s%s died: %s",
		 has_peer ? "(" : "", where, has_peer ? ")" : "",
		 words_of_death((int)event->value, words, sizeof words));
}

static void tell(const struct engine_env *env, const struct event *event)
{
	char peer[WHERE_TEXT];

	(void)peer_pair(&event->peer, peer);
	switch (event->kind) {
	case EVENT_CONNECTED:
		log_plain(LOG_VERBOSE, "Connected to (%s)", peer);
		break;
	case EVENT_RECEIVED:
		log_plain(LOG_VERBOSE, "server received %" PRIu64 " bytes",
			  event->value);
		break;
	case EVENT_ENDED:
		if (event->value > 0)
			log_line(LOG_VERBOSE, "connection to (%s) ended: %s",
				 peer, strerror((int)event->value));
		break;
	case EVENT_IDLE:
		log_line(LOG_VERBOSE, "connection to (%s) ended: idle", peer);
		break;
	case EVENT_DRAIN_RESET:
		log_line(LOG_VERBOSE,
			 "connection to (%s) reset: the drain is over", peer);
		break;
	case EVENT_ACCEPT_PAUSED:
		log_line(LOG_NORMAL, "accepting is paused: %s; clients wait "
				     "in the queue",
			 strerror((int)event->value));
		break;
	case EVENT_DROPPED:
		tell_drop(env, event);
		break;
	case EVENT_WORKER_DIED:
		tell_death(env, event);
		break;
	case EVENT_N:
		break;
	}
}

void narrator_tell_all(const struct engine_env *env, uint64_t until_ns)
{
	struct event event;

	while (log_has_room(until_ns) && event_ring_take(env->events, &event))
		tell(env, &event);
}

void narrator_tell_ready(const struct engine_env *env,
			 const struct engine *engine)
{
	char text[WHERE_TEXT];

	for (size_t i = 0; i < env->n_listeners; i++)
		log_line(LOG_NORMAL, "listening on %s (service %s, engine %s)",
			 endpoint_of(&env->listeners[i], text),
			 env->listeners[i].service->name, engine->name);
}

static void tell_options_of(const struct engine_listener *listener)
{
	char line[768] = "", text[WHERE_TEXT];
	size_t n_opts, len = 0;
	const struct meari_sockopt *table = meari_sockopt_table(&n_opts);

	for (size_t i = 0; i < n_opts && len < sizeof line; i++) {
		char value_text[MEARI_SOCKOPT_VALUE_TEXT];
		struct meari_sockopt_value value;

		if (meari_sockopt_get(listener->fd, &table[i], &value) < 0)
			continue;
		len += (size_t)snprintf(
			line + len, sizeof line - len, "%s%s %s",
			len ? ", " : "", table[i].name,
			meari_sockopt_format(&value, value_text,
					     sizeof value_text));
	}
	log_line(LOG_VERBOSE, "granted on %s: %s",
		 endpoint_of(listener, text), line);
}

void narrator_tell_options(const struct engine_env *env)
{
	for (size_t i = 0; i < env->n_listeners; i++)
		tell_options_of(&env->listeners[i]);
}

void narrator_tell_tallies(const struct engine_env *env)
{
	char line[768];
	/* In this order: one that comes and goes between the two sums must not
	 * have ended without having been accepted. */
	uint64_t ended = tally_sum(env->tally, TALLY_ENDED);
	uint64_t accepted = tally_sum(env->tally, TALLY_ACCEPTED);
	int len = snprintf(line, sizeof line, "active=%" PRIu64,
			   accepted - ended);

	for (int i = 0; i < TALLY_N && (size_t)len < sizeof line; i++)
		len += snprintf(line + len, sizeof line - (size_t)len,
				" %s=%" PRIu64,
				tally_name((enum tally_counter)i),
				tally_sum(env->tally, (enum tally_counter)i));
	if (event_ring_lost(env->events) > 0 && (size_t)len < sizeof line)
		(void)snprintf(line + len, sizeof line - (size_t)len,
			       " lost_log_lines=%" PRIu64,
			       event_ring_lost(env->events));
	/* Asked for by a signal, so told however quiet the log is. */
	log_line(LOG_QUIET, "tallies: %s", line);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void narrator_tell_end(const struct engine_env *env)
{
	const struct tally *tally = env->tally;
	uint64_t accepted = tally_sum(tally, TALLY_ACCEPTED);
	uint64_t datagrams = tally_sum(tally, TALLY_RECEIVED_DATAGRAMS);
	uint64_t reset = tally_sum(tally, TALLY_DRAIN_RESET);

	if (reset > 0)
		log_line(LOG_NORMAL,
			 "still open at the end, and reset: %" PRIu64
			 " connection%s",
			 reset, plural(reset));
	log_line(LOG_NORMAL,
		 "served %" PRIu64 " connection%s and %" PRIu64
		 " datagram%s: %" PRIu64 " bytes in, %" PRIu64 " out",
		 accepted, plural(accepted), datagrams, plural(datagrams),
		 tally_sum(tally, TALLY_RECEIVED_BYTES),
		 tally_sum(tally, TALLY_SENT_BYTES));
	if (event_ring_lost(env->events) > 0)
		log_line(LOG_NORMAL, "%" PRIu64 " log lines were lost to "
				     "keep serving",
			 event_ring_lost(env->events));
}
