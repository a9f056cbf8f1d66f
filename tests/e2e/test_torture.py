# SPDX-License-Identifier: MIT
"""Clients that do their worst. After each, the server is as it was before."""
import contextlib
import os
import random
import re
import select
import signal
import socket
import struct
import threading
import time

import pytest
from clients import dial, dial_many, echoed, ends_with, exchange, hear
from clients import hear_all, push_until_stuck, refused, reset
from processes import descriptors, memory, states, until
from program import PATIENCE_S, PROGRAM
from tallies import tallies, until_tallies

# They have shadow memory of their own.
SANITIZED = re.search(rb"__[at]san_init", PROGRAM.read_bytes())


@pytest.fixture(params=["fork", "thread"])
def concurrent(request):
    """The engines of the textbook that serve side by side."""
    return request.param


@pytest.fixture
def unharmed(folder, serve):
    """Starts a server like serve(), and looks at the end of the test whether
    it still serves, has the processes and descriptors of the start and no
    zombies, and counts no connection as active."""
    started = []

    def start(*words, **options):
        server = serve(*words, **options)
        for endpoint in server.endpoints:
            with dial(endpoint) as sock:
                assert echoed(sock)
        until_tallies(server, active=0)
        until(lambda: len(server.processes()) == 2 + n_workers(server))
        started.append((server, at_rest(server)))
        return server

    yield start
    for server, before in started:
        for endpoint in server.endpoints:
            with dial(endpoint) as sock:
                assert echoed(sock)
        until_tallies(server, active=0)
        until(lambda: at_rest(server) == before,
              lambda: f"{at_rest(server)} is not {before}")
        assert "Z" not in states(server.processes())
        assert server.stop() == 0


def n_workers(server):
    """Processes that serve no connection."""
    return sum(endpoint.engine == "fork" and endpoint.scheme == "udp"
               for endpoint in server.endpoints)


def at_rest(server):
    return [descriptors(pid) for pid in server.processes()]


def start_tcp(start, engine, *words, place="127.0.0.1"):
    return start("--engine", engine, *words, f"tcp://{place}:0")


# Many

def test_a_thousand_connections_at_once(unharmed, concurrent):
    server = start_tcp(unharmed, concurrent)
    with dial_many(server.endpoint, 1000) as socks:
        for number, sock in enumerate(socks):
            sock.sendall(b"%04d" % number)
        assert [hear(sock, 4) for sock in socks] == [
            b"%04d" % number for number in range(1000)]
        assert tallies(server)["active"] == 1000
        for sock in socks:
            sock.shutdown(socket.SHUT_WR)
        assert {hear_all(sock) for sock in socks} == {b""}
    until_tallies(server, accepted=1001, ended=1001, failed=0)


def test_a_thousand_connections_one_after_the_other(unharmed, engine):
    server = start_tcp(unharmed, engine)
    for _ in range(1000):
        with dial(server.endpoint) as sock:
            assert exchange(sock, b"hello") == b"hello"
    until_tallies(server, ended=1001, failed=0)


def test_a_thousand_clients_of_a_stop(serve, concurrent):
    server = start_tcp(serve, concurrent, "--drain", "60s")
    with dial_many(server.endpoint, 1000) as socks:
        for sock in socks:
            sock.sendall(b"x")
        server.send(signal.SIGTERM)
        assert {hear_all(sock) for sock in socks} == {b"x"}
    assert server.wait() == 0
    assert "served 1000 connections" in server.lines[-1]


# Rude

def until_readable(sock):
    assert select.select([sock], [], [], PATIENCE_S)[0]


RUDE = {
    "at once": lambda sock: None,
    "bytes on their way": lambda sock: sock.send(bytes(100)),
    "echo unread": lambda sock: (sock.send(bytes(100)), until_readable(sock)),
    "echo read in part": lambda sock: (sock.send(bytes(100)), sock.recv(1)),
    "half-closed": lambda sock: (sock.send(bytes(100)),
                                 sock.shutdown(socket.SHUT_WR)),
    "not reading": lambda sock: push_until_stuck(sock, 1 << 20, 0),
}


