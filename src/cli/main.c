/* SPDX-License-Identifier: MIT */
/*
 * main.c - what has to be true before and after any command
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/message.h"

/* A program may be started with descriptors 0 to 2 closed. A socket would then
 * be born as one of them, and our own messages written into it. Each is filled
 * the wrong way round, so that to use it is an error and not silence. */
static void hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		/* The lowest free number is taken, which is this one. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd)
			_exit(CLI_SETUP);
	}
}

/* At exit, because argp's --help exits by itself: a full disk or a reader
 * that is gone must not look like success. */
static void flush_standard_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	cli_error("cannot write standard output: %m");
	_exit(CLI_SETUP);
}

int main(int argc, char **argv)
{
	hold_standard_descriptors();
	if (atexit(flush_standard_output) != 0)
		return CLI_SETUP;
	/* Writing to a peer or a pipe that is gone is an error, not death. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv);
}
