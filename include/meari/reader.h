/* SPDX-License-Identifier: MIT */
/*
 * reader.h - a buffered reader of lines and of exact counts
 *
 * The reader works on storage that the caller owns and allocates nothing. It
 * is binary-safe: a NUL is a byte like any other. Lines may be longer than
 * the storage: they are handed out in pieces, each saying whether the line
 * ends with it. Bytes that were buffered when the stream ended or failed are
 * handed out before the ending is reported.
 *
 * One thread at a time may use a reader.
 */
#ifndef MEARI_READER_H
#define MEARI_READER_H

#include <stddef.h>
#include <stdint.h>

#include <meari/decls.h>
#include <meari/io.h>
#include <meari/span.h>

struct meari_reader {
	int fd;             /* borrowed */
	unsigned char *buf; /* the caller's */
	size_t cap;
	size_t start;   /* first byte not yet handed out */
	size_t end;     /* behind the last byte read */
	size_t scanned; /* no newline from start to here */
	int ending;     /* MEARI_IO_EOF or a negative errno that came; else 0 */
};

/* Outcomes of meari_reader_line() that are not failures. */
enum {
	MEARI_LINE_WHOLE = 2, /* the piece ends the line, newline included */
	MEARI_LINE_PART = 3,  /* the line goes on, or the stream ended in it */
};

MEARI_BEGIN_DECLS

/**
 * meari_reader_init() - read @fd through @buf
 * @reader: filled in; needs no deinit
 * @fd:     non-blocking stream descriptor; borrowed until the last call
 * @buf:    storage, the caller's, which must outlive the reader
 * @cap:    size of @buf, at least 1
 *
 * Threads: any.
 */
void meari_reader_init(struct meari_reader *reader, int fd, void *buf,
		       size_t cap);

/**
 * meari_reader_line() - the next line, or the next piece of a long one
 * @reader:   from meari_reader_init()
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 * @ret_span: the bytes, newline included, never empty; inside the reader's
 *            storage, valid until its next call; written for
 *            MEARI_LINE_WHOLE and MEARI_LINE_PART only
 *
 * A piece comes when the line is longer than the storage, or when the stream
 * ended or failed within it; then the next call reports that ending.
 *
 * Return: MEARI_LINE_WHOLE; MEARI_LINE_PART; MEARI_IO_EOF; -ETIMEDOUT at the
 *         deadline, which keeps what is buffered for the next call; a
 *         negative errno of read(2), which every later call returns again
 *         (reader->ending tells its -ETIMEDOUT from the deadline's); or one
 *         of ppoll(2).
 * Threads: one at a time.
 */
int meari_reader_line(struct meari_reader *reader, uint64_t until_ns,
		      struct meari_span *ret_span);

/**
 * meari_reader_read() - exactly @len bytes, buffered ones first
 * @reader:   from meari_reader_init()
 * @dst:      at least @len bytes; the first *@done are valid on every return
 * @len:      may be 0, which is done at once
 * @until_ns: absolute deadline on CLOCK_MONOTONIC in ns, or MEARI_NEVER
 * @done:     bytes copied; written on every return
 *
 * Large counts bypass the storage. Mixes freely with meari_reader_line().
 *
 * Return: MEARI_IO_DONE; or, with *@done less than @len, MEARI_IO_EOF or a
 *         negative errno as meari_reader_line().
 * Threads: one at a time.
 */
int meari_reader_read(struct meari_reader *reader, void *dst, size_t len,
		      uint64_t until_ns, size_t *done);

/**
 * meari_reader_buffered() - what can be had without a system call
 * @reader: from meari_reader_init()
 *
 * Return: number of bytes read from the descriptor and not yet handed out.
 * Threads: one at a time.
 */
size_t meari_reader_buffered(const struct meari_reader *reader);

MEARI_END_DECLS

#endif
