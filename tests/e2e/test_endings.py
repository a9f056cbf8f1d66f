# SPDX-License-Identifier: MIT
"""How a connection ends when the peer dies, and the path is cut for real."""
import contextlib
import re
import signal
import socket
import subprocess
import threading

import pytest
from clients import echoed, reset
from namespaces import Cable, Namespace, why_not
from program import PATIENCE_S, PROGRAM, engines, run
from tallies import until_tallies

KEEPALIVE = [word for option in ("keepalive=on", "keepidle=1", "keepintvl=1",
                                 "keepcnt=2")
             for word in ("--sockopt", option)]


class Net:
    """Servers here, clients there, a cable between."""

    def __init__(self, stack):
        self.stack = stack
        self.here = stack.enter_context(Namespace())
        self.there = stack.enter_context(Namespace())
        self.cable = Cable(self.here, self.there)

    def dial(self, host, port):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = self.stack.enter_context(
            self.there.socket(family, socket.SOCK_STREAM))
        sock.settimeout(PATIENCE_S)
        sock.connect((host, port))
        return sock


@pytest.fixture
def net():
    if why_not():
        pytest.skip(why_not())
    with contextlib.ExitStack() as stack:
        yield Net(stack)


@pytest.fixture(params=["4", "6"])
def host(request, net, ipv6):
    """The server's address, of either family."""
    return {"4": net.cable.here4, "6": net.cable.here6}[request.param]


def start(serve, net, engine, *words):
    return serve("--engine", engine, "-v", *words, "0", ready=2,
                 prefix=net.here.prefix)


def ended(sock, why):
    """The line that tells how a client's connection has ended."""
    where, port = sock.getsockname()[:2]
    return "^" + re.escape(
        f"meari: connection to ({where}, {port}) ended: {why}") + "$"


# What the server sees

def test_dead_peer_is_found_by_keepalive(serve, net, ipv6):
    """Nothing is under way, and nobody says anything: only probes tell. All
    engines at once, as it takes seconds."""
    ends = []
    for name, runs, *_ in engines():
        for host in [net.cable.here4, net.cable.here6] if runs else []:
            server = start(serve, net, name, *KEEPALIVE)
            sock = net.dial(host, server.port)
            assert echoed(sock)
            ends.append((server, sock))
    net.cable.cut()
    for server, sock in ends:
        server.wait_line(ended(sock, "Connection timed out"))
        until_tallies(server, active=0, failed=1)


def test_unread_echo_on_a_cut_path_times_out(serve, net):
    """Data is in flight: what ends it is how long it goes unacknowledged."""
    server = start(serve, net, "thread", "--sockopt", "user-timeout=500ms")
    sock = net.dial(net.cable.here4, server.port)
    assert echoed(sock)
    # The echo of this leaves while nobody is there to acknowledge it.
    net.here.run("tc", "qdisc", "add", "dev", "near0", "root", "tbf", "rate",
                 "8kbit", "burst", "2000", "limit", "100000")
    sock.sendall(bytes(8000))
    server.wait_line("^server received", 2)
    net.cable.cut()
    server.wait_line(ended(sock, "Connection timed out"))


