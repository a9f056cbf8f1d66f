/* SPDX-License-Identifier: MIT */
#include "engine/control.h"

#include <errno.h>

#include <meari/clock.h>
#include <meari/io.h>

static void note(struct control *control, const struct pollfd *fds)
{
	if (fds[CONTROL_ABORT].revents)
		control->aborted = true;
	if (fds[CONTROL_STOP].revents && !control->stopping) {
		control->stopping = true;
		control->drained_ns = meari_after_ns(control->env->drain_ns);
		if (control->on_stop)
			control->on_stop(control);
	}
}

static int poll_all(struct control *control, struct pollfd *fds, nfds_t n_fds,
		    uint64_t until_ns)
{
	int r;

	/* The stop descriptor stays readable; once is enough. */
	fds[CONTROL_STOP] = (struct pollfd){
		.fd = control->stopping ? -1 : control->env->stop_fd,
		.events = POLLIN,
	};
	fds[CONTROL_ABORT] = (struct pollfd){
		.fd = control->env->abort_fd,
		.events = POLLIN,
	};
	r = meari_poll(fds, n_fds, until_ns);
	if (r < 0)
		return r;
	note(control, fds);
	return 0;
}

int control_poll(struct control *control, struct pollfd *fds, nfds_t n_fds,
		 uint64_t until_ns)
{
	if (until_ns != MEARI_NEVER && meari_now_ns() >= until_ns)
		return -ETIMEDOUT;
	return poll_all(control, fds, n_fds, until_ns);
}

int control_look(struct control *control, struct pollfd *fds, nfds_t n_fds)
{
	return poll_all(control, fds, n_fds, 0);
}
