# SPDX-License-Identifier: MIT
"""How meari serve ends, and what its processes do when one of them dies."""
import contextlib
import fcntl
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from clients import dial, dial_many, echoed, ends_with, exchange, hear_all
from clients import push_until_stuck, refused, reset
from processes import Watch, descriptors, states, until
from program import PATIENCE_S, PROGRAM
from tallies import tallies, until_tallies


def start(serve, engine, *words, endpoint="tcp://127.0.0.1:0"):
    return serve("--engine", engine, *words, endpoint)


def engine_pid(server):
    """The process that the engine runs in: the only child of the first."""
    return server.processes()[1]


# The first signal

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", [
    "tcp://127.0.0.1:0", "tcp://[::1]:0", "unix"])
def test_stop_ends_a_silent_connection_orderly(serve, engine, ipv6, folder,
                                               sig, place):
    if place == "unix":
        place = f"unix:{folder}/socket"
    server = start(serve, engine, "--drain", "60s", endpoint=place)
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(sig)
        assert hear_all(sock) == b""
    assert server.wait() == 0
    assert "reset" not in server.log
    assert server.lines[-1].startswith("meari: served 1 connection")


@pytest.mark.parametrize("most", ["1", "10"])
@pytest.mark.parametrize("place", ["tcp://127.0.0.1:0", "unix"])
def test_stop_refuses_new_clients_while_others_finish(serve, engine, folder,
                                                      place, most):
    """Also where none of them could be served now anyway."""
    if place == "unix":
        place = f"unix:{folder}/socket"
    server = start(serve, engine, "--drain", "60s", "--max-connections", most,
                   endpoint=place)
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(signal.SIGTERM)
        until(lambda: refused(server.endpoint), "a refusal")
        assert hear_all(sock) == b""
    assert server.wait() == 0


def test_stop_of_an_engine_that_does_not_run_ends_it(serve, engine):
    """Somebody has stopped its process (SIGSTOP): it cannot end by itself."""
    server = start(serve, engine)
    pid = engine_pid(server)
    os.kill(pid, signal.SIGSTOP)
    until(lambda: states([pid]) == "T", "the stop")
    server.send(signal.SIGTERM)
    server.send(signal.SIGTERM)
    assert server.wait() == 1
    assert "meari: the engine's process did not end; killing it" \
        in server.lines


def test_lingering_close_holds_nobody_up(serve, engine):
    """close(2) waits for a peer that never reads, if SO_LINGER says so."""
    server = start(serve, engine, "--sockopt", "linger=1h",
                   "--sockopt", "sndbuf=4M")
    with dial(server.endpoint) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(bytes(600_000))
        stuck.shutdown(socket.SHUT_WR)
        with dial(server.endpoint) as other:
            assert echoed(other)
        assert server.stop() == 0


def test_stop_without_connections_ends_at_once(serve, engine):
    server = start(serve, engine, "--drain", "60s")
    assert server.stop() == 0


def test_stop_lets_a_talking_connection_finish(serve, engine):
    """What is on its way when the stop comes is echoed to the last byte."""
    server = start(serve, engine, "--drain", "60s")
    data = os.urandom(8 << 20)
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        sender = threading.Timer(0, server.send, [signal.SIGTERM])
        sender.start()
        assert exchange(sock, data) == data
        sender.join()
    assert server.wait() == 0
    assert "reset" not in server.log


def test_stop_serves_what_is_queued(serve, engine):
    server = start(serve, engine, "--drain", "60s", "--max-connections", "1")
    with dial(server.endpoint) as first:
        assert echoed(first)
        with dial_many(server.endpoint, 5) as queued:
            for sock in queued:
                sock.sendall(b"queued")
                sock.shutdown(socket.SHUT_WR)
            server.send(signal.SIGTERM)
            first.shutdown(socket.SHUT_WR)
            assert [hear_all(sock) for sock in queued] == [b"queued"] * 5
    assert server.wait() == 0


