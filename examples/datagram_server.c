/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <meari/meari.h>

/* Nothing here keeps forged datagrams away: serve loopback only. */
#define LOCAL "udp://127.0.0.1:7007"

static void serve(int fd)
{
	static char buf[MEARI_DATAGRAM_MAX];
	struct meari_datagram asked;

	while (meari_datagram_receive(fd, buf, sizeof buf, &asked) == 0)
		if (asked.unicast)
			(void)meari_datagram_reply(fd, &asked, buf, asked.len);
}

int main(int argc, char **argv)
{
	struct meari_endpoint at;
	struct meari_listeners all;
	struct meari_fail fail;
	struct pollfd fds[8];
	size_t n = 0;

	if (meari_endpoint_parse(argc > 1 ? argv[1] : LOCAL, &at, &fail) < 0 ||
	    meari_listen(&at, NULL, &all, &fail) < 0)
		errx(1, "%s %s: %s", fail.step, fail.what, fail.why);
	if (meari_endpoint_socktype(&at) != SOCK_DGRAM)
		errx(1, "%s is not udp://", argv[1]);
	for (; n < all.n_items && n < 8; n++) {
		fds[n] = (struct pollfd){ all.items[n].fd, POLLIN, 0 };
		warnx("serving port %u", meari_addr_port(&all.items[n].addr));
	}
	while (meari_poll(fds, n, MEARI_NEVER) > 0)
		for (size_t i = 0; i < n; i++)
			serve(fds[i].fd);
	return 1;
}
