# SPDX-License-Identifier: MIT
"""What bounds meari serve: how much, how many, how long."""
import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest
from clients import dial, dial_many, echoed, ends_with, hear, hear_all
from clients import is_silent, push_until_stuck, stays_silent
from processes import cpu_s, descriptors, until
from program import PATIENCE_S
from tallies import tallies, until_tallies


# --once

@pytest.mark.parametrize("place", [
    "tcp://127.0.0.1:0", "tcp://[::1]:0", "unix"])
def test_once_serves_one_connection(serve, engine, ipv6, folder, place):
    if place == "unix":
        place = f"unix:{folder}/socket"
    server = serve("--engine", engine, "--once", place)
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.wait() == 0
    assert server.lines[-1].startswith("meari: served 1 connection and 0 ")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["udp://127.0.0.1:0", "udp://[::1]:0"])
def test_once_answers_one_datagram(serve, engine, ipv6, place):
    server = serve("--engine", engine, "--once", place)
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.wait() == 0
    assert server.lines[-1].startswith(
        "meari: served 0 connections and 1 datagram: ")


def test_once_is_once_for_all_endpoints(serve, engine):
    server = serve("--engine", engine, "--once", "tcp://127.0.0.1:0",
                   "udp://127.0.0.1:0")
    tcp, udp = server.endpoints
    with dial(tcp) as sock, dial(udp) as late, dial(tcp) as queued:
        assert echoed(sock)
        late.send(b"late")
        queued.sendall(b"queued")
        assert echoed(sock)
        assert is_silent(late) and is_silent(queued)
    assert server.wait() == 0
    assert "served 1 connection and 0 datagrams" in server.lines[-1]


# --max-connections

def test_one_connection_at_a_time(serve, engine, loopback):
    server = serve("--engine", engine, "--max-connections", "1",
                   f"tcp://{loopback}:0")
    with dial(server.endpoint) as first, dial(server.endpoint) as second:
        assert echoed(first)
        second.sendall(b"waiting")
        assert echoed(first)
        assert is_silent(second)
        first.close()
        assert hear(second, 7) == b"waiting"
    until_tallies(server, ended=2)


@pytest.fixture(params=["fork", "thread"])
def concurrent(request):
    """The engines of the textbook that serve side by side."""
    return request.param


def test_as_many_connections_as_allowed(serve, concurrent):
    server = serve("--engine", concurrent, "--max-connections", "3",
                   "tcp://127.0.0.1:0")
    with dial_many(server.endpoint, 3) as socks:
        assert all(echoed(sock) for sock in socks)
        with dial_many(server.endpoint, 3) as more:
            for sock in more:
                sock.sendall(b"x")
            assert all(echoed(sock) for sock in socks)
            assert all(is_silent(sock) for sock in more)
            assert tallies(server)["active"] == 3
            for sock in socks:
                sock.close()
            assert [hear(sock, 1) for sock in more] == [b"x"] * 3
    until_tallies(server, active=0, ended=6)


def test_datagrams_are_no_connections(serve, concurrent):
    server = serve("--engine", concurrent, "--max-connections", "1",
                   "tcp://127.0.0.1:0", "udp://127.0.0.1:0")
    tcp, udp = server.endpoints
    with dial(tcp) as stream, dial(udp) as datagrams:
        assert echoed(stream) and echoed(datagrams)


def test_few_descriptors_are_told_and_done_with(serve, engine):
    server = serve("--engine", engine, "tcp://127.0.0.1:0",
                   preexec_fn=lambda: resource.setrlimit(
                       resource.RLIMIT_NOFILE, (40, 40)))
    told = server.wait_line(
        r"^meari: --max-connections 4096 needs (\d+) descriptors, and "
        r"RLIMIT_NOFILE allows 40: limited to (\d+)$")
    assert int(told[1]) > 4096
    most = 1 if engine == "iterative" else int(told[2])
    assert 0 < int(told[2]) < 40
    with dial_many(server.endpoint, 60) as socks:
        for sock in socks:
            sock.sendall(b"x")
        assert [hear(sock, 1) for sock in socks[:most]] == [b"x"] * most
        # The descriptors were reckoned so that none is ever lacking.
        assert tallies(server)["accept_pauses"] == 0
        for sock, queued in zip(socks, socks[most:]):
            sock.close()
            assert hear(queued, 1) == b"x"
    assert server.stop() == 0


