/* SPDX-License-Identifier: MIT */
#include <meari/datagram.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Ancillary data must be aligned as its header is. There is room for more than
 * the address, because a caller may have asked for time stamps as well. */
union control {
	struct cmsghdr align;
	unsigned char bytes[256];
};

static_assert(sizeof(union control) >= CMSG_SPACE(sizeof(struct in_pktinfo)) +
		      CMSG_SPACE(sizeof(struct in6_pktinfo)),
	      "both kinds of packet information fit");

/* @spec is 0 where the kernel does not tell which address of ours would answer:
 * on an IPv6 socket that takes IPv4 too, and for what was queued before the
 * socket was prepared, as is the datagram that activates a service. Then a
 * subnet's broadcast address passes; sendmsg(2) refuses to send from it. */
static bool is_unicast4(struct in_addr dst, struct in_addr spec)
{
	if (IN_MULTICAST(ntohl(dst.s_addr)) || dst.s_addr == INADDR_BROADCAST)
		return false;
	return spec.s_addr == 0 || spec.s_addr == dst.s_addr;
}

static void take_pktinfo4(const struct cmsghdr *cmsg,
			  struct meari_datagram *datagram)
{
	struct in_pktinfo info;

	memcpy(&info, CMSG_DATA(cmsg), sizeof info);
	datagram->local = (struct meari_addr){
		.len = sizeof datagram->local.in,
		.in = { .sin_family = AF_INET, .sin_addr = info.ipi_addr },
	};
	datagram->ifindex = (unsigned)info.ipi_ifindex;
	datagram->unicast = is_unicast4(info.ipi_addr, info.ipi_spec_dst);
}

static void take_pktinfo6(const struct cmsghdr *cmsg,
			  struct meari_datagram *datagram)
{
	struct meari_addr *local = &datagram->local;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct in6_pktinfo info;

	memcpy(&info, CMSG_DATA(cmsg), sizeof info);
	in6.sin6_addr = info.ipi6_addr;
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		in6.sin6_scope_id = info.ipi6_ifindex;
	if (meari_addr_set(local, (struct sockaddr *)&in6, sizeof in6) < 0)
		return;
	datagram->ifindex = info.ipi6_ifindex;
	if (local->sa.sa_family == AF_INET)
		datagram->unicast = is_unicast4(local->in.sin_addr,
						(struct in_addr){ 0 });
	else
		datagram->unicast = !IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
}

static void take_control(struct msghdr *msg, struct meari_datagram *datagram)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP &&
		    cmsg->cmsg_type == IP_PKTINFO)
			take_pktinfo4(cmsg, datagram);
		else if (cmsg->cmsg_level == IPPROTO_IPV6 &&
			 cmsg->cmsg_type == IPV6_PKTINFO)
			take_pktinfo6(cmsg, datagram);
	}
}

static void put_control(struct msghdr *msg, int level, int type,
			const void *data, size_t len)
{
	struct cmsghdr *cmsg;

	msg->msg_controllen = CMSG_SPACE(len);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
}

/* The interface is left to routing, as it is for any other packet, except
 * where the address means nothing without one (RFC 4007, 6). */
static void put_source(struct msghdr *msg, const struct meari_addr *local)
{
	if (local->sa.sa_family == AF_INET6) {
		const struct in6_pktinfo info = {
			.ipi6_addr = local->in6.sin6_addr,
			.ipi6_ifindex = local->in6.sin6_scope_id,
		};

		put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info,
			    sizeof info);
	} else {
		const struct in_pktinfo info = {
			.ipi_spec_dst = local->in.sin_addr,
		};

		put_control(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	}
}

int meari_datagram_prepare(int fd, int family)
{
	const int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	const int name = family == AF_INET6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof on) < 0 ? -errno : 0;
}

int meari_datagram_receive(int fd, void *buf, size_t cap,
			   struct meari_datagram *ret_datagram)
{
	struct meari_datagram datagram = { .len = 0 };
	struct sockaddr_storage ss;
	union control control;
	struct iovec iov = { .iov_base = buf, .iov_len = cap };
	struct msghdr msg;
	ssize_t n;

	do {
		msg = (struct msghdr){
			.msg_name = &ss,
			.msg_namelen = sizeof ss,
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control,
		};
		n = recvmsg(fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Without a peer's name there is nobody to answer: len stays 0. */
	(void)meari_addr_set(&datagram.peer, (struct sockaddr *)&ss,
			     msg.msg_namelen);
	datagram.len = (size_t)n;
	datagram.truncated = (msg.msg_flags & MSG_TRUNC) != 0;
	take_control(&msg, &datagram);
	*ret_datagram = datagram;
	return 0;
}

int meari_datagram_reply(int fd, const struct meari_datagram *datagram,
			 const void *buf, size_t len)
{
	/* sendmsg(2) only reads what these point to; its types cannot say. */
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf,
			     .iov_len = len };
	struct meari_addr peer = datagram->peer;
	union control control = { .bytes = { 0 } };
	struct msghdr msg = {
		.msg_name = &peer.sa,
		.msg_namelen = peer.len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
	};
	ssize_t n;

	/* Nothing may be sent from a group's address (RFC 1122, 3.2.1.3);
	 * there, and where it is unknown, routing chooses. */
	if (datagram->local.len > 0 && datagram->unicast)
		put_source(&msg, &datagram->local);
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
