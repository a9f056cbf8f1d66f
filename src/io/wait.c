/* SPDX-License-Identifier: MIT */
#include <meari/io.h>

#include <errno.h>
#include <time.h>

static struct timespec time_left(uint64_t until_ns)
{
	uint64_t now = meari_now_ns();
	uint64_t left = until_ns > now ? until_ns - now : 0;

	return (struct timespec){
		.tv_sec = (time_t)(left / MEARI_S), /* below 2^35 */
		.tv_nsec = (long)(left % MEARI_S),
	};
}

int meari_poll(struct pollfd *fds, nfds_t n_fds, uint64_t until_ns)
{
	for (;;) {
		/* Anew for each attempt: a signal must not stretch the wait. */
		struct timespec left = time_left(until_ns);
		int n = ppoll(fds, n_fds,
			      until_ns == MEARI_NEVER ? NULL : &left, NULL);

		if (n > 0)
			return n;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int meari_wait(int fd, short events, uint64_t until_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int r;

	/* poll(2) skips a negative descriptor, and would wait for nothing. */
	if (fd < 0)
		return -EBADF;
	r = meari_poll(&pollfd, 1, until_ns);
	if (r < 0)
		return r;
	if (pollfd.revents & POLLNVAL)
		return -EBADF;
	return pollfd.revents;
}
