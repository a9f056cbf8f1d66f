/* SPDX-License-Identifier: MIT */
#include "addr/lookup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <meari/io.h>

/* Held by the caller and by the thread; the last to let go frees it. */
struct question {
	_Atomic int holders;
	int done_fd; /* event descriptor, raised with the answer */
	_Atomic bool answered; /* a descriptor alone orders no memory in C11 */
	char host[256];
	struct addrinfo hints;
	struct lookup_answer answer;
};

static void ask(const char *host, const struct addrinfo *hints,
		struct lookup_answer *answer)
{
	*answer = (struct lookup_answer){ 0 };
	errno = 0; /* EAI_SYSTEM need not set it */
	answer->eai = getaddrinfo(host, NULL, hints, &answer->found);
	answer->err = errno;
}

static void let_go(struct question *question)
{
	if (atomic_fetch_sub(&question->holders, 1) > 1)
		return;
	if (question->answer.found)
		freeaddrinfo(question->answer.found);
	(void)close(question->done_fd);
	free(question);
}

static void *answer_question(void *arg)
{
	struct question *question = arg;

	ask(question->host, &question->hints, &question->answer);
	atomic_store(&question->answered, true);
	(void)eventfd_write(question->done_fd, 1);
	let_go(question);
	return NULL;
}

/* The caller's signals are not for a thread that it knows nothing of. */
static int start_thread(struct question *question)
{
	pthread_t thread;
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, NULL, answer_question, question);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	(void)pthread_detach(thread);
	return 0;
}

static int new_question(const char *host, const struct addrinfo *hints,
			struct question **ret_question)
{
	struct question *question = calloc(1, sizeof *question);
	int err;

	if (!question)
		return -ENOMEM;
	question->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (question->done_fd < 0) {
		err = errno;
		free(question);
		return -err;
	}
	(void)snprintf(question->host, sizeof question->host, "%s", host);
	question->hints = (struct addrinfo){
		.ai_family = hints->ai_family,
		.ai_socktype = hints->ai_socktype,
	};
	atomic_init(&question->holders, 2);
	*ret_question = question;
	return 0;
}

static int take_answer(struct question *question,
		       struct lookup_answer *ret_answer)
{
	/* Only the answer raises the descriptor; should the wait have ended
	 * for another reason (POLLERR), there is nothing to hand over. */
	if (!atomic_load(&question->answered))
		return -EIO;
	*ret_answer = question->answer;
	question->answer.found = NULL;
	return 0;
}

int lookup(const char *host, const struct addrinfo *hints, uint64_t until_ns,
	   struct lookup_answer *ret_answer)
{
	struct question *question = NULL;
	int r;

	if (until_ns == MEARI_NEVER) {
		ask(host, hints, ret_answer);
		return 0;
	}
	r = new_question(host, hints, &question);
	if (r < 0)
		return r;
	r = start_thread(question);
	if (r < 0) {
		let_go(question); /* in the thread's place */
	} else {
		r = meari_wait(question->done_fd, POLLIN, until_ns);
		if (r > 0)
			r = take_answer(question, ret_answer);
	}
	let_go(question);
	return r;
}
