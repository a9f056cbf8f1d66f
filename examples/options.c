/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <meari/meari.h>
#include <stdio.h>

/* options NAME=VALUE...: what is asked of a new TCP socket, and granted. */
int main(int argc, char **argv)
{
	char want[MEARI_SOCKOPT_VALUE_TEXT], have[MEARI_SOCKOPT_VALUE_TEXT];
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct meari_sockopt_value asked, granted;
	struct meari_fail fail;

	if (fd < 0)
		err(1, "socket");
	for (int i = 1; i < argc; i++) {
		if (meari_sockopt_parse(argv[i], &asked, &fail) < 0 ||
		    meari_sockopt_set(fd, &asked, &fail) < 0)
			errx(1, "%s %s: %s", fail.step, fail.what, fail.why);
		if (meari_sockopt_get(fd, asked.opt, &granted) < 0)
			errx(1, "%s cannot be read back", asked.opt->name);
		printf("%s (%s): asked %s, granted %s\n", asked.opt->name,
		       asked.opt->constant,
		       meari_sockopt_format(&asked, want, sizeof want),
		       meari_sockopt_format(&granted, have, sizeof have));
	}
}
