/* SPDX-License-Identifier: MIT */
/* What a stranger's program does with the installed library; C and C++. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <meari/meari.h>

static int give_up(const struct meari_fail *fail)
{
	char text[MEARI_FAIL_TEXT];

	(void)fprintf(stderr, "%s\n", meari_fail_format(fail, text, sizeof text));
	return 1;
}

/* One message from one end of a connection to the other. */
static int converse(int from, int to)
{
	const char said[] = "from an installed library";
	char heard[sizeof said];
	uint64_t until_ns = meari_after_ns(10 * MEARI_S);
	size_t done;

	if (meari_write_full(from, said, sizeof said, until_ns, &done) ||
	    meari_read_full(to, heard, sizeof heard, until_ns, &done))
		return 1;
	return memcmp(said, heard, sizeof said) ? 1 : 0;
}

int main(void)
{
	struct meari_endpoint endpoint;
	struct meari_listeners listeners;
	struct meari_dialed dialed;
	struct meari_fail fail;
	int connfd, result;

	if (meari_endpoint_parse("tcp://127.0.0.1:0", &endpoint, &fail) ||
	    meari_listen(&endpoint, NULL, &listeners, &fail))
		return give_up(&fail);
	endpoint.port = meari_addr_port(&listeners.items[0].addr);
	if (meari_dial(&endpoint, NULL, &dialed, &fail))
		return give_up(&fail);
	/* On loopback the kernel has queued it before connect(2) returns. */
	if (meari_accept(listeners.items[0].fd, &connfd, NULL))
		return 1;
	result = converse(dialed.fd, connfd);
	(void)close(connfd);
	(void)close(dialed.fd);
	meari_listeners_close(&listeners);
	return result;
}