def test_killed_client_program_is_an_orderly_end(serve, net, engine, host):
    """The kernel closes what the program had open: a FIN."""
    server = start(serve, net, engine)
    place = f"[{host}]" if ":" in host else host
    client = subprocess.Popen(
        [*net.there.prefix, PROGRAM, "connect", f"{place}:{server.port}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    watchdog = threading.Timer(PATIENCE_S, client.kill)
    watchdog.start()
    client.stdin.write(b"hello\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"hello\n"
    client.kill()
    until_tallies(server, ended=1, failed=0)
    assert client.wait() == -signal.SIGKILL
    watchdog.cancel()
    client.stdin.close()
    client.stdout.close()
    assert "ended:" not in server.log


def test_machine_that_came_up_again_resets(serve, net):
    """It knows nothing of the connection: its answer to a probe is a RST."""
    server = start(serve, net, "thread", *KEEPALIVE)
    sock = net.dial(net.cable.here4, server.port)
    assert echoed(sock)
    name = ended(sock, "Connection reset by peer")
    net.cable.cut()
    reset(sock)  # forgotten there, and here nobody hears of it
    net.cable.mend()
    server.wait_line(name)
    until_tallies(server, failed=1)


def test_unreachable_peer_without_probes_is_kept(serve, net):
    """Without keepalive an idle connection lives as long as it is let."""
    server = start(serve, net, "thread")
    sock = net.dial(net.cable.here4, server.port)
    assert echoed(sock)
    net.cable.cut()
    until_tallies(server, active=1)
    net.cable.mend()
    assert echoed(sock)


# What the client says

def connect(net, host, port, *words, **options):
    place = f"[{host}]" if ":" in host else host
    return run("connect", *words, f"{place}:{port}", prefix=net.there.prefix,
               **options)


def test_connecting_on_a_cut_path_times_out(net, host):
    net.cable.cut()
    done = connect(net, host, 7, "--timeout", "300ms")
    assert done.returncode == 1
    assert "no answer: the peer is dead or the path is cut" in done.stderr


def test_connecting_to_a_closed_port_is_refused(net, host):
    done = connect(net, host, 7)
    assert done.returncode == 1
    assert "nobody listens there" in done.stderr


def test_connecting_without_a_route(net):
    done = connect(net, "192.0.2.1", 7)
    assert done.returncode == 1
    assert "no way to the network" in done.stderr


def test_connecting_to_a_host_that_is_not_there(net):
    """Nobody answers ARP; asked quickly, so as not to wait for 3 s."""
    net.there.set("net.ipv4.neigh.far0.retrans_time_ms", 50)
    done = connect(net, "10.77.0.99", 7)
    assert done.returncode == 1
    assert "no way to the host" in done.stderr


@contextlib.contextmanager
def conversation(net, server, *words):
    """meari connect, which has had one line back."""
    client = subprocess.Popen(
        [*net.there.prefix, PROGRAM, "connect", *words,
         f"{net.cable.here4}:{server.port}"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    watchdog = threading.Timer(PATIENCE_S, client.kill)
    watchdog.start()
    try:
        client.stdin.write(b"hello\n")
        assert client.stdout.readline() == b"hello\n"
        yield client
    finally:
        client.kill()
        client.wait()
        watchdog.cancel()
        for pipe in (client.stdin, client.stdout, client.stderr):
            pipe.close()


def test_path_cut_under_a_silent_client(serve, net):
    server = start(serve, net, "thread")
    with conversation(net, server, *KEEPALIVE) as client:
        net.cable.cut()
        said = client.stderr.read().decode()
        assert client.wait() == 1
    assert "no answer: the peer is dead or the path is cut" in said


def test_path_cut_while_an_echo_is_due(serve, net):
    server = start(serve, net, "thread")
    with conversation(net, server, "--timeout", "500ms") as client:
        net.cable.cut()
        client.stdin.write(b"are you there?\n")
        said = client.stderr.read().decode()
        assert client.wait() == 1
    assert "timed out: 15 bytes did not come back within 500 ms" in said


def test_server_killed_under_a_client(serve, net):
    server = start(serve, net, "thread")
    with conversation(net, server) as client:
        server.process.kill()
        said = client.stderr.read().decode()
        assert client.wait() == 1
    assert "the peer closed the connection" in said
    assert server.wait() == -signal.SIGKILL


def test_drain_that_is_over_is_a_reset_for_the_client(serve, net):
    server = start(serve, net, "thread", "--drain", "0")
    with conversation(net, server) as client:
        assert server.stop() == 0
        said = client.stderr.read().decode()
        assert client.wait() == 1
    assert "Connection reset by peer" in said
