/* SPDX-License-Identifier: MIT */
#include "client/exchange.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <meari/io.h>

#include "base/cleanup.h"
#include "client/flight.h"

#define CHUNK_BYTES (64u << 10)

struct stream {
	const struct exchange *exchange;
	struct exchange_report *report;
	struct flight flight;
	bool input_ended;
	bool half_closed; /* our FIN is on its way */
	int send_error;   /* negative errno; nothing can be sent any more */
	bool backlog;     /* the kernel would not take all at the last send */
	bool moved;       /* something did, in this round */
	bool over;        /* the ending is known, output may be left */
	uint64_t until_ns;
	/* Received and not yet written: [start, end). */
	size_t start, end;
	unsigned char output[CHUNK_BYTES];
	unsigned char input[CHUNK_BYTES];
};

enum { IN, OUT, SOCK, N_FDS };

static uint64_t unsent(const struct stream *s)
{
	return s->flight.end - s->flight.sent;
}

static uint64_t missing(const struct stream *s)
{
	return s->flight.sent - s->flight.first;
}

static void end(struct stream *s, enum exchange_ending ending, int error)
{
	s->report->ending = ending;
	s->report->error = error;
	s->over = true;
}

static bool wants_input(const struct stream *s)
{
	return !s->over && !s->input_ended && s->send_error == 0 &&
	       unsent(s) < CHUNK_BYTES && flight_room(&s->flight) > 0;
}

static bool wants_send(const struct stream *s)
{
	return !s->over && s->send_error == 0 && unsent(s) > 0;
}

static bool wants_receive(const struct stream *s)
{
	return !s->over && s->end < sizeof s->output;
}

static void read_input(struct stream *s)
{
	size_t len = sizeof s->input, done;
	int r;

	if (len > flight_room(&s->flight))
		len = flight_room(&s->flight);
	r = meari_read_some(s->exchange->infd, s->input, len, &done);
	if (r == MEARI_IO_EOF)
		s->input_ended = true;
	else if (r == MEARI_IO_DONE)
		r = flight_append(&s->flight, s->input, done);
	if (r < 0 && r != -EAGAIN)
		end(s, EXCHANGE_INPUT, r);
}

/* An error does not end it here: what the peer sent before it went away can
 * still be received, and shows how far it came. */
static void send_flight(struct stream *s)
{
	size_t len, done;
	const void *data = flight_unsent(&s->flight, &len);
	int r = meari_write_some(s->exchange->sockfd, data, len, &done);

	if (r < 0 && r != -EAGAIN)
		s->send_error = r;
	flight_advance(&s->flight, done);
	s->report->sent += done;
	if (s->exchange->raw)
		flight_forget(&s->flight);
	/* That the kernel took bytes says nothing of the peer, unless it had
	 * refused some before: then there is room because the peer read. */
	if (s->backlog && done > 0)
		s->moved = true;
	s->backlog = done < len;
}

static void half_close(struct stream *s)
{
	/* Fails when the connection has; receiving will tell how. */
	(void)shutdown(s->exchange->sockfd, SHUT_WR);
	s->half_closed = true;
	s->moved = true;
}

static void compare(struct stream *s, const unsigned char *data, size_t len)
{
	size_t good = len;
	enum flight_match match = FLIGHT_SAME;

	if (!s->exchange->raw)
		match = flight_match(&s->flight, data, len, &good);
	s->report->received += len;
	s->report->returned += good;
	if (match == FLIGHT_SAME)
		return;
	s->report->offset = s->flight.first;
	s->report->got = data[good];
	if (match == FLIGHT_DIFFERS)
		s->report->expected = flight_front(&s->flight);
	end(s, match == FLIGHT_DIFFERS ? EXCHANGE_DIFFERS : EXCHANGE_SURPLUS,
	    0);
}

static void peer_ended(struct stream *s)
{
	/* EPIPE is but another sign of the end that has now been read. */
	if (s->send_error != 0 && s->send_error != -EPIPE)
		end(s, EXCHANGE_BROKEN, s->send_error);
	else if (s->exchange->raw || (s->half_closed && missing(s) == 0))
		end(s, EXCHANGE_WELL, 0);
	else
		end(s, EXCHANGE_CLOSED, 0);
}

