/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <meari/meari.h>
#include <unistd.h>

static void serve(int listenfd)
{
	char buf[65536];
	size_t n;
	int fd = -1;

	if (meari_accept(listenfd, &fd, NULL) < 0) /* not again at once */
		(void)meari_poll(NULL, 0, meari_after_ns(100 * MEARI_MS));
	while (meari_wait(fd, POLLIN, MEARI_NEVER) > 0 &&
	       meari_read_some(fd, buf, sizeof buf, &n) == MEARI_IO_DONE &&
	       meari_write_full(fd, buf, n, MEARI_NEVER, &n) == MEARI_IO_DONE)
		;
	close(fd);
}

int main(int argc, char **argv)
{
	struct meari_endpoint at;
	struct meari_listeners all;
	struct meari_fail fail;
	struct pollfd fds[8];
	size_t n = 0;

	if (meari_endpoint_parse(argc > 1 ? argv[1] : "7007", &at, &fail) < 0 ||
	    meari_listen(&at, NULL, &all, &fail) < 0)
		errx(1, "%s %s: %s", fail.step, fail.what, fail.why);
	for (; n < all.n_items && n < 8; n++) {
		fds[n] = (struct pollfd){ all.items[n].fd, POLLIN, 0 };
		warnx("serving port %u", meari_addr_port(&all.items[n].addr));
	}
	for (size_t i = 0; meari_poll(fds, n, MEARI_NEVER) > 0; i = (i + 1) % n)
		if (fds[i].revents)
			serve(fds[i].fd);
	return 1;
}
