/* SPDX-License-Identifier: MIT */
#include "net/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <meari/clock.h>
#include <meari/io.h>

#include "base/cleanup.h"
#include "net/fail_addr.h"

/* The lock is held for a few system calls. Who holds it longer is no server of
 * ours, and anybody who can read a folder can lock it: a start is delayed by
 * that, not prevented. */
#define LOCK_WAIT_NS  (1 * MEARI_S)
#define LOCK_PAUSE_NS (5 * MEARI_MS)

/* Finds out whether a socket is bound to the file, without becoming a client of
 * its: a datagram socket cannot be connected to one of streams (EPROTOTYPE),
 * but that is told only if there is one. 0, or a negative errno. */
static int probe(const struct meari_addr *addr)
{
	MEARI_AUTO(fd_closep) int fd = -1;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, &addr->sa, addr->len) < 0)
		return -errno;
	return 0;
}

static int refuse(const struct meari_addr *addr, struct meari_fail *fail,
		  const char *reason, const char *detail)
{
	char text[MEARI_ADDR_TEXT];

	return fail_setf(fail, -EADDRINUSE, "bind",
			 meari_addr_format(addr, text, sizeof text),
			 "%s; %s%s", strerror(EADDRINUSE), reason, detail);
}

static int check_stale(const struct meari_addr *addr, struct meari_fail *fail)
{
	struct stat st;
	int r;

	if (lstat(addr->un.sun_path, &st) < 0)
		return errno == ENOENT ? 0 :
					 fail_addr(fail, -errno, "lstat", addr);
	if (!S_ISSOCK(st.st_mode))
		return refuse(addr, fail, "it exists and is not a socket", "");
	r = probe(addr);
	switch (r) {
	case -ECONNREFUSED: /* no socket is bound to the file any more */
	case -ENOENT:
		return 0;
	case -EPROTOTYPE: /* it is a stream socket, as ours */
	case 0:           /* it is a datagram socket */
		return refuse(addr, fail, "a server is answering on it", "");
	default:
		return refuse(addr, fail, "no telling whether it is in use: ",
			      strerror(-r));
	}
}

static int remove_stale(const struct meari_addr *addr, struct meari_fail *fail)
{
	int r = check_stale(addr, fail);

	if (r < 0)
		return r;
	if (unlink(addr->un.sun_path) < 0 && errno != ENOENT)
		return fail_addr(fail, -errno, "unlink", addr);
	return 0;
}

static int bind_once(const struct meari_listener *listener)
{
	const struct meari_addr *addr = &listener->addr;

	return bind(listener->fd, &addr->sa, addr->len) < 0 ? -errno : 0;
}

/* fstat(2) would tell the identity of the socket, not that of its file. */
static int identify(struct meari_listener *listener, struct meari_fail *fail)
{
	const char *path = listener->addr.un.sun_path;
	struct stat st;

	if (lstat(path, &st) < 0) {
		int err = errno;

		/* Made a moment ago, and without its identity nobody would
		 * remove it later. */
		(void)unlink(path);
		return fail_addr(fail, -err, "lstat", &listener->addr);
	}
	listener->path_dev = st.st_dev;
	listener->path_ino = st.st_ino;
	return 0;
}

bool unix_path_named(const struct meari_addr *addr)
{
	return addr->len > offsetof(struct sockaddr_un, sun_path) &&
	       addr->sa.sa_family == AF_UNIX && addr->un.sun_path[0] != '\0';
}

int unix_path_lock(const struct meari_addr *addr)
{
	MEARI_AUTO(fd_closep) int fd = -1;
	const uint64_t until_ns = meari_after_ns(LOCK_WAIT_NS);
	char path[sizeof addr->un.sun_path + 1] = "";

	if (!unix_path_named(addr))
		return -1;
	memcpy(path, addr->un.sun_path, sizeof addr->un.sun_path);
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (meari_now_ns() >= until_ns)
			return -1;
		(void)meari_poll(NULL, 0, meari_after_ns(LOCK_PAUSE_NS));
	}
	return fd_steal(&fd);
}

int unix_path_bind(struct meari_listener *listener, struct meari_fail *fail)
{
	const struct meari_addr *addr = &listener->addr;
	int r;

	/* Linux gives the file the mode of the socket's own inode, less the
	 * umask; so there is no moment at which others could connect, as there
	 * is with a chmod(2) afterwards, and the umask, which all threads
	 * share, stays as it is. */
	if (fchmod(listener->fd, 0600) < 0)
		return fail_addr(fail, -errno, "fchmod", addr);
	r = bind_once(listener);
	if (r == -EADDRINUSE) {
		r = remove_stale(addr, fail);
		if (r < 0)
			return r;
		r = bind_once(listener);
	}
	if (r < 0)
		return fail_addr(fail, r, "bind", addr);
	return identify(listener, fail);
}

void unix_path_remove(struct meari_listener *listener)
{
	struct stat st;

	if (listener->path_ino == 0)
		return;
	if (lstat(listener->addr.un.sun_path, &st) == 0 &&
	    st.st_dev == listener->path_dev && st.st_ino == listener->path_ino)
		(void)unlink(listener->addr.un.sun_path);
	listener->path_ino = 0;
}
