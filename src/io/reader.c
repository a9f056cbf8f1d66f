/* SPDX-License-Identifier: MIT */
#include <meari/reader.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "io/transfer.h"

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Bytes move only when not one more would fit behind them; so each is moved
 * at most once for each piece that is handed out. */
static void make_room(struct meari_reader *reader)
{
	size_t moved = reader->start;

	if (reader->end < reader->cap && reader->start < reader->end)
		return;
	memmove(reader->buf, reader->buf + moved, reader->end - moved);
	reader->start = 0;
	reader->end -= moved;
	reader->scanned -= smaller(moved, reader->scanned);
}

/* One attempt to read; an ending sticks. Even -ETIMEDOUT: from read(2) it is
 * that of a connection given up by TCP, which tells so once and then pretends
 * a regular end of stream. */
static int read_once(struct meari_reader *reader, void *dst, size_t len,
		     size_t *done)
{
	int r = meari_read_some(reader->fd, dst, len, done);

	if (r != MEARI_IO_DONE && r != -EAGAIN)
		reader->ending = r;
	return r;
}

static int fill(struct meari_reader *reader)
{
	size_t n;
	int r;

	make_room(reader);
	r = read_once(reader, reader->buf + reader->end,
		      reader->cap - reader->end, &n);
	reader->end += n;
	return r;
}

static struct meari_span hand_out(struct meari_reader *reader, size_t len)
{
	struct meari_span span = { reader->buf + reader->start, len };

	reader->start += len;
	return span;
}

/* A piece of what is buffered; 0 when more bytes must come first. */
static int take_piece(struct meari_reader *reader, struct meari_span *ret_span)
{
	size_t len = meari_reader_buffered(reader);
	size_t seen = reader->scanned > reader->start ?
			      reader->scanned - reader->start : 0;
	const unsigned char *line = reader->buf + reader->start;
	const unsigned char *newline = memchr(line + seen, '\n', len - seen);

	if (newline) {
		*ret_span = hand_out(reader, (size_t)(newline - line) + 1);
		return MEARI_LINE_WHOLE;
	}
	reader->scanned = reader->end;
	if (len == 0 || (len < reader->cap && reader->ending == 0))
		return 0;
	*ret_span = hand_out(reader, len);
	return MEARI_LINE_PART;
}

static size_t take(struct meari_reader *reader, void *dst, size_t len)
{
	size_t n = smaller(len, meari_reader_buffered(reader));

	if (n > 0) /* @dst may be NULL when nothing is asked for */
		memcpy(dst, hand_out(reader, n).data, n);
	return n;
}

/* One attempt to bring up to @len bytes to @dst, through the storage unless
 * that would only be a detour. The storage must be empty. */
static int take_more(struct meari_reader *reader, void *dst, size_t len,
		     size_t *done)
{
	int r;

	if (len >= reader->cap)
		return read_once(reader, dst, len, done);
	r = fill(reader);
	*done = take(reader, dst, len);
	return r;
}

void meari_reader_init(struct meari_reader *reader, int fd, void *buf,
		       size_t cap)
{
	assert(cap > 0);
	*reader = (struct meari_reader){ .fd = fd, .buf = buf, .cap = cap };
}

int meari_reader_line(struct meari_reader *reader, uint64_t until_ns,
		      struct meari_span *ret_span)
{
	int piece = take_piece(reader, ret_span);

	while (piece == 0) {
		int r = reader->ending;

		if (r == 0)
			r = fill(reader);
		piece = take_piece(reader, ret_span);
		if (piece != 0)
			break;
		r = transfer_again(reader->fd, POLLIN, r, until_ns);
		if (r != 0)
			return r;
	}
	return piece;
}

int meari_reader_read(struct meari_reader *reader, void *dst, size_t len,
		      uint64_t until_ns, size_t *done)
{
	unsigned char *p = dst;

	*done = take(reader, p, len);
	while (*done < len) {
		size_t n = 0;
		int r = reader->ending;

		if (r == 0)
			r = take_more(reader, p + *done, len - *done, &n);
		*done += n;
		if (*done == len)
			break;
		r = transfer_again(reader->fd, POLLIN, r, until_ns);
		if (r != 0)
			return r;
	}
	return MEARI_IO_DONE;
}

size_t meari_reader_buffered(const struct meari_reader *reader)
{
	return reader->end - reader->start;
}
