# SPDX-License-Identifier: MIT
"""Raw clients for the servers under test: sockets, with all their bad manners.

Everything waits with a deadline of PATIENCE_S, which is spent only where a
test is about to fail.
"""
import contextlib
import select
import socket
import struct
import time

from program import PATIENCE_S


def dial(endpoint, kind=None, source=None):
    """A socket that is connected to what a server has said to listen on."""
    if endpoint.scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        address = endpoint.path
        if address.startswith("@"):
            address = "\0" + address[1:]
    else:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        if kind is None:
            kind = socket.SOCK_STREAM
            if endpoint.scheme == "udp":
                kind = socket.SOCK_DGRAM
        sock = socket.socket(family, kind)
        address = (endpoint.host, endpoint.port)
    try:
        sock.settimeout(PATIENCE_S)
        if source:
            sock.bind(source)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


@contextlib.contextmanager
def dial_many(endpoint, count):
    """So many connected sockets."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(dial(endpoint)) for _ in range(count)]


def hear(sock, size):
    """Exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        piece = sock.recv(min(size - len(data), 1 << 20))
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    return bytes(data)


def hear_all(sock):
    """All bytes up to the end of the stream."""
    data = bytearray()
    while piece := sock.recv(1 << 20):
        data += piece
    return bytes(data)


def echoed(sock, data=b"are you there?"):
    """Sends little enough for one buffer; does the same come back?"""
    sock.sendall(data)
    return hear(sock, len(data)) == data


def exchange(sock, data):
    """Sends while it receives, then ends its side; all that came back."""
    left = memoryview(data)
    got = bytearray()
    deadline = time.monotonic() + PATIENCE_S
    sock.setblocking(False)
    if not left:
        sock.shutdown(socket.SHUT_WR)
    while True:
        can_read, can_write, _ = select.select(
            [sock], [sock] if left else [], [], deadline - time.monotonic())
        assert can_read or can_write, f"stuck: {len(left)} bytes left to send"
        if can_write:
            left = left[sock.send(left[:1 << 20]):]
            if not left:
                sock.shutdown(socket.SHUT_WR)
        if can_read:
            piece = sock.recv(1 << 20)
            if not piece:
                return bytes(got)
            got += piece


def reset(sock):
    """Closes with a RST in place of a FIN (socket(7), SO_LINGER)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def refused(endpoint):
    """Is nobody listening there?"""
    try:
        dial(endpoint).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it came between the last look at the queue and the refusal
    return False


def is_silent(sock):
    """Has nothing come, not even an end?"""
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        sock.settimeout(PATIENCE_S)
    return False


def stays_silent(sock, seconds):
    """Does nothing come for so long?"""
    return not select.select([sock], [], [], seconds)[0]


def push_until_stuck(sock, limit, pause=0.3):
    """Sends until nothing is taken for a while; how many bytes were."""
    block = bytes(1 << 16)
    sent = 0
    sock.setblocking(False)
    try:
        while sent < limit and select.select([], [sock], [], pause)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += sock.send(block)
    finally:
        sock.settimeout(PATIENCE_S)
    return sent


def ends_with(sock):
    """How the peer ends: "eof" or "reset"."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        return "reset"
    return "eof"