def test_stop_answers_queued_datagrams(serve, engine):
    server = start(serve, engine, endpoint="udp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        os.kill(engine_pid(server), signal.SIGSTOP)
        try:
            for i in range(10):
                sock.send(b"%d" % i)
            server.send(signal.SIGTERM)
            server.wait_line("stopping")
        finally:
            os.kill(engine_pid(server), signal.SIGCONT)
        assert [sock.recv(9) for _ in range(10)] == [
            b"%d" % i for i in range(10)]
    assert server.wait() == 0


def test_end_of_the_drain_resets_and_counts(serve, engine):
    server = start(serve, engine, "-v", "--drain", "300ms")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        port = sock.getsockname()[1]
        server.send(signal.SIGTERM)
        assert hear_all(sock) == b""  # our side stays open
        assert server.wait() == 0
    assert f"meari: connection to (127.0.0.1, {port}) reset: " \
        "the drain is over" in server.lines
    assert "meari: still open at the end, and reset: " \
        "1 connection" in server.lines


def test_no_drain_resets_at_once(serve, engine):
    server = start(serve, engine, "--drain", "0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(signal.SIGTERM)
        assert ends_with(sock) == "reset"
    assert server.wait() == 0


def test_one_stop_has_one_drain(serve, engine):
    """Clients that never pause, some of them served one after the other, do
    not each get a drain of their own."""
    server = start(serve, engine, "--drain", "700ms")
    over = threading.Event()

    def talk(socks):
        while not over.wait(0.01):
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.send(b"x", socket.MSG_DONTWAIT)

    with dial_many(server.endpoint, 4) as socks:
        talker = threading.Thread(target=talk, args=[socks], daemon=True)
        talker.start()
        server.send(signal.SIGTERM)
        server.wait_line("stopping")
        begun = time.monotonic()
        assert server.wait() == 0
        assert time.monotonic() - begun < 1.7 * 0.7
        over.set()
        talker.join(PATIENCE_S)


# The second signal

@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(serve, engine, second):
    server = start(serve, engine, "--drain", "1h")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(signal.SIGTERM)
        server.wait_line("stopping")
        assert hear_all(sock) == b""
        assert server.stop(second) == 0
    assert server.lines[-1].startswith("meari: served 1 connection")


def test_second_signal_ends_a_client_that_does_not_read(serve, engine):
    server = start(serve, engine, "--drain", "1h")
    with dial(server.endpoint) as sock:
        assert push_until_stuck(sock, 64 << 20) < 64 << 20
        server.send(signal.SIGTERM)
        server.wait_line("stopping")
        assert server.stop(signal.SIGINT) == 0
        assert ends_with(sock) == "reset"


def test_signals_up_to_the_very_end_change_nothing(serve, engine):
    """Also the one that comes when all is done but the exit."""
    for _ in range(20):
        server = start(serve, engine)
        server.send(signal.SIGTERM)
        while server.process.poll() is None:
            server.send(signal.SIGTERM)
            server.send(signal.SIGHUP)
        assert server.wait() == 0


def test_longest_drain_is_no_hindrance(serve, engine):
    """Half a millennium: more nanoseconds than deadlines have."""
    server = start(serve, engine, "--drain", "18446744073s")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(signal.SIGTERM)
        server.wait_line("stopping: open connections have 1.84e")
        assert hear_all(sock) == b""
    assert server.wait() == 0
    assert "reset" not in server.log


# Other signals

def test_hangup_changes_nothing(serve, engine):
    server = start(serve, engine)
    with dial(server.endpoint) as sock:
        for count in (1, 2, 3):
            server.send(signal.SIGHUP)
            server.wait_line("^meari: SIGHUP: there is nothing to reload$",
                             count)
            assert echoed(sock)
    assert server.stop() == 0


def test_tallies_are_the_numbers_of_what_was_sent(serve, engine):
    server = serve("--engine", engine, "tcp://127.0.0.1:0",
                   "udp://127.0.0.1:0")
    tcp, udp = server.endpoints
    for size in (0, 1, 70_000):
        with dial(tcp) as sock:
            assert exchange(sock, bytes(size)) == bytes(size)
    with dial(tcp) as sock:
        assert echoed(sock, b"abc")
        reset(sock)
    until_tallies(server, ended=4)
    with dial(udp) as sock:
        assert echoed(sock, b"1234567")
    found = until_tallies(server, sent_datagrams=1)
    with dial(tcp):
        until_tallies(server, active=1, accepted=5)
    assert found == {
        "active": 0, "accepted": 4, "ended": 4, "failed": 1, "idle": 0,
        "drain_reset": 0, "accept_pauses": 0, "received_bytes": 70_011,
        "sent_bytes": 70_011, "received_datagrams": 1, "sent_datagrams": 1,
        "dropped_port": 0, "dropped_source": 0, "dropped_group": 0,
        "dropped_rate": 0, "dropped_error": 0}


def test_tallies_are_told_even_when_quiet(serve, abstract):
    server = serve("-q", f"unix:{abstract}", ready=0)
    # SIGUSR1 would end a program that has not come to take it yet.
    until(lambda: abstract in open("/proc/net/unix", encoding="utf-8").read())
    until(lambda: len(server.processes()) == 2)
    assert tallies(server)["active"] == 0


def test_active_is_never_less_than_none(serve):
    """Connections come and go between the two sums it is made of."""
    server = start(serve, "thread")
    over = threading.Event()

    def churn():
        while not over.is_set():
            dial(server.endpoint).close()

    churners = [threading.Thread(target=churn, daemon=True) for _ in range(3)]
    for churner in churners:
        churner.start()
    active = [tallies(server)["active"] for _ in range(100)]
    over.set()
    for churner in churners:
        churner.join(PATIENCE_S)
    assert 0 <= min(active) and max(active) < 1000


def test_signals_to_all_processes_are_as_one_to_the_first(serve, engine):
    """As a terminal does, and a service manager."""
    server = start(serve, engine, "--drain", "60s", endpoint=(
        "tcp://127.0.0.1:0"))
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        for sig in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            for pid in server.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)
        assert hear_all(sock) == b""
    assert server.wait() == 0


def test_signals_are_read_by_the_first_process_alone(serve, engine):
    server = start(serve, engine)
    ours, theirs = (descriptors(pid).count("anon_inode:[signalfd]")
                    for pid in server.processes())
    assert ours == 1
    # Of one that the engine opened itself it hears of its children.
    assert theirs == (1 if engine == "fork" else 0)


# Sudden deaths

def test_killed_server_leaves_no_process(serve, engine):
    server = serve("--engine", engine, "tcp://127.0.0.1:0",
                   "udp://127.0.0.1:0")
    with dial_many(server.endpoint, 5) as socks:
        for sock in socks[:1] if engine == "iterative" else socks:
            assert echoed(sock)
        with Watch(server.processes()) as watch:
            server.process.kill()
            assert watch.wait() == []
    assert server.wait() == -signal.SIGKILL


def test_killed_engine_is_told_and_cleaned_up_after(serve, engine, folder):
    path = folder / "socket"
    server = start(serve, engine, endpoint=f"unix:{path}")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        with Watch(server.processes()) as watch:
            os.kill(engine_pid(server), signal.SIGKILL)
            assert server.wait() == 1
            assert watch.wait() == []
        assert ends_with(sock) in ("eof", "reset")
    assert "meari: the engine's process died: signal 9 (Killed)" \
        in server.lines
    assert not path.exists()


def test_killed_child_takes_only_its_client_with_it(serve):
    server = start(serve, "fork", "-v")
    with dial(server.endpoint) as first:
        assert echoed(first)
        before = set(server.processes())
        with dial(server.endpoint) as second:
            assert echoed(second)
            (child,) = set(server.processes()) - before
            port = second.getsockname()[1]
            os.kill(child, signal.SIGKILL)
            assert ends_with(second) in ("eof", "reset")
        server.wait_line(re.escape(
            f"meari: the process serving (127.0.0.1, {port}) died: "
            "signal 9 (Killed)"))
        assert echoed(first)
        until_tallies(server, active=1, ended=1)
    assert server.stop() == 0


def test_killed_child_of_a_datagram_socket_is_replaced(serve):
    server = start(serve, "fork", endpoint="udp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        child = server.processes()[2]
        os.kill(child, signal.SIGKILL)
        until(lambda: len(server.processes()) == 3
              and child not in server.processes())
        assert echoed(sock)
    assert server.stop() == 0


def test_stopped_server_process_does_not_stop_the_service(serve, engine):
    """It only logs; the engine needs nobody."""
    server = start(serve, engine, "-v")
    server.send(signal.SIGSTOP)
    try:
        until(lambda: states([server.pid]) == "T")
        with dial(server.endpoint) as sock:
            for _ in range(3000):
                sock.sendall(b"x")
                assert sock.recv(1) == b"x"
    finally:
        server.send(signal.SIGCONT)
    assert server.stop() == 0
    # More than it has room for was to be told: lost, counted, and no harm.
    assert re.search(r"^meari: \d+ log lines were lost", server.log, re.M)


# Where the log goes

def test_log_that_nobody_reads_holds_up_nothing(abstract):
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    server = subprocess.Popen(
        [PROGRAM, "serve", "-v", "--drain", "0", f"unix:{abstract}"],
        stderr=write_fd, stdin=subprocess.DEVNULL)
    os.close(write_fd)
    try:
        with open(read_fd, "rb") as log, \
                socket.socket(socket.AF_UNIX) as sock:
            assert b"granted" in log.readline()
            assert b"listening" in log.readline()
            sock.settimeout(PATIENCE_S)
            sock.connect("\0" + abstract[1:])
            for _ in range(3000):
                assert echoed(sock, b"x")
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE_S) == 0
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("line", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_log_that_cannot_be_written_is_no_reason_to_end(abstract, line):
    server = subprocess.Popen(
        ["sh", "-c", f'"$0" serve -v --once unix:{abstract} {line}', PROGRAM],
        stdin=subprocess.DEVNULL)
    try:
        until(lambda: abstract in open("/proc/net/unix",
                                       encoding="utf-8").read())
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE_S)
            sock.connect("\0" + abstract[1:])
            assert echoed(sock)
        assert server.wait(PATIENCE_S) == 0
    finally:
        server.kill()
        server.wait()
