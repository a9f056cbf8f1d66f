/* SPDX-License-Identifier: MIT */
#include <meari/listen.h>

#include <errno.h>
#include <sys/socket.h>

/* A listener that only ever yields broken connections must not keep its
 * caller from the others: after so many it counts as empty, and since it is
 * still readable the caller comes back to it. */
enum { TRIES = 64 };

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/* Linux passes errors that are already pending on the new connection on as
 * those of accept(2), which lists them. */
static bool concerns_one_client(int error, int listenfd)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
		return true;
	case EOPNOTSUPP:
		/* Also the answer of a socket that cannot listen at all. */
		return is_listening(listenfd);
	default:
		return false;
	}
}

int meari_accept(int listenfd, int *ret_connfd, struct meari_addr *ret_peer)
{
	for (int i = 0; i < TRIES; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof ss;
		int fd = accept4(listenfd, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		int err = errno;

		if (fd >= 0) {
			/* An inherited listener may be of any family: a
			 * connection without an address is one still. */
			if (ret_peer &&
			    meari_addr_set(ret_peer, (struct sockaddr *)&ss,
					   len) < 0)
				*ret_peer = (struct meari_addr){ .len = 0 };
			*ret_connfd = fd;
			return 0;
		}
		if (!concerns_one_client(err, listenfd))
			return -err;
	}
	return -EAGAIN;
}
