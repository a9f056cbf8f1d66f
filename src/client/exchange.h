/* SPDX-License-Identifier: MIT */
/*
 * exchange.h - a conversation with an echo service, and how it ended
 *
 * What is read from one descriptor goes to the peer; what comes back goes to
 * another descriptor and is compared with what was sent.
 */
#ifndef CLIENT_EXCHANGE_H
#define CLIENT_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

struct exchange {
	int infd;            /* blocking or not; its flags are left alone */
	int outfd;           /* likewise */
	int sockfd;          /* connected, non-blocking */
	bool raw;            /* do not compare; the peer may end first */
	uint64_t timeout_ns; /* how long an answer that is due may take */
};

enum exchange_ending {
	EXCHANGE_WELL,    /* everything came back, or raw and the peer ended */
	EXCHANGE_DIFFERS, /* a wrong byte: offset, expected, got */
	EXCHANGE_SURPLUS, /* a byte nobody sent: offset, got */
	EXCHANGE_SHORT,   /* a datagram came back shorter than it was sent */
	EXCHANGE_CLOSED,  /* the peer ended before it was due, or too early */
	EXCHANGE_BROKEN,  /* the connection failed: error */
	EXCHANGE_SILENT,  /* nothing moved for timeout_ns */
	EXCHANGE_INPUT,   /* reading infd failed: error */
	EXCHANGE_OUTPUT,  /* writing outfd failed: error */
};

/* A plain value. */
struct exchange_report {
	enum exchange_ending ending;
	int error;             /* negative errno */
	uint64_t sent;         /* bytes the kernel took */
	uint64_t unsent;       /* bytes read, which it did not take */
	uint64_t received;     /* bytes that came */
	uint64_t returned;     /* of these, the ones that were right */
	uint64_t datagrams;    /* number sent; streams: 0 */
	uint64_t offset;       /* from the start of all bytes, 0 the first */
	unsigned char expected, got;
};

/**
 * exchange_stream() - converse over a stream, both directions at once
 * @exchange:   borrowed; SIGPIPE must be ignored
 * @ret_report: written on success
 *
 * When the input ends, the sending side of the connection is closed, and the
 * peer's end awaited (half-close: RFC 9293, 3.6). At most 64 MiB are read
 * ahead of what has come back, and 64 KiB received ahead of what has been
 * written; then the side concerned is not read until the other has moved.
 *
 * Return: 0 for any ending; -ENOMEM, or a negative errno of ppoll(2), when it
 *         could not go on.
 */
int exchange_stream(const struct exchange *exchange,
		    struct exchange_report *ret_report);

/* Fits one Ethernet frame behind the headers of IPv6 and UDP, with room for
 * tunnels: bigger datagrams would be fragmented on most paths. */
#define EXCHANGE_DATAGRAM_BYTES 1400

/**
 * exchange_datagrams() - converse in datagrams, one at a time
 * @exchange:   borrowed; SIGPIPE must be ignored
 * @ret_report: written on success
 *
 * Each read of the input, at most EXCHANGE_DATAGRAM_BYTES, is one datagram.
 * The next one leaves when the answer is here.
 *
 * Return: as exchange_stream().
 */
int exchange_datagrams(const struct exchange *exchange,
		       struct exchange_report *ret_report);

#endif
