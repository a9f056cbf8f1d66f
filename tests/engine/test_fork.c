/* SPDX-License-Identifier: MIT */
/* test_fork.c - what only an engine of processes can get wrong */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "inject.h"
#include "peer.h"
#include "suite.h"

/* Does a process hold a descriptor of this inode? */
static bool holds(pid_t pid, ino_t inode)
{
	char path[320], folder[64];
	struct stat st;
	bool found = false;
	DIR *fds;

	(void)snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
	fds = opendir(folder);
	assert_non_null(fds);
	for (struct dirent *entry; (entry = readdir(fds));) {
		(void)snprintf(path, sizeof path, "%s/%s", folder,
			       entry->d_name);
		if (stat(path, &st) == 0 && st.st_ino == inode &&
		    S_ISSOCK(st.st_mode))
			found = true;
	}
	(void)closedir(fds);
	return found;
}

static void test_child_does_not_hold_the_listener(struct harness *h)
{
	char path[64];
	struct stat st;
	pid_t child;
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	assert_int_equal(harness_children(h, &child, 1), 1);
	(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)h->pid,
		       h->listener.fd);
	assert_int_equal(stat(path, &st), 0);
	assert_true(holds(h->pid, st.st_ino));
	assert_false(holds(child, st.st_ino));
	peer_close(fd);
	harness_finish(h);
}

static void test_every_child_is_reaped(struct harness *h)
{
	pid_t pids[8];

	harness_start(h);
	for (int i = 0; i < 200; i++) {
		int fd = peer_connect(harness_addr(h));

		peer_send(fd, "a", 1);
		peer_close(fd);
	}
	/* The end is counted when a child has been waited for. */
	harness_await(h, TALLY_ENDED, 200);
	assert_int_equal(harness_children(h, pids, 8), 0);
	harness_finish(h);
}

static void test_killed_child_is_counted_as_ended(struct harness *h)
{
	struct event event;
	pid_t child;
	int fd;

	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "a", 1);
	assert_int_equal(harness_children(h, &child, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	harness_await(h, TALLY_ENDED, 1);
	peer_close(fd);
	do
		assert_true(event_ring_take(h->env.events, &event));
	while (event.kind != EVENT_WORKER_DIED);
	assert_int_equal(event.value, SIGKILL);
	assert_int_equal(harness_count(h, TALLY_FAILED), 1);
	harness_finish(h);
}

static void test_no_process_to_be_had_keeps_the_connection(struct harness *h)
{
	int fd;

	inject.fail_forks = 2;
	harness_start(h);
	fd = peer_connect(harness_addr(h));
	peer_echo(fd, "patience", 8);
	peer_close(fd);
	assert_int_equal(harness_count(h, TALLY_ACCEPT_PAUSES), 2);
	harness_finish(h);
}

static void assert_echoes(int fd)
{
	for (int i = 0; i < 3; i++)
		peer_echo(fd, "datagram", 8);
}

static void test_datagram_child_that_died_is_replaced(struct harness *h)
{
	pid_t child;
	int fd;

	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	assert_echoes(fd);
	assert_int_equal(harness_children(h, &child, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_echoes(fd); /* the first waits in the socket's queue */
	peer_close(fd);
	harness_finish(h);
}

static void test_datagram_child_that_cannot_be_had_is_tried_for(
	struct harness *h)
{
	int fd;

	inject.fail_forks = 2;
	harness_start(h);
	fd = peer_connect_datagram(harness_addr(h));
	assert_echoes(fd);
	peer_close(fd);
	harness_finish(h);
}

static const struct suite_row rows[] = {
	{ "child_does_not_hold_the_listener",
	  test_child_does_not_hold_the_listener, 0, "tcp4" },
	{ "every_child_is_reaped", test_every_child_is_reaped, 0, "tcp4" },
	{ "killed_child_is_counted_as_ended",
	  test_killed_child_is_counted_as_ended, 0, "tcp4" },
	{ "no_process_to_be_had_keeps_the_connection",
	  test_no_process_to_be_had_keeps_the_connection, 0, "tcp4" },
	{ "datagram_child_that_died_is_replaced",
	  test_datagram_child_that_died_is_replaced, 0, "udp4" },
	{ "datagram_child_that_cannot_be_had_is_tried_for",
	  test_datagram_child_that_cannot_be_had_is_tried_for, 0, "udp4" },
	{ NULL, NULL, 0, NULL },
};

int main(int argc, char **argv)
{
	static const char *const families[] = { "tcp4", "udp4", NULL };

	return suite_main(argc, argv, families, rows);
}
