/* SPDX-License-Identifier: MIT */
#include "service/echo.h"

#include <assert.h>
#include <string.h>

void echo_open(struct echo *echo, const struct service *service,
	       struct meari_span message)
{
	*echo = (struct echo){ .service = service, .ending = service->closes };
	if (service->greets)
		echo->out = message;
}

enum echo_want echo_want(const struct echo *echo)
{
	if (echo->out.len > 0)
		return ECHO_SEND;
	if (echo->eof)
		return ECHO_CLOSE; /* sends our FIN as well */
	if (echo->ending && !echo->half_closed)
		return ECHO_HALF_CLOSE;
	return ECHO_READ;
}

void echo_input(struct echo *echo, const unsigned char *data, size_t len)
{
	assert(echo_want(echo) == ECHO_READ && len > 0);
	if (echo->service->echoes && !echo->ending)
		echo->out = (struct meari_span){ .data = data, .len = len };
}

void echo_sent(struct echo *echo, size_t len)
{
	assert(len <= echo->out.len);
	echo->out.data += len;
	echo->out.len -= len;
}

void echo_keep(struct echo *echo, unsigned char *block)
{
	/* memmove: the rest may be kept at the start of its own buffer. */
	if (echo->out.len > 0)
		memmove(block, echo->out.data, echo->out.len);
	echo->out.data = block;
}

void echo_eof(struct echo *echo)
{
	assert(echo_want(echo) == ECHO_READ);
	echo->eof = true;
}

void echo_stop(struct echo *echo)
{
	echo->ending = true;
}

void echo_half_closed(struct echo *echo)
{
	assert(echo_want(echo) == ECHO_HALF_CLOSE);
	echo->half_closed = true;
}