@pytest.mark.parametrize("phase", RUDE)
def test_five_hundred_resets(unharmed, engine, phase):
    """In all phases of a connection, a hundred and fewer for each."""
    server = start_tcp(unharmed, engine)
    for _ in range(500 // len(RUDE)):
        sock = dial(server.endpoint)
        RUDE[phase](sock)
        reset(sock)


def test_resets_all_at_once(unharmed, engine):
    server = start_tcp(unharmed, engine)
    with dial_many(server.endpoint, 200) as socks:
        for sock in socks:
            sock.sendall(b"x")
        for sock in socks:
            reset(sock)


def test_reset_of_a_message_half_sent(serve, engine, folder):
    (folder / "file").write_bytes(bytes(8 << 20))
    server = start_tcp(serve, engine, "--service", "message",
                       "--message-file", folder / "file")
    for _ in range(20):
        sock = dial(server.endpoint)
        hear(sock, 1000)
        reset(sock)
    until_tallies(server, ended=20, failed=20)
    with dial(server.endpoint) as sock:
        assert hear_all(sock) == bytes(8 << 20)


def test_clients_that_come_and_say_nothing(unharmed, engine):
    server = start_tcp(unharmed, engine)
    for _ in range(300):
        dial(server.endpoint).close()
    until_tallies(server, accepted=301, ended=301, failed=0)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def syn(source, target):
    """The header of a segment that begins a connection (RFC 9293, 3.1)."""
    def header(check):
        return struct.pack("!HHLLBBHHH", source, target, 1, 0, 5 << 4, 2,
                           1024, check, 0)

    here = socket.inet_aton("127.0.0.1")
    pseudo = here + here + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    return header(checksum(pseudo + header(0)))


def test_half_open_scan(unharmed, engine):
    """SYN; when the SYN+ACK comes the scanner's kernel knows no such socket,
    and answers with a reset."""
    if os.geteuid() != 0:
        pytest.skip("raw sockets need root")
    server = start_tcp(unharmed, engine)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_TCP) as scanner:
        for port in range(20_000, 20_100):
            scanner.sendto(syn(port, server.port), ("127.0.0.1", 0))
    assert tallies(server)["accepted"] == 1


def test_flood_of_connections_and_a_stop(serve, engine):
    """What is queued is taken once, and who comes later is refused. Else the
    stop would last as long as the flood, or the drain: for ever, here."""
    server = start_tcp(serve, engine, "--drain", "1h", "--backlog", "64")
    over = threading.Event()

    def flood():
        while not over.is_set():
            with contextlib.suppress(OSError), \
                    dial(server.endpoint) as sock:
                sock.send(b"x")

    flooders = [threading.Thread(target=flood, daemon=True) for _ in range(4)]
    for flooder in flooders:
        flooder.start()
    until(lambda: tallies(server)["accepted"] > 100)
    server.send(signal.SIGTERM)
    until(lambda: refused(server.endpoint), "a refusal")
    assert server.wait() == 0
    over.set()
    for flooder in flooders:
        flooder.join(PATIENCE_S)
    assert "and reset" not in server.log


# Slow

def test_slow_readers_cost_a_bounded_amount_of_memory(unharmed, concurrent):
    """Each sends without reading until nothing more is taken, then reads all
    of it back."""
    server = start_tcp(unharmed, concurrent)
    count, limit = 8, 64 << 20
    with dial_many(server.endpoint, count) as socks:
        assert all(echoed(sock) for sock in socks)
        before = memory(server.processes())
        sent = [push_until_stuck(sock, limit, 0.1) for sock in socks]
        grown = memory(server.processes()) - before
        assert max(sent) < limit
        assert sum(sent) > count << 17
        if not SANITIZED:
            # One buffer of 128 KiB each, and what it takes to have it.
            assert grown < count << 18
        for sock in socks:
            sock.shutdown(socket.SHUT_WR)
        assert [len(hear_all(sock)) for sock in socks] == sent


def test_slow_reader_holds_up_nobody(unharmed, concurrent):
    server = start_tcp(unharmed, concurrent)
    with dial(server.endpoint) as slow, dial(server.endpoint) as other:
        push_until_stuck(slow, 64 << 20)
        data = os.urandom(1 << 20)
        assert exchange(other, data) == data


def test_a_byte_at_a_time(unharmed, concurrent):
    server = start_tcp(unharmed, concurrent)
    with dial_many(server.endpoint, 20) as socks:
        for i in range(200):
            for sock in socks:
                sock.send(bytes([i]))
        for sock in socks:
            assert hear(sock, 200) == bytes(range(200))


def test_small_windows(unharmed, engine):
    """A reader with the smallest buffer takes a little now and then."""
    server = start_tcp(unharmed, engine)
    data = random.Random(1).randbytes(20_000)
    with dial(server.endpoint) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        assert exchange(sock, data) == data


# Strange

def test_garbage_of_all_sizes_half_closed(unharmed, engine, loopback):
    server = start_tcp(unharmed, engine, place=loopback)
    chance = random.Random(862)
    for _ in range(60):
        data = chance.randbytes(chance.choice(
            [0, 1, 2, 1000, 65_535, 131_072, 131_073, 300_000]))
        with dial(server.endpoint) as sock:
            assert exchange(sock, data) == data