def test_soft_limit_of_descriptors_is_raised(serve):
    server = serve("tcp://127.0.0.1:0", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE,
        (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    soft, _ = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    assert soft > 64
    assert server.stop() == 0


# No descriptors left

# Takes the lowest numbers: poll(2) allows no more entries than the limit is.
HIGH = ["sh", "-c", 'exec "$@" 3<&0 4<&0 5<&0 6<&0 7<&0 8<&0', "sh"]


@contextlib.contextmanager
def no_descriptors(server):
    """The running engine gets none until the end of the block."""
    # Whoever has served has closed all that starting took.
    active = tallies(server)["active"]
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    until_tallies(server, active=active)
    pid = server.processes()[1]
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    # The lowest that is free would be the next: not necessarily the last.
    free = min(set(range(len(taken) + 1)) - taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("place", ["tcp://127.0.0.1:0", "unix"])
def test_without_descriptors_clients_wait_in_the_queue(serve, engine, folder,
                                                       place):
    if place == "unix":
        place = f"unix:{folder}/socket"
    server = serve("--engine", engine, place, prefix=HIGH)
    with contextlib.ExitStack() as stack:
        with no_descriptors(server):
            queued = [stack.enter_context(dial(server.endpoint))
                      for _ in range(5)]
            for sock in queued:
                sock.sendall(b"x")
                sock.shutdown(socket.SHUT_WR)
            server.wait_line("^meari: accepting is paused: Too many open "
                             "files; clients wait in the queue$")
            before = cpu_s(server.processes())
            assert all(stays_silent(sock, 0.1) for sock in queued)
            used = cpu_s(server.processes()) - before
            assert used < 0.05
            assert all(is_silent(sock) for sock in queued)
        assert [hear_all(sock) for sock in queued] == [b"x"] * 5
    until_tallies(server, active=0, ended=6, failed=0)
    assert server.stop() == 0
    # Told once, and not ten times a second.
    assert len(re.findall("accepting is paused", server.log)) == 1


def test_without_descriptors_who_is_served_is_served_on(serve, concurrent):
    server = serve("--engine", concurrent, "tcp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        with no_descriptors(server), dial(server.endpoint):
            server.wait_line("accepting is paused")
            assert echoed(sock)


def test_stop_without_descriptors_ends_with_the_drain(serve, engine):
    server = serve("--engine", engine, "--drain", "300ms",
                   "tcp://127.0.0.1:0")
    with no_descriptors(server), dial(server.endpoint) as sock:
        server.wait_line("accepting is paused")
        assert server.stop() == 0
        assert ends_with(sock) in ("eof", "reset")


# --idle-timeout

def test_silent_connection_is_ended(serve, engine, loopback):
    server = serve("--engine", engine, "-v", "--idle-timeout", "200ms",
                   f"tcp://{loopback}:0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        begun = time.monotonic()
        assert hear_all(sock) == b""
        assert time.monotonic() - begun > 0.15
    server.wait_line(r"^meari: connection to \(.*\) ended: idle$")
    until_tallies(server, idle=1, ended=1, failed=0)


def test_connection_that_talks_is_not_ended(serve, engine):
    server = serve("--engine", engine, "--idle-timeout", "600ms",
                   "tcp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        for _ in range(5):
            assert stays_silent(sock, 0.15)
            assert echoed(sock, b"x")
    until_tallies(server, ended=1, idle=0)


def test_client_that_does_not_read_is_reset_when_idle(serve, engine):
    server = serve("--engine", engine, "--idle-timeout", "500ms",
                   "tcp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        with pytest.raises(ConnectionResetError):
            push_until_stuck(sock, 64 << 20, PATIENCE_S)
    until_tallies(server, idle=1, ended=1)


def test_idle_client_that_keeps_its_side_open_is_let_go(serve):
    server = serve("--engine", "iterative", "--idle-timeout", "100ms",
                   "tcp://127.0.0.1:0")
    with dial(server.endpoint) as rude, dial(server.endpoint) as next_one:
        assert hear_all(rude) == b""
        assert echoed(next_one)


@pytest.mark.parametrize("value", ["0", "0s", "0ms"])
def test_no_idle_timeout(serve, value):
    server = serve("--idle-timeout", value, "tcp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        assert stays_silent(sock, 0.2)
        assert echoed(sock)


# Processes

def test_process_limit_makes_clients_wait(serve, nobody):
    """fork(2) says EAGAIN: the accepted client is kept, the others queued."""
    server = serve("--engine", "fork", "tcp://127.0.0.1:0",
                   prefix=nobody.prefix, program=nobody.program)
    def limit_processes(count):
        """The user's own: that of root's processes is another."""
        subprocess.run([*nobody.prefix, "prlimit", f"--nproc={count}:",
                        "--pid", str(server.processes()[1])], check=True)

    limit_processes(1)
    with dial(server.endpoint) as sock:
        sock.sendall(b"x")
        server.wait_line("^meari: accepting is paused: Resource temporarily "
                         "unavailable; clients wait in the queue$")
        before = cpu_s(server.processes())
        assert stays_silent(sock, 0.3)
        assert cpu_s(server.processes()) - before < 0.05
        limit_processes(1000)
        assert hear(sock, 1) == b"x"
    until(lambda: tallies(server)["ended"] == 1)
    assert server.stop(signal.SIGINT) == 0
