/* SPDX-License-Identifier: MIT */
/*
 * echo.h - the echo machine: one stream connection, without system calls
 *
 * Every engine drives its connections through this machine. It says what it
 * wants next; the driver does that and tells what came of it:
 *
 *	echo_want()       the driver then
 *	ECHO_SEND         sends some of echo->out, and calls echo_sent()
 *	ECHO_HALF_CLOSE   ends our side with shutdown(2): echo_half_closed()
 *	ECHO_READ         reads: echo_input(), or echo_eof() at end of stream
 *	ECHO_CLOSE        closes the descriptor; the machine is over
 *
 * It never wants to read while something is left to send, so a peer that does
 * not read costs one buffer and no more. It holds no buffer of its own:
 * echo->out points into the driver's, or into the service's message. A driver
 * whose buffer is needed elsewhere moves the rest with echo_keep().
 */
#ifndef SERVICE_ECHO_H
#define SERVICE_ECHO_H

#include <stdbool.h>
#include <stddef.h>

#include <meari/span.h>

#include "service/service.h"

enum echo_want {
	ECHO_SEND,
	ECHO_HALF_CLOSE,
	ECHO_READ,
	ECHO_CLOSE,
};

struct echo {
	const struct service *service;
	struct meari_span out; /* to be sent; the driver's, or the message */
	bool ending;           /* nothing more will be put into out */
	bool half_closed;      /* our side has ended */
	bool eof;              /* the peer's side has ended */
};

/**
 * echo_open() - a connection has come
 * @echo:    written; needs no deinit
 * @service: what to do with its bytes
 * @message: sent first if the service greets; borrowed until it has left
 */
void echo_open(struct echo *echo, const struct service *service,
	       struct meari_span message);

/**
 * echo_want() - what to do next
 * @echo: from echo_open()
 */
enum echo_want echo_want(const struct echo *echo);

/**
 * echo_input() - bytes have been read; only when it wants ECHO_READ
 * @echo: from echo_open()
 * @data: borrowed until echo->out is empty or moved by echo_keep()
 * @len:  at least 1
 */
void echo_input(struct echo *echo, const unsigned char *data, size_t len);

/**
 * echo_sent() - the kernel took bytes; only when it wants ECHO_SEND
 * @echo: from echo_open()
 * @len:  how many, at most echo->out.len
 */
void echo_sent(struct echo *echo, size_t len);

/**
 * echo_keep() - move what is left to send into another buffer
 * @echo:  from echo_open()
 * @block: at least echo->out.len bytes; borrowed from now on
 */
void echo_keep(struct echo *echo, unsigned char *block);

/**
 * echo_eof() - the peer's side has ended; only when it wants ECHO_READ
 * @echo: from echo_open()
 */
void echo_eof(struct echo *echo);

/**
 * echo_stop() - the server wants this connection to end
 * @echo: from echo_open()
 *
 * What has been received is still sent back, then our side ends; what comes
 * after that is read and dropped until the peer ends its own. Closing at once
 * instead would reset the connection if bytes were unread (RFC 1122,
 * 4.2.2.13), and the reset can overtake the echoes.
 */
void echo_stop(struct echo *echo);

/**
 * echo_half_closed() - our side has ended; only when it wants ECHO_HALF_CLOSE
 * @echo: from echo_open()
 */
void echo_half_closed(struct echo *echo);

#endif