static void receive(struct stream *s)
{
	unsigned char *into = s->output + s->end;
	size_t done;
	int r = meari_read_some(s->exchange->sockfd, into,
				sizeof s->output - s->end, &done);

	if (r == MEARI_IO_DONE) {
		s->end += done;
		s->moved = true;
		compare(s, into, done);
	} else if (r == MEARI_IO_EOF) {
		peer_ended(s);
	} else if (r != -EAGAIN) {
		end(s, EXCHANGE_BROKEN, r);
	} else if (s->send_error != 0 && s->send_error != -EPIPE) {
		end(s, EXCHANGE_BROKEN, s->send_error);
	}
}

static void write_output(struct stream *s)
{
	size_t len = s->end - s->start, done;
	int r;

	/* The descriptor may be blocking, and is shared with programs that
	 * want it so. Where poll(2) sees room, this much does not block. */
	if (len > PIPE_BUF)
		len = PIPE_BUF;
	r = meari_write_some(s->exchange->outfd, s->output + s->start, len,
			     &done);
	s->start += done;
	if (r < 0 && r != -EAGAIN) {
		end(s, EXCHANGE_OUTPUT, r);
		s->start = s->end;
	}
	if (s->start == s->end)
		s->start = s->end = 0;
}

/* Does the peer owe us something that we are ready to take? */
static bool due(const struct stream *s)
{
	if (!wants_receive(s))
		return false;
	return unsent(s) > 0 || missing(s) > 0 || s->half_closed ||
	       s->send_error != 0;
}

static void set_deadline(struct stream *s)
{
	if (!due(s))
		s->until_ns = MEARI_NEVER;
	else if (s->moved || s->until_ns == MEARI_NEVER)
		s->until_ns = meari_after_ns(s->exchange->timeout_ns);
	s->moved = false;
}

static void timed_out(struct stream *s)
{
	if (s->send_error != 0)
		end(s, EXCHANGE_BROKEN, s->send_error);
	else
		end(s, EXCHANGE_SILENT, 0);
}

/* A descriptor nothing is wanted of is left out: poll(2) would report its
 * hang-up again and again. */
static struct pollfd interest(int fd, short events)
{
	return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static int wait_ready(struct stream *s, struct pollfd fds[N_FDS])
{
	short sock = 0;

	if (wants_receive(s))
		sock |= POLLIN;
	if (wants_send(s))
		sock |= POLLOUT;
	fds[IN] = interest(s->exchange->infd, wants_input(s) ? POLLIN : 0);
	fds[OUT] = interest(s->exchange->outfd, s->end > 0 ? POLLOUT : 0);
	fds[SOCK] = interest(s->exchange->sockfd, sock);
	return meari_poll(fds, N_FDS, s->until_ns);
}

static void step(struct stream *s, const struct pollfd fds[N_FDS])
{
	if (fds[OUT].revents)
		write_output(s);
	if (fds[IN].revents && wants_input(s))
		read_input(s);
	/* Without waiting for poll(2) to allow it: a line that was just read
	 * leaves at once. */
	if (wants_send(s) && (fds[SOCK].revents & ~POLLIN || !s->backlog))
		send_flight(s);
	/* Before receiving: if input and peer end together, all is well. */
	if (!s->over && s->input_ended && !s->half_closed && unsent(s) == 0)
		half_close(s);
	if (wants_receive(s) && (fds[SOCK].revents || s->send_error))
		receive(s);
}

static int run(struct stream *s)
{
	while (!s->over || s->end > 0) {
		struct pollfd fds[N_FDS];
		int r;

		set_deadline(s);
		r = wait_ready(s, fds);
		if (r == -ETIMEDOUT)
			timed_out(s);
		else if (r < 0)
			return r;
		else
			step(s, fds);
	}
	return 0;
}

int exchange_stream(const struct exchange *exchange,
		    struct exchange_report *ret_report)
{
	MEARI_AUTO(freep) struct stream *s = calloc(1, sizeof *s);
	struct exchange_report report = { .ending = EXCHANGE_WELL };
	int r;

	if (!s)
		return -ENOMEM;
	s->exchange = exchange;
	s->report = &report;
	s->until_ns = MEARI_NEVER;
	r = run(s);
	report.unsent = unsent(s);
	flight_deinit(&s->flight);
	if (r == 0)
		*ret_report = report;
	return r;
}
