/* SPDX-License-Identifier: MIT */
/*
 * fuzz_echo.c - whatever the sizes and the order, the echo machine is exact
 *
 * Input: which service (the index, modulo their number), then the steps. In
 * each the driver does what the machine wants:
 *
 *	bits 0..5: bytes to send, modulo one more than there are; or bytes
 *	           that are read, 0 being the end of the stream
 *	bit 6:     what is left to send moves to another block first
 *	bit 7:     the server stops first
 *
 * After the last step all is sent that can be, and the stream ends.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "service/echo.h"

static const unsigned char text[] = "a message of some bytes";

static const struct meari_span message = { text, sizeof text - 1 };

struct run {
	const struct service *service;
	struct echo echo;
	/* The driver's, on the heap and exact, so that a sanitiser sees its
	 * end, and sees it used after it was given up. */
	unsigned char *block;
	size_t received; /* bytes read */
	size_t owed;     /* bytes that are to be sent, of all so far */
	size_t sent;
	bool stopped;
	bool half_closed;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): a fuzzer must notice in every kind of build. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

static unsigned char *block_of(size_t len)
{
	unsigned char *block = malloc(len);

	require(block);
	return block;
}

/* The peer's byte at a position; its period is no power of two. */
static unsigned char peer_byte(size_t at)
{
	return (unsigned char)(at % 251);
}

static unsigned char expected_byte(const struct run *run, size_t at)
{
	return run->service->greets ? text[at] : peer_byte(at);
}

static void move_rest(struct run *run)
{
	unsigned char *block = block_of(run->echo.out.len);

	echo_keep(&run->echo, block);
	free(run->block);
	run->block = block;
}

static void step_send(struct run *run, size_t len)
{
	const struct meari_span out = run->echo.out;

	require(out.len > 0 && out.len == run->owed - run->sent);
	len %= out.len + 1;
	for (size_t i = 0; i < len; i++)
		require(out.data[i] == expected_byte(run, run->sent + i));
	run->sent += len;
	echo_sent(&run->echo, len);
}

static void step_read(struct run *run, size_t len)
{
	require(run->echo.out.len == 0 && run->sent == run->owed);
	if (len == 0) {
		echo_eof(&run->echo);
		require(echo_want(&run->echo) == ECHO_CLOSE);
		return;
	}
	free(run->block);
	run->block = block_of(len);
	for (size_t i = 0; i < len; i++)
		run->block[i] = peer_byte(run->received + i);
	run->received += len;
	if (run->service->echoes && !run->stopped)
		run->owed += len;
	echo_input(&run->echo, run->block, len);
}

static void step_half_close(struct run *run)
{
	require(run->stopped || run->service->closes);
	require(run->sent == run->owed);
	require(!run->half_closed);
	run->half_closed = true;
	echo_half_closed(&run->echo);
}

/* False when the machine is over. */
static bool step(struct run *run, uint8_t what)
{
	if (what & 1u << 7) {
		run->stopped = true;
		echo_stop(&run->echo);
	}
	if (what & 1u << 6 && run->echo.out.len > 0)
		move_rest(run);
	switch (echo_want(&run->echo)) {
	case ECHO_SEND:
		step_send(run, what & 63u);
		return true;
	case ECHO_READ:
		step_read(run, what & 63u);
		return true;
	case ECHO_HALF_CLOSE:
		step_half_close(run);
		return true;
	case ECHO_CLOSE:
		break;
	}
	return false;
}

/* What is left is sent, our side may end, and the peer's does: that is all
 * there can be to do. */
static void finish(struct run *run)
{
	unsigned steps = 0;

	while (echo_want(&run->echo) != ECHO_CLOSE) {
		if (echo_want(&run->echo) == ECHO_SEND)
			step_send(run, run->echo.out.len);
		else
			(void)step(run, 0);
		require(++steps <= 3);
	}
	require(run->sent == run->owed);
	require(run->half_closed || !run->service->closes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct run run = { .half_closed = false };
	size_t n_services = 0;

	if (len == 0)
		return 0;
	while (service_at(n_services))
		n_services++;
	run.service = service_at(data[0] % n_services);
	run.owed = run.service->greets ? message.len : 0;
	echo_open(&run.echo, run.service, message);
	for (size_t i = 1; i < len; i++)
		if (!step(&run, data[i]))
			break;
	finish(&run);
	free(run.block);
	return 0;
}
