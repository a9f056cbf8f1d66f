/* SPDX-License-Identifier: MIT */
/*
 * inject.h - faults in the system calls of an engine under test
 *
 * Link with --wrap for accept4, read, send, recvmsg, sendmsg and fork. Faults are described
 * before the engine's process is forked, and happen there alone.
 */
#ifndef LIB_INJECT_H
#define LIB_INJECT_H

#include <stddef.h>
#include <stdint.h>

struct inject {
	const int *accept_errors; /* of the first calls to accept4(2), in turn */
	size_t n_accept_errors;
	const int *receive_errors; /* likewise, of recvmsg(2) */
	size_t n_receive_errors;
	const int *reply_errors; /* likewise, of sendmsg(2) */
	size_t n_reply_errors;
	size_t max_bytes; /* of each read and send, varying from 1; 0: any */
	unsigned interrupt_every; /* every so many calls ends in EINTR; 0: no */
	unsigned fail_forks;      /* how many calls to fork(2) end in EAGAIN */
	_Atomic uint64_t *accept_calls; /* shared mapping; may be NULL */
};

extern struct inject inject;

/* Back to no faults. */
void inject_reset(void);

/* From here on, in this process, faults happen; and no longer. */
void inject_arm(void);
void inject_disarm(void);

#endif