@pytest.mark.parametrize("where", ["first", "middle", "last", "all"])
def test_urgent_bytes_stay_in_their_place(unharmed, engine, loopback, where):
    server = start_tcp(unharmed, engine, place=loopback)
    pieces = {"first": "Ubbb", "middle": "bbUbb", "last": "bbbU",
              "all": "UUUUUUUU"}[where]
    for wait in (False, True):
        data = b""
        with dial(server.endpoint) as sock:
            for number, piece in enumerate(pieces):
                sent = bytes([65 + number]) * (1 if piece == "U" else 5000)
                sock.send(sent, socket.MSG_OOB if piece == "U" else 0)
                data += sent
                if wait:
                    assert hear(sock, len(sent)) == sent
            sock.shutdown(socket.SHUT_WR)
            assert hear_all(sock) == (b"" if wait else data)


def test_64_mib_there_and_back(unharmed, engine):
    server = start_tcp(unharmed, engine)
    data = random.Random(3).randbytes(1 << 20) * 64
    with dial(server.endpoint) as sock:
        assert exchange(sock, data) == data


def test_unix_clients_of_all_kinds(unharmed, engine, folder):
    server = unharmed("--engine", engine, f"unix:{folder}/socket")
    data = os.urandom(3 << 20)
    with dial(server.endpoint) as sock:
        assert exchange(sock, data) == data
    for _ in range(50):
        with dial(server.endpoint) as sock:
            sock.send(bytes(100))
    # Passed descriptors are none of its business, and must not stay open.
    with dial(server.endpoint) as sock, open("/dev/null", "rb") as passed:
        for _ in range(50):
            socket.send_fds(sock, [b"x"], [passed.fileno()] * 10)
            assert hear(sock, 1) == b"x"


def test_client_that_waits_for_the_end(unharmed, engine):
    """No answer is owed to who says nothing, and no end."""
    server = start_tcp(unharmed, engine)
    with dial(server.endpoint) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert ends_with(sock) == "eof"


# Datagrams

def start_udp(start, engine, place="127.0.0.1"):
    return start("--engine", engine, f"udp://{place}:0")


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 65_507])
def test_datagram_of_any_size(unharmed, engine, loopback, size):
    server = start_udp(unharmed, engine, loopback)
    data = random.Random(size).randbytes(size)
    with dial(server.endpoint) as sock:
        for _ in range(3):
            sock.send(data)
            assert sock.recv(1 << 17) == data


def test_largest_datagram_of_ipv6(unharmed, engine, ipv6):
    server = start_udp(unharmed, engine, "[::1]")
    with dial(server.endpoint) as sock:
        sock.send(bytes(65_527))
        assert sock.recv(1 << 17) == bytes(65_527)


def test_simultaneous_clients_get_their_own(unharmed, engine):
    server = start_udp(unharmed, engine)
    with dial_many(server.endpoint, 50) as socks:
        for turn in range(20):
            for number, sock in enumerate(socks):
                sock.send(b"%d.%d" % (turn, number))
            assert [sock.recv(99) for sock in socks] == [
                b"%d.%d" % (turn, number) for number in range(50)]
    found = tallies(server)
    assert found["received_datagrams"] == found["sent_datagrams"] == 1001


def test_clients_that_are_gone_before_the_answer(unharmed, engine):
    """Their port unreachable comes back as an error of our socket."""
    server = start_udp(unharmed, engine)
    for _ in range(200):
        with dial(server.endpoint) as sock:
            sock.send(b"x")


def test_flood_of_datagrams_and_a_stop(serve, engine):
    server = serve("--engine", engine, "--drain", "300ms",
                   "udp://127.0.0.1:0")
    over = threading.Event()

    def flood():
        with dial(server.endpoint) as sock:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    sock.send(b"x", socket.MSG_DONTWAIT)

    flooder = threading.Thread(target=flood, daemon=True)
    flooder.start()
    until(lambda: tallies(server)["received_datagrams"] > 100)
    begun = time.monotonic()
    assert server.stop() == 0
    took = time.monotonic() - begun
    over.set()
    flooder.join(PATIENCE_S)
    assert took < 2


def test_answer_comes_from_the_address_that_was_asked(serve, engine):
    server = serve("--engine", engine, "udp://0.0.0.0:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.bind(("127.0.0.1", 0))
        for address in ("127.0.0.2", "127.9.9.9", "127.0.0.1"):
            sock.sendto(b"who?", (address, server.port))
            assert sock.recvfrom(99) == (b"who?", (address, server.port))
