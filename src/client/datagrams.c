/* SPDX-License-Identifier: MIT */
/*
 * One datagram is under way at a time. UDP may lose and reorder: were several
 * under way, a missing answer could be late instead of lost, and a wrong one
 * the right answer to another. So the next leaves when the answer is here, and
 * the first that is lost ends the conversation.
 */
#include "client/exchange.h"

#include <errno.h>

#include <meari/datagram.h>
#include <meari/io.h>

struct datagrams {
	const struct exchange *exchange;
	struct exchange_report *report;
	bool over;
	size_t len; /* of the datagram under way; 0: none is */
	unsigned char sent[EXCHANGE_DATAGRAM_BYTES];
	unsigned char answer[MEARI_DATAGRAM_MAX];
};

static void end(struct datagrams *d, enum exchange_ending ending, int error)
{
	d->report->ending = ending;
	d->report->error = error;
	d->over = true;
}

static void differ(struct datagrams *d, size_t at)
{
	d->report->offset += at;
	d->report->expected = d->sent[at];
	d->report->got = d->answer[at];
	end(d, EXCHANGE_DIFFERS, 0);
}

/* The report's offset is that of the datagram under way, until one is wrong. */
static void compare(struct datagrams *d, size_t len)
{
	size_t n = len < d->len ? len : d->len, good = 0;

	while (good < n && d->sent[good] == d->answer[good])
		good++;
	d->report->returned += good;
	if (good < n) {
		differ(d, good);
	} else if (len > d->len) {
		d->report->offset += good;
		d->report->got = d->answer[good];
		end(d, EXCHANGE_SURPLUS, 0);
	} else if (len < d->len) {
		end(d, EXCHANGE_SHORT, 0);
	} else {
		d->report->offset += d->len;
	}
}

static void write_output(struct datagrams *d, size_t len)
{
	size_t done;
	int r = meari_write_full(d->exchange->outfd, d->answer, len,
				 MEARI_NEVER, &done);

	if (r < 0)
		end(d, EXCHANGE_OUTPUT, r);
}

/* One datagram, if there is one; whatever it is, it is shown. */
static void receive(struct datagrams *d)
{
	struct meari_datagram datagram;
	int r = meari_datagram_receive(d->exchange->sockfd, d->answer,
				       sizeof d->answer, &datagram);

	if (r == -EAGAIN)
		return; /* a bad checksum: it was none */
	if (r < 0) {
		end(d, EXCHANGE_BROKEN, r);
		return;
	}
	d->report->received += datagram.len;
	if (d->exchange->raw)
		d->report->returned += datagram.len;
	else
		compare(d, datagram.len);
	d->len = 0;
	write_output(d, datagram.len);
}

static void read_input(struct datagrams *d)
{
	int r = meari_read_some(d->exchange->infd, d->sent, sizeof d->sent,
				&d->len);

	if (r == MEARI_IO_EOF)
		end(d, EXCHANGE_WELL, 0);
	else if (r < 0 && r != -EAGAIN)
		end(d, EXCHANGE_INPUT, r);
}

/* Sends what was read, all of it or nothing. */
static int send_datagram(struct datagrams *d, uint64_t until_ns)
{
	size_t done;
	int r = meari_write_full(d->exchange->sockfd, d->sent, d->len, until_ns,
				 &done);

	if (r < 0)
		return r;
	d->report->sent += d->len;
	d->report->datagrams++;
	return 0;
}

/* From input to answer. Until there is input the socket is watched as well: a
 * second answer, or news that nobody listens any more, is told at once. */
static int next_input(struct datagrams *d)
{
	struct pollfd fds[] = {
		{ .fd = d->exchange->infd, .events = POLLIN },
		{ .fd = d->exchange->sockfd, .events = POLLIN },
	};
	int r = meari_poll(fds, 2, MEARI_NEVER);

	if (r < 0)
		return r;
	if (fds[1].revents)
		receive(d);
	else
		read_input(d);
	return 0;
}

static int await_answer(struct datagrams *d)
{
	uint64_t until_ns = meari_after_ns(d->exchange->timeout_ns);
	int r = send_datagram(d, until_ns);

	if (r < 0) {
		d->report->unsent = d->len;
		end(d, r == -ETIMEDOUT ? EXCHANGE_SILENT : EXCHANGE_BROKEN, r);
	}
	while (d->len > 0 && !d->over) {
		r = meari_wait(d->exchange->sockfd, POLLIN, until_ns);
		if (r == -ETIMEDOUT)
			end(d, EXCHANGE_SILENT, 0);
		else if (r < 0)
			return r;
		else
			receive(d);
	}
	return 0;
}

int exchange_datagrams(const struct exchange *exchange,
		       struct exchange_report *ret_report)
{
	struct exchange_report report = { .ending = EXCHANGE_WELL };
	struct datagrams d = { .exchange = exchange, .report = &report };

	while (!d.over) {
		int r = d.len > 0 ? await_answer(&d) : next_input(&d);

		if (r < 0)
			return r;
	}
	*ret_report = report;
	return 0;
}
