/* SPDX-License-Identifier: MIT */
/*
 * unix_path.h - the files of Unix sockets: made private, replaced when stale,
 * removed when done
 *
 * bind(2) refuses a path that exists, and nothing removes it when its server
 * dies. So a server that starts has to tell a file left behind from one that
 * is in use, and two that start at once must not take each other's.
 */
#ifndef NET_UNIX_PATH_H
#define NET_UNIX_PATH_H

#include <stdbool.h>

#include <meari/fail.h>
#include <meari/listen.h>

/**
 * unix_path_named() - does binding to this address make a file?
 * @addr: any address
 *
 * Return: false for abstract names and other families.
 */
bool unix_path_named(const struct meari_addr *addr);

/**
 * unix_path_lock() - keep other servers from looking at a path
 * @addr: any address; one that makes no file needs no lock
 *
 * To be held from before bind(2) until after listen(2): in between a file
 * refuses connections, and so looks like one that was left behind. It is the
 * folder that is locked (flock(2)), so that no lock file remains.
 *
 * Return: a descriptor, which holds the lock until it is closed; -1 without a
 *         lock: none is needed, the folder cannot be read, or somebody has
 *         held it for too long.
 */
int unix_path_lock(const struct meari_addr *addr);

/**
 * unix_path_bind() - bind to a path, with mode 0600 from the start
 * @listener: its addr is the path, for which unix_path_named() holds; on
 *            success path_dev and path_ino are written, and the file is to be
 *            removed by unix_path_remove()
 * @fail:     may be NULL
 *
 * Return: 0; -EADDRINUSE when a server answers on the path or it is no
 *         socket; or a negative errno of fchmod(2), bind(2), unlink(2).
 */
int unix_path_bind(struct meari_listener *listener, struct meari_fail *fail);

/**
 * unix_path_remove() - remove the file that a listener made
 * @listener: still open, so that its file's inode number is not given away;
 *            without a file, or when another file has taken the path,
 *            nothing happens
 */
void unix_path_remove(struct meari_listener *listener);

#endif
