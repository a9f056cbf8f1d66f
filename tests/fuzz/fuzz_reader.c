/* SPDX-License-Identifier: MIT */
/*
 * fuzz_reader.c - whatever the sizes, a reader gives the stream back
 *
 * Input: the storage's size less one, the number of steps, the steps, and the
 * stream. The steps are gone through again and again; each sends some of the
 * stream and then takes a line or a number of bytes:
 *
 *	bits 0..3: bytes to send, less one
 *	bit 4:     take bytes, not a line
 *	bits 5..7: how many bytes, as a power of two
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <meari/reader.h>

#include "base/cleanup.h"

struct run {
	const uint8_t *steps;
	size_t n_steps;
	const uint8_t *stream;
	size_t len;
	size_t sent;
	size_t seen; /* how much of the stream has come back */
	int feedfd;  /* -1: all sent */
	struct meari_reader reader;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): a fuzzer must notice in every kind of build. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

static void send_some(struct run *run, size_t len)
{
	size_t done;
	int r;

	if (len > run->len - run->sent)
		len = run->len - run->sent;
	/* A full socket keeps the rest for a later step. */
	r = meari_write_full(run->feedfd, run->stream + run->sent, len, 0,
			     &done);
	require(r == MEARI_IO_DONE || r == -ETIMEDOUT);
	run->sent += done;
	if (run->sent == run->len)
		fd_closep(&run->feedfd);
}

static void require_next(struct run *run, const uint8_t *bytes, size_t len)
{
	require(len <= run->sent - run->seen);
	require(memcmp(bytes, run->stream + run->seen, len) == 0);
	run->seen += len;
}

static int take_line(struct run *run)
{
	struct meari_span span;
	int r = meari_reader_line(&run->reader, 0, &span);

	if (r != MEARI_LINE_WHOLE && r != MEARI_LINE_PART)
		return r;
	require(span.len > 0 && span.len <= run->reader.cap);
	require(!memchr(span.data, '\n', span.len - 1));
	require((span.data[span.len - 1] == '\n') == (r == MEARI_LINE_WHOLE));
	require_next(run, span.data, span.len);
	/* A piece short of the storage is the last one. */
	require(r == MEARI_LINE_WHOLE || span.len == run->reader.cap ||
		run->seen == run->len);
	return r;
}

static int take_bytes(struct run *run, size_t len)
{
	uint8_t bytes[1 << 7];
	size_t done;
	int r = meari_reader_read(&run->reader, bytes, len, 0, &done);

	require(done <= len);
	require((r == MEARI_IO_DONE) == (done == len));
	require_next(run, bytes, done);
	return r;
}

static int step(struct run *run, uint8_t what)
{
	int r;

	if (run->feedfd >= 0)
		send_some(run, (what & 15u) + 1);
	if (what & 1u << 4)
		r = take_bytes(run, (size_t)1 << (what >> 5));
	else
		r = take_line(run);
	require(r >= 0 || r == -ETIMEDOUT);
	require(r != MEARI_IO_EOF || run->feedfd < 0);
	return r;
}

/* Every step takes at least a byte out of the socket or out of the storage,
 * once all is sent: so it ends. */
static void go(struct run *run)
{
	for (size_t i = 0;; i++)
		if (step(run, run->steps[i % run->n_steps]) == MEARI_IO_EOF)
			break;
	require(run->seen == run->len);
	require(meari_reader_buffered(&run->reader) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	MEARI_AUTO(freep) uint8_t *storage = NULL;
	MEARI_AUTO(fd_closep) int readfd = -1;
	struct run run = { .steps = data + 2, .feedfd = -1 };
	int fds[2];

	if (len < 3)
		return 0;
	run.n_steps = 1 + data[1] % (len - 2);
	run.stream = run.steps + run.n_steps;
	run.len = len - 2 - run.n_steps;
	/* On the heap and exact, so that a sanitiser sees its end. */
	storage = malloc((size_t)data[0] + 1);
	require(storage);
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   0, fds) == 0);
	readfd = fds[0];
	run.feedfd = fds[1];
	meari_reader_init(&run.reader, readfd, storage, (size_t)data[0] + 1);
	go(&run);
	return 0;
}
