# SPDX-License-Identifier: MIT
"""The examples, run as a reader of them would run them."""
import os
import re
import select
import socket
import struct
import subprocess

import pytest
from program import BUILD, PATIENCE_S, check_sanitizers

EXAMPLES = BUILD / "examples"


class Example:
    """An example that serves, ready when it has said where as often."""

    def __init__(self, name, endpoint, ready=1):
        self.process = subprocess.Popen(
            [EXAMPLES / name, endpoint], stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.ports = []
        for _ in range(ready):
            line = self.process.stderr.readline().decode()
            match = re.fullmatch(rf"{name}: serving port (\d+)\n", line)
            if not match:
                self.close()
                pytest.fail(f"{name} said {line!r}")
            self.ports.append(int(match[1]))
        self.port = self.ports[0]

    def connect(self, host="127.0.0.1"):
        conn = socket.create_connection((host, self.port), PATIENCE_S)
        conn.settimeout(PATIENCE_S)
        return conn

    def close(self):
        assert self.process.poll() is None, "it has ended by itself"
        self.process.terminate()
        said = self.process.communicate(timeout=PATIENCE_S)[1]
        check_sanitizers(said.decode(errors="replace"))


@pytest.fixture
def example():
    """Starts examples that serve; each must still do so after the test."""
    started = []

    def start(*args, **options):
        started.append(Example(*args, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def run(name, *args, input=b""):
    """Runs an example to its end: (status, output, messages)."""
    done = subprocess.run(
        [EXAMPLES / name, *args], input=input, capture_output=True,
        timeout=PATIENCE_S, check=False)
    said = done.stderr.decode(errors="replace")
    check_sanitizers(said)
    return done.returncode, done.stdout, said


def receive(conn, count):
    data = b""
    while len(data) < count:
        part = conn.recv(count - len(data))
        assert part, f"ended after {len(data)} of {count} bytes"
        data += part
    return data


def reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    conn.close()


def nobody_listens():
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_echo_server_sends_everything_back(example):
    server = example("echo_server", "127.0.0.1:0")
    with server.connect() as conn:
        for data in (b"x", b"\0\r\n\xff", os.urandom(100_000)):
            conn.sendall(data)
            assert receive(conn, len(data)) == data


def test_echo_server_ends_after_the_client(example):
    server = example("echo_server", "127.0.0.1:0")
    with server.connect() as conn:
        conn.sendall(b"last")
        conn.shutdown(socket.SHUT_WR)
        assert receive(conn, 4) == b"last"
        assert conn.recv(1) == b""


def test_echo_server_survives_a_reset(example):
    server = example("echo_server", "127.0.0.1:0")
    for _ in range(3):
        conn = server.connect()
        conn.sendall(b"unread" * 1000)
        reset(conn)
    with server.connect() as conn:
        conn.sendall(b"still here")
        assert receive(conn, 10) == b"still here"


def test_echo_server_lets_the_second_client_wait(example):
    server = example("echo_server", "127.0.0.1:0")
    with server.connect() as first, server.connect() as second:
        second.sendall(b"2")
        first.sendall(b"1")
        assert receive(first, 1) == b"1"
        assert select.select([second], [], [], 0)[0] == []
        first.close()
        assert receive(second, 1) == b"2"


def test_echo_server_on_a_bare_port_serves_both_families(example, ipv6):
    server = example("echo_server", "0", ready=2)
    assert server.ports[0] == server.ports[1]
    for host in ("127.0.0.1", "::1"):
        with server.connect(host) as conn:
            conn.sendall(b"x")
            assert receive(conn, 1) == b"x"


@pytest.mark.parametrize("name", ["echo_server", "datagram_server",
                                  "echo_client"])
def test_wrong_endpoint_is_told(name):
    status, output, said = run(name, "nonsense")
    assert (status, output) == (1, b"")
    assert said == (f'{name}: endpoint "nonsense": no port; write '
                    "nonsense:PORT\n")


def test_echo_server_on_a_taken_port_says_so(example):
    server = example("echo_server", "127.0.0.1:0")
    status, _, said = run("echo_server", f"127.0.0.1:{server.port}")
    assert status == 1
    assert f"bind 127.0.0.1:{server.port}: Address already in use" in said


@pytest.mark.parametrize("text", [
    b"", b"one\n", b"one\ntwo\n\nlast without newline", b"nul \0 inside\n",
    b"longer than any buffer " * 1000 + b"\n"])
def test_echo_client_prints_the_echoes(example, text):
    server = example("echo_server", "127.0.0.1:0")
    assert run("echo_client", f"127.0.0.1:{server.port}", input=text) == (
        0, text, "")


def test_echo_client_without_a_server_fails():
    port = nobody_listens()
    status, output, said = run("echo_client", f"127.0.0.1:{port}", input=b"x")
    assert (status, output) == (1, b"")
    assert said == (
        f"echo_client: connect 127.0.0.1:{port}: Connection refused\n")


def test_echo_client_notices_what_is_no_echo():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"127.0.0.1:{listener.getsockname()[1]}"
        client = subprocess.Popen(
            [EXAMPLES / "echo_client", endpoint], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        listener.settimeout(PATIENCE_S)
        conn = listener.accept()[0]
        with conn:
            client.stdin.write(b"hello\n")
            client.stdin.flush()
            assert receive(conn, 6) == b"hello\n"
            conn.sendall(b"jello\n")
            output, said = client.communicate(timeout=PATIENCE_S)
    assert (client.returncode, output) == (1, b"")
    assert said == b"echo_client: what came back is no echo\n"


@pytest.mark.parametrize("length", [0, 1, 1400, 65507])
def test_datagram_server_answers_with_the_same(example, length):
    server = example("datagram_server", "udp://127.0.0.1:0")
    data = os.urandom(length)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        sock.sendto(data, ("127.0.0.1", server.port))
        answer, source = sock.recvfrom(65536)
    assert answer == data
    assert source == ("127.0.0.1", server.port)


def test_datagram_server_answers_from_the_address_that_was_asked(example):
    server = example("datagram_server", "udp://0.0.0.0:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE_S)
        # Routing would choose 127.0.0.1 to answer this one.
        sock.sendto(b"x", ("127.0.0.2", server.port))
        assert sock.recvfrom(10) == (b"x", ("127.0.0.2", server.port))


def test_datagram_server_wants_udp():
    assert run("datagram_server", "127.0.0.1:0") == (
        1, b"", "datagram_server: 127.0.0.1:0 is not udp://\n")


def test_options_are_set_and_read_back():
    status, output, said = run(
        "options", "nodelay=on", "keepidle=2m", "sndbuf=8Ki")
    assert (status, said) == (0, "")
    # socket(7): the kernel doubles the size of a buffer.
    assert output == (
        b"nodelay (TCP_NODELAY): asked on, granted on\n"
        b"keepidle (TCP_KEEPIDLE): asked 120 s, granted 120 s\n"
        b"sndbuf (SO_SNDBUF): asked 8192 bytes, granted 16384 bytes\n")


@pytest.mark.parametrize("word, reason", [
    ("speed=on", 'option "speed=on": no such option'),
    ("nodelay=maybe", 'option "nodelay=maybe": nodelay takes on or off'),
    ("nodelay", "option \"nodelay\": no '='"),
])
def test_wrong_option_is_told(word, reason):
    status, output, said = run("options", word)
    assert (status, output) == (1, b"")
    assert said.startswith(f"options: {reason}")
