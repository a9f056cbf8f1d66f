/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <meari/meari.h>
#include <string.h>
#include <unistd.h>

static void exchange(struct meari_reader *peer, struct meari_span line)
{
	uint64_t until_ns = meari_after_ns(10 * MEARI_S);
	char echo[4096];
	size_t n;

	if (meari_write_full(peer->fd, line.data, line.len, until_ns, &n) < 0 ||
	    meari_reader_read(peer, echo, line.len, until_ns, &n) != 0)
		errx(1, "the echo did not come back");
	if (memcmp(line.data, echo, n) != 0)
		errx(1, "what came back is no echo");
	if (meari_write_full(STDOUT_FILENO, echo, n, MEARI_NEVER, &n) < 0)
		errx(1, "cannot write standard output");
}

int main(int argc, char **argv)
{
	char input[4096], received[4096];
	struct meari_reader in, peer;
	struct meari_dialed dialed;
	struct meari_endpoint to;
	struct meari_fail fail;
	struct meari_span line;

	if (meari_endpoint_parse(argc > 1 ? argv[1] : "7007", &to, &fail) < 0 ||
	    meari_dial(&to, NULL, &dialed, &fail) < 0)
		errx(1, "%s %s: %s", fail.step, fail.what, fail.why);
	meari_reader_init(&in, STDIN_FILENO, input, sizeof input);
	meari_reader_init(&peer, dialed.fd, received, sizeof received);
	while (meari_reader_line(&in, MEARI_NEVER, &line) > MEARI_IO_EOF)
		exchange(&peer, line);
	return in.ending < 0;
}
