/* SPDX-License-Identifier: MIT */
#include "net/race.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "net/fail_addr.h"

/* poll(2) does not tell when a full queue of a Unix listener has room again:
 * a socket that is not connected is writable. */
#define UNIX_PAUSE_NS (5 * MEARI_MS)

/* What a step of the race returns while it goes on; 0: there is a winner. */
enum { RACING = 1 };

/* Attempt i is with order[i], and pending while fds[i].fd is not -1. */
struct race {
	const struct option_set *set;
	const struct meari_dial_options *options;
	struct meari_fail *last;
	const struct meari_addr *order[RACE_MAX];
	struct pollfd fds[RACE_MAX];
	uint64_t started_ns[RACE_MAX];
	size_t n; /* attempts that may be made */
	size_t n_started;
	size_t winner;
	uint64_t next_ns; /* when the next attempt is due */
};

static size_t seek(const struct meari_addr_list *list, size_t i,
		   bool first_family)
{
	const sa_family_t family = list->addrs[0].sa.sa_family;

	while (i < list->n_addrs &&
	       (list->addrs[i].sa.sa_family == family) != first_family)
		i++;
	return i;
}

/* The families take turns, so that a dead one costs one delay, not one for
 * each of its addresses (RFC 8305, 4). */
static void interleave(struct race *race, const struct meari_addr_list *list)
{
	const size_t n = list->n_addrs < RACE_MAX ? list->n_addrs : RACE_MAX;
	size_t next[2] = { 0, 0 };

	for (unsigned turn = 0; race->n < n; turn = !turn) {
		next[turn] = seek(list, next[turn], turn == 0);
		if (next[turn] < list->n_addrs)
			race->order[race->n++] = &list->addrs[next[turn]++];
	}
}

/* Ends an attempt; the next one, if any, is due at once. */
static void lose(struct race *race, size_t i, int error)
{
	const struct meari_dial_options *options = race->options;
	const uint64_t now_ns = meari_now_ns();

	fd_closep(&race->fds[i].fd);
	race->next_ns = now_ns;
	if (options->failed)
		options->failed(options->ctx, race->order[i], error,
				now_ns - race->started_ns[i]);
}

static void lose_pending(struct race *race, int error)
{
	for (size_t i = 0; i < race->n_started; i++)
		if (race->fds[i].fd >= 0)
			lose(race, i, error);
}

/* On a port that nobody listens on, in the ephemeral range, the kernel can
 * choose the very port that is dialled: the SYN then meets its own socket and
 * opens the connection simultaneously (RFC 9293, 3.5, figure 7). */
static int check_peer(int fd)
{
	struct meari_addr local, peer;
	int r = meari_addr_local(fd, &local);

	if (r < 0)
		return r;
	r = meari_addr_peer(fd, &peer);
	if (r < 0)
		return r;
	return meari_addr_equal(&local, &peer) ? -ECONNREFUSED : 0;
}

static int connect_unix(int fd, const struct meari_addr *addr,
			uint64_t until_ns)
{
	while (connect(fd, &addr->sa, addr->len) < 0) {
		uint64_t pause_ns = meari_after_ns(UNIX_PAUSE_NS);

		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (meari_now_ns() >= until_ns)
			return -ETIMEDOUT;
		(void)meari_poll(NULL, 0,
				 pause_ns < until_ns ? pause_ns : until_ns);
	}
	return 0;
}

static int connect_inet(int fd, const struct meari_addr *addr)
{
	if (connect(fd, &addr->sa, addr->len) == 0)
		return check_peer(fd);
	/* After a signal the handshake goes on by itself (connect(2)). */
	if (errno == EINPROGRESS || errno == EINTR)
		return RACING;
	return -errno;
}

/* 0: connected; RACING: pending; or a negative errno, recorded. */
static int attempt(struct race *race, size_t i)
{
	const struct meari_addr *addr = race->order[i];
	const int family = addr->sa.sa_family;
	const int type = race->set->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK;
	const int fd = socket(family, type, 0);
	int r;

	race->fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	if (fd < 0)
		return fail_addr(race->last, -errno, "socket", addr);
	r = option_set_apply(race->set, fd, family, race->last);
	if (r < 0)
		return r;
	r = family == AF_UNIX ?
		    connect_unix(fd, addr, race->options->until_ns) :
		    connect_inet(fd, addr);
	if (r < 0)
		return fail_addr(race->last, r, "connect", addr);
	return r;
}

static int start_next(struct race *race)
{
	const size_t i = race->n_started++;
	int r;

	race->started_ns[i] = meari_now_ns();
	r = attempt(race, i);
	if (r == 0)
		race->winner = i;
	else if (r < 0)
		lose(race, i, r);
	else
		race->next_ns = race->started_ns[i] + MEARI_ATTEMPT_DELAY_NS;
	return r == 0 ? 0 : RACING;
}

/* A pending attempt has an outcome. */
static int settle(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return error != 0 ? -error : check_peer(fd);
}

static int settle_ready(struct race *race)
{
	for (size_t i = 0; i < race->n_started; i++) {
		int r;

		if (race->fds[i].fd < 0 || race->fds[i].revents == 0)
			continue;
		r = settle(race->fds[i].fd);
		if (r == 0) {
			race->winner = i;
			return 0;
		}
		(void)fail_addr(race->last, r, "connect", race->order[i]);
		lose(race, i, r);
	}
	return RACING;
}

/* The race ends without a winner. */
static int give_up(struct race *race, int error)
{
	(void)fail_addr(race->last, error, "connect",
			race->order[race->n_started - 1]);
	lose_pending(race, error);
	return error;
}

static int wait_pending(struct race *race)
{
	const uint64_t until_ns = race->options->until_ns;
	uint64_t wake_ns = until_ns;
	int r;

	if (race->n_started < race->n && race->next_ns < wake_ns)
		wake_ns = race->next_ns;
	r = meari_poll(race->fds, race->n_started, wake_ns);
	if (r == -ETIMEDOUT && meari_now_ns() < until_ns)
		return RACING; /* time for the next attempt */
	return r < 0 ? give_up(race, r) : settle_ready(race);
}

static bool any_pending(const struct race *race)
{
	for (size_t i = 0; i < race->n_started; i++)
		if (race->fds[i].fd >= 0)
			return true;
	return false;
}

/* The first attempt is made even if the deadline has passed. */
static bool next_is_due(const struct race *race)
{
	const uint64_t now_ns = meari_now_ns();

	if (race->n_started == race->n)
		return false;
	return race->n_started == 0 || (now_ns >= race->next_ns &&
					now_ns < race->options->until_ns);
}

static int step(struct race *race)
{
	if (next_is_due(race))
		return start_next(race);
	if (any_pending(race))
		return wait_pending(race);
	if (race->n_started < race->n)
		return give_up(race, -ETIMEDOUT);
	return race->last->error;
}

int race_run(const struct option_set *set,
	     const struct meari_dial_options *options,
	     struct meari_dialed *dialed, struct meari_fail *last)
{
	struct race race = { .set = set, .options = options, .last = last };
	int r;

	assert(set->addrs->n_addrs > 0);
	interleave(&race, set->addrs);
	do
		r = step(&race);
	while (r == RACING);
	dialed->n_tried = race.n_started;
	if (r < 0)
		return r;
	dialed->fd = fd_steal(&race.fds[race.winner].fd);
	dialed->peer = *race.order[race.winner];
	dialed->connect_ns = meari_now_ns() - race.started_ns[0];
	lose_pending(&race, -ECANCELED);
	return 0;
}
