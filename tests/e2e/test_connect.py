# SPDX-License-Identifier: MIT
"""meari connect, against peers that behave and peers that do not."""
import contextlib
import os
import re
import select
import socket
import struct
import subprocess
import threading

import pytest
from program import PATIENCE_S, PROGRAM, run


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)


def send_reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    conn.close()


@contextlib.contextmanager
def peer(talk, family=socket.AF_INET, address=("127.0.0.1", 0)):
    """A server whose first connection is given to talk(); yields its address.

    What talk() raises is raised at the end of the block, other than that the
    client has gone away.
    """
    failures = []

    def serve():
        conn, _ = listener.accept()
        with conn, contextlib.suppress(ConnectionError):
            conn.settimeout(PATIENCE_S)
            try:
                talk(conn)
            except ConnectionError:
                raise
            except Exception as failure:  # for the main thread
                failures.append(failure)

    with socket.socket(family) as listener:
        listener.settimeout(PATIENCE_S)
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(PATIENCE_S)
    assert not failures, failures


@contextlib.contextmanager
def datagram_peer(answer, family=socket.AF_INET, host="127.0.0.1"):
    """A UDP server that sends each datagram of answer(index, data) back."""
    def serve():
        index = 0
        while True:
            data, source = server.recvfrom(65536)
            if source == stop.getsockname():
                return
            for reply in answer(index, data):
                server.sendto(reply, source)
            index += 1

    with socket.socket(family, socket.SOCK_DGRAM) as server, \
            socket.socket(family, socket.SOCK_DGRAM) as stop:
        server.bind((host, 0))
        stop.bind((host, 0))
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()
        stop.sendto(b"", server.getsockname())
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def connect(address, *args, **options):
    return run("connect", *args, f"{address[0]}:{address[1]}", **options)


class Conversation:
    """meari connect with its pipes in our hands."""

    def __init__(self, address, *args):
        self.name = f"{address[0]}:{address[1]}"
        self.process = subprocess.Popen(
            [PROGRAM, "connect", *args, self.name], bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        self.watchdog.start()

    def say(self, data):
        self.process.stdin.write(data)

    def hear(self, size):
        data = b""
        while len(data) < size:
            piece = self.process.stdout.read(size - len(data))
            assert piece, f"ended after {data!r}"
            data += piece
        return data

    def ending(self):
        """Waits for the end without ending the input; status, messages."""
        stderr = self.process.stderr.read().decode()
        return self.process.wait(PATIENCE_S), stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.watchdog.cancel()
        for pipe in (self.process.stdin, self.process.stdout,
                     self.process.stderr):
            pipe.close()


def unused_port(kind=socket.SOCK_STREAM):
    """A port that was free a moment ago, bound without listening."""
    holder = socket.socket(socket.AF_INET, kind)
    holder.bind(("127.0.0.1", 0))
    return holder


# Echoes

def test_echo_comes_back_and_all_is_well():
    with peer(echo) as address:
        done = connect(address, input=b"hello\n")
    assert done == (0, b"hello\n", "")


@pytest.mark.parametrize("data", [
    b"", b"x", b"no newline", b"\0\0\n\xff" * 1000, b"a" * 100000 + b"\n"],
    ids=["empty", "byte", "no-newline", "binary", "long-line"])
def test_echo_of_any_bytes(data):
    with peer(echo) as address:
        assert connect(address, input=data) == (0, data, "")


def test_host_and_port_as_two_words():
    with peer(echo) as (host, port):
        done = run("connect", host, str(port), input=b"two words\n")
    assert done == (0, b"two words\n", "")


def test_port_alone_is_this_machine():
    with peer(echo) as (_, port):
        done = run("connect", "-4", str(port), input=b"here\n")
    assert done == (0, b"here\n", "")


def test_ipv6():
    with peer(echo, socket.AF_INET6, ("::1", 0)) as address:
        done = run("connect", f"[::1]:{address[1]}", input=b"six\n")
    assert done == (0, b"six\n", "")


@pytest.mark.parametrize("words", [["unix:{}"], ["-U", "{}"]])
def test_unix_socket(tmp_path, words):
    path = str(tmp_path / "echo")
    with peer(echo, socket.AF_UNIX, path):
        done = run("connect", *[word.format(path) for word in words],
                   input=b"local\n")
    assert done == (0, b"local\n", "")


def test_64_mib_through_a_slow_reader():
    """Neither side may wait for the other: all pipes and buffers are full."""
    data = os.urandom(1 << 20) * 64
    with peer(echo) as address, Conversation(address) as client:
        def say():
            client.say(data)
            client.process.stdin.close()

        writer = threading.Thread(target=say, daemon=True)
        writer.start()
        # A thousand small reads, each waking the client for little.
        got = b"".join(client.hear(100) for _ in range(1000))
        rest = client.process.stdout.read
        pieces = [got]
        while piece := rest(1 << 20):
            pieces.append(piece)
        assert b"".join(pieces) == data
        assert client.ending() == (0, "")
        writer.join(PATIENCE_S)


def test_peer_that_answers_only_when_all_is_said():
    def hoard(conn):
        data = b""
        while piece := conn.recv(65536):
            data += piece
        conn.sendall(data)

    data = os.urandom(3 << 20)
    with peer(hoard) as address:
        assert connect(address, input=data) == (0, data, "")


def test_each_line_is_answered_before_the_next_is_typed():
    with peer(echo) as address, Conversation(address) as client:
        for line in (b"one\n", b"two\n", b"three\n"):
            client.say(line)
            assert client.hear(len(line)) == line
        client.process.stdin.close()
        assert client.ending() == (0, "")


def test_keyboard_may_be_idle_longer_than_the_timeout():
    with peer(echo) as address, \
            Conversation(address, "--timeout", "100ms") as client:
        client.say(b"a\n")
        assert client.hear(2) == b"a\n"
        with pytest.raises(subprocess.TimeoutExpired):
            client.process.wait(0.5)
        client.say(b"b\n")
        assert client.hear(2) == b"b\n"
        client.process.stdin.close()
        assert client.ending() == (0, "")


def test_flags_of_shared_descriptors_are_left_alone():
    with peer(echo) as address, Conversation(address) as client:
        client.say(b"x\n")
        assert client.hear(2) == b"x\n"
        for number in (0, 1):
            path = f"/proc/{client.process.pid}/fdinfo/{number}"
            with open(path, encoding="ascii") as info:
                flags = re.search(r"flags:\s+(\d+)", info.read())
            assert not int(flags[1], 8) & os.O_NONBLOCK
        client.process.stdin.close()
        assert client.ending() == (0, "")


def test_non_blocking_pipes_are_taken_as_they_are():
    data = os.urandom(1 << 20)
    ends = [os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) for _ in range(2)]
    (stdin, into), (out_of, stdout) = ends
    for ours in (into, out_of):
        os.set_blocking(ours, True)
    with peer(echo) as address:
        client = subprocess.Popen(
            [PROGRAM, "connect", f"{address[0]}:{address[1]}"], stdin=stdin,
            stdout=stdout)
        os.close(stdin)
        os.close(stdout)
        with open(into, "wb") as say, open(out_of, "rb") as hear:
            writer = threading.Thread(
                target=lambda: (say.write(data), say.close()), daemon=True)
            writer.start()
            assert hear.read() == data
            writer.join(PATIENCE_S)
        assert client.wait(PATIENCE_S) == 0


# Wrong bytes

def test_wrong_byte_is_named():
    def corrupt(conn):
        while data := conn.recv(65536):
            conn.sendall(data.replace(b"w", b"W"))

    with peer(corrupt) as address:
        done = connect(address, input=b"hello world\n")
    assert done.returncode == 1
    assert done.stdout == b"hello World\n"
    assert done.stderr == (
        f"meari: 127.0.0.1:{address[1]}: wrong byte at offset 6: "
        "sent 0x77, received 0x57\n")


def test_wrong_byte_far_into_a_long_stream():
    at = 5_000_001
    data = os.urandom(at + 3_000_000)

    def corrupt(conn):
        passed = 0
        while piece := bytearray(conn.recv(65536)):
            if passed <= at < passed + len(piece):
                piece[at - passed] ^= 1
            passed += len(piece)
            conn.sendall(piece)

    with peer(corrupt) as address:
        done = connect(address, input=data)
    assert done.returncode == 1
    assert f"wrong byte at offset {at}: sent 0x{data[at]:02x}" in done.stderr
    assert done.stdout[:at] == data[:at]
    assert done.stdout[at] == data[at] ^ 1


def test_missing_bytes_are_counted():
    def cut(conn):
        data = b""
        while piece := conn.recv(65536):
            data += piece
        conn.sendall(data[:5])

    with peer(cut) as address:
        done = connect(address, input=b"12345678")
    assert done == (1, b"12345", (
        f"meari: 127.0.0.1:{address[1]}: the peer closed the connection: "
        "3 bytes of 8 missing\n"))


def test_bytes_nobody_sent_are_told():
    def add(conn):
        echo(conn)
        conn.sendall(b"!")

    with peer(add) as address:
        done = connect(address, input=b"abc")
    assert done.returncode == 1
    assert done.stdout == b"abc!"
    assert "more came back than was sent: 0x21 at offset 3" in done.stderr


def test_greeting_is_no_echo():
    with peer(lambda conn: conn.sendall(b"hi")) as address, \
            Conversation(address) as client:
        assert client.hear(2) == b"hi"
        returncode, stderr = client.ending()
    assert returncode == 1
    assert "0x68 at offset 0 (--raw reads what is no echo)" in stderr


# Peers that go away

def test_peer_that_closes_is_noticed_while_input_is_open():
    with peer(lambda conn: conn.sendall(conn.recv(100))) as address, \
            Conversation(address) as client:
        client.say(b"bye\n")
        assert client.hear(4) == b"bye\n"
        returncode, stderr = client.ending()
    assert returncode == 1
    assert stderr.endswith(": the peer closed the connection: "
                           "all 4 bytes that were sent had come back\n")


def test_peer_that_closes_before_a_word_was_said():
    with peer(lambda conn: None) as address, \
            Conversation(address) as client:
        returncode, stderr = client.ending()
    assert returncode == 1
    assert stderr.endswith(
        ": the peer closed the connection: nothing had been sent\n")


def test_reset_is_told_from_an_end():
    def talk(conn):
        conn.recv(100)
        send_reset(conn)

    with peer(talk) as address, Conversation(address) as client:
        client.say(b"abcd")
        returncode, stderr = client.ending()
    assert returncode == 1
    assert stderr.endswith(": Connection reset by peer: 4 bytes of 4 missing\n")


def test_reset_behind_the_whole_echo_is_told():
    def talk(conn):
        echo(conn)
        # Everything has to be with the client first: a reset overtakes.
        went.wait(PATIENCE_S)
        send_reset(conn)

    went = threading.Event()
    with peer(talk) as address, Conversation(address) as client:
        client.say(b"abcd")
        client.process.stdin.close()
        assert client.hear(4) == b"abcd"
        went.set()
        returncode, stderr = client.ending()
    assert returncode == 1
    assert stderr.endswith(": Connection reset by peer: all 4 bytes that were sent "
                           "had come back\n")


def test_what_a_peer_sent_before_it_went_is_shown():
    """It closes with our bytes unread: a reset, and a failing send."""
    def talk(conn):
        conn.sendall(conn.recv(10, socket.MSG_WAITALL))

    data = b"0123456789" * 1_000_000
    with peer(talk) as address:
        done = connect(address, input=data)
    assert done.returncode == 1
    assert data.startswith(done.stdout)
    assert re.search(r"Connection reset by peer: \d+ bytes of \d+ missing|"
                     r"closed the connection: \d+ bytes of \d+ missing",
                     done.stderr)


def test_silent_peer_is_timed_out():
    gone = threading.Event()
    with peer(lambda conn: gone.wait(PATIENCE_S)) as address:
        done = connect(address, "--timeout", "200ms", input=b"abc")
        gone.set()
    assert done == (1, b"", (
        f"meari: 127.0.0.1:{address[1]}: timed out: 3 bytes did not come "
        "back within 200 ms\n"))


def test_peer_that_reads_nothing_is_timed_out():
    gone = threading.Event()
    with peer(lambda conn: gone.wait(PATIENCE_S)) as address:
        done = connect(address, "--timeout", "200ms", input=bytes(32 << 20))
        gone.set()
    assert done.returncode == 1
    assert re.search(r"timed out: \d+ bytes did not come back", done.stderr)


def test_peer_that_does_not_end_is_timed_out():
    def talk(conn):
        echo(conn)
        gone.wait(PATIENCE_S)

    gone = threading.Event()
    with peer(talk) as address:
        done = connect(address, "--timeout", "200ms", input=b"abc")
        gone.set()
    assert done.returncode == 1
    assert done.stdout == b"abc"
    assert done.stderr.endswith(": timed out: the peer did not end the "
                                "connection within 200 ms\n")


# --raw

def test_raw_reads_a_peer_that_ends_first():
    with peer(lambda conn: conn.sendall(b"message\n")) as address, \
            Conversation(address, "--raw") as client:
        assert client.hear(8) == b"message\n"
        assert client.ending() == (0, "")


def test_raw_does_not_compare():
    def shout(conn):
        while data := conn.recv(65536):
            conn.sendall(data.upper() + b"!")

    with peer(shout) as address:
        assert connect(address, "--raw", input=b"abc") == (0, b"ABC!", "")


def test_raw_reset_is_still_a_failure():
    def talk(conn):
        conn.recv(1)
        send_reset(conn)

    with peer(talk) as address, Conversation(address, "--raw") as client:
        client.say(b"x")
        returncode, stderr = client.ending()
    assert returncode == 1
    assert stderr.endswith(": Connection reset by peer\n")


# Connecting

def test_refused():
    with unused_port() as holder:
        done = connect(holder.getsockname())
        port = holder.getsockname()[1]
    assert done == (1, b"", (
        f"meari: connect 127.0.0.1:{port}: Connection refused: "
        "nobody listens there\n"))


def test_refused_without_a_host_names_what_was_tried(ipv6):
    with unused_port() as holder, \
            socket.socket(socket.AF_INET6) as holder6:
        port = holder.getsockname()[1]
        holder6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            holder6.bind(("::1", port))
        except OSError:
            pytest.skip(f"[::1]:{port} is in use, 127.0.0.1:{port} was not")
        done = run("connect", f":{port}")
    assert done == (1, b"", (
        f"meari: connect [::1]:{port}, then 127.0.0.1:{port}: "
        "Connection refused: nobody listens there\n"))


def test_unknown_host():
    done = run("connect", "no.such.host.invalid:7")
    assert done.returncode == 1
    assert done.stderr.startswith("meari: resolve no.such.host.invalid: ")
    assert done.stderr.count("\n") == 1


def test_connecting_is_timed_out():
    """A full accept queue drops what comes, as a dead path would."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, \
            contextlib.ExitStack() as waiting:
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        # The first of them has arrived when the queue can be polled.
        assert select.select([listener], [], [], PATIENCE_S)[0]
        done = connect(listener.getsockname(), "--timeout=300ms")
    assert done.returncode == 1
    assert "no answer: the peer is dead or the path is cut" in done.stderr


def test_missing_unix_socket(tmp_path):
    done = run("connect", f"unix:{tmp_path}/none")
    assert done.returncode == 1
    assert done.stderr == (
        f"meari: connect unix:{tmp_path}/none: No such file or directory\n")


@pytest.mark.parametrize("words, message", [
    ([], "where to? ENDPOINT or HOST PORT is missing"),
    (["a", "1", "b"], "'b' is one word too many: ENDPOINT or HOST PORT was "
     "expected"),
    (["-4", "-6", "a:1"], "-4 and -6 exclude each other"),
    (["-u", "tcp://a:1"], "endpoint tcp://a:1: its scheme and UDP "
     "(-u) exclude each other"),
    (["-u", "unix:/a"], "endpoint unix:/a: UDP (-u) and a Unix socket "
     "exclude each other"),
    (["-6", "-U", "/a"], "endpoint unix:/a: a Unix socket is neither IPv4 "
     "nor IPv6 (-4, -6)"),
    (["http://a:1"], "http:// is not supported by connect"),
    (["127.0.0.1:0"], "port 0 cannot be connected to"),
    (["--timeout=soon", "a:1"], "--timeout 'soon': not a time, such as 10s, "
     "500ms or 0 for no limit"),
])
def test_bad_usage(words, message):
    assert run("connect", *words) == (2, b"", f"meari: {message}\n")


@pytest.mark.parametrize("words", [
    ["host"], ["host:"], ["host:http"], ["host:65536"], ["[::1"], ["::1:7x"],
    ["host", "-1"], ["host", "7x"], ["ftp://host:7"], ["unix:"],
    ["unix:" + "x" * 108], ["-U", "x" * 108], ["--sockopt=none=1", "a:1"],
    ["--sockopt=nodelay", "a:1"]])
def test_bad_endpoint_is_refused(words):
    done = run("connect", *words)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith("meari")


def test_wrong_family_of_an_address_is_usage():
    assert run("connect", "-4", "[::1]:7").returncode == 2
    assert run("connect", "-6", "127.0.0.1:7").returncode == 2


def test_option_a_socket_does_not_have_is_setup(tmp_path):
    path = str(tmp_path / "echo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        done = run("connect", "--sockopt=nodelay=1", "-U", path)
    assert done.returncode == 2
    assert "nodelay" in done.stderr


# --verbose

def test_verbose_tells_addresses_times_and_options():
    with peer(echo) as (host, port):
        done = run("connect", "-v", "--sockopt", "nodelay=1",
                   f"{host}:{port}", input=b"x\n")
    assert done.returncode == 0
    assert done.stdout == b"x\n"
    first, granted, last = done.stderr.splitlines()
    assert re.fullmatch(
        rf"meari: connected to 127\.0\.0\.1:{port} from 127\.0\.0\.1:\d+: "
        r"resolved in \S+ \ws, connected in \S+ [mun]?s, "
        r"1 of 1 addresses tried", first)
    assert granted == "meari: nodelay: asked on, granted on"
    assert re.fullmatch(r"meari: sent 2 bytes, received 2 bytes in .*", last)


def test_verbose_tells_each_failed_attempt():
    with unused_port() as holder:
        done = connect(holder.getsockname(), "-v")
    assert done.returncode == 1
    assert re.match(r"meari: tried 127\.0\.0\.1:\d+: Connection refused, "
                    r"after ", done.stderr)


# Our own input and output

@pytest.mark.parametrize("redirect, message", [
    (">/dev/full", "write standard output: No space left on device"),
    (">&-", "write standard output: Bad file descriptor"),
    ("<&-", "read standard input: Bad file descriptor"),
    ("</", "read standard input: Is a directory"),
])
def test_own_descriptors_that_fail_are_setup(redirect, message):
    prefix = ("sh", "-c", f'exec "$0" "$@" {redirect}')
    with peer(echo) as address:
        done = connect(address, input=b"x\n", prefix=prefix)
    assert done == (2, b"", f"meari: cannot {message}\n")


def test_reader_that_has_gone_is_an_error_not_a_signal():
    with peer(echo) as address, Conversation(address) as client:
        client.process.stdout.close()
        client.say(b"x\n")
        assert client.ending() == (
            2, "meari: cannot write standard output: Broken pipe\n")


def test_input_from_a_file(tmp_path):
    data = os.urandom(300_000)
    path = tmp_path / "input"
    path.write_bytes(data)
    with peer(echo) as address, open(path, "rb") as source:
        assert connect(address, input=source) == (0, data, "")


def test_interrupt_ends_it():
    with peer(echo) as address, Conversation(address) as client:
        client.say(b"x\n")
        assert client.hear(2) == b"x\n"
        client.process.send_signal(2)
        assert client.ending() == (-2, "")


# UDP

def udp(address, *args, **options):
    return run("connect", *args, f"udp://{address[0]}:{address[1]}", **options)


def test_udp_echo():
    with datagram_peer(lambda _, data: [data]) as address:
        assert udp(address, input=b"hello\n") == (0, b"hello\n", "")


def test_udp_flag_and_ipv6():
    with datagram_peer(lambda _, data: [data], socket.AF_INET6, "::1") as addr:
        done = run("connect", "-u", "::1", str(addr[1]), input=b"six\n")
    assert done == (0, b"six\n", "")


def test_udp_input_is_cut_into_datagrams():
    sizes = []

    def answer(_, data):
        sizes.append(len(data))
        return [data]

    data = os.urandom(3000)
    with datagram_peer(answer) as address:
        assert udp(address, input=data) == (0, data, "")
    assert max(sizes) == 1400
    assert sum(sizes) == 3000


def test_udp_empty_input_sends_nothing():
    asked = []
    with datagram_peer(lambda _, data: asked.append(data) or []) as address:
        assert udp(address, input=b"") == (0, b"", "")
    assert asked == []


def test_udp_loss_is_named(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(bytes(3000))
    with datagram_peer(lambda i, d: [d] if i != 1 else []) as address, \
            open(path, "rb") as source:
        done = udp(address, "--timeout=200ms", input=source)
    assert done.returncode == 1
    assert done.stdout == bytes(1400)
    assert done.stderr.endswith(
        ": timed out: no answer to datagram 2 within 200 ms: "
        "1400 bytes of 2800 missing\n")


@pytest.mark.parametrize("answer, message", [
    (lambda _, data: [data.replace(b"c", b"C")],
     "wrong byte at offset 2: sent 0x63, received 0x43"),
    (lambda _, data: [data[:4]],
     "a datagram came back cut: 2 bytes of 6 missing"),
    (lambda _, data: [data + b"!"],
     "more came back than was sent: 0x21 at offset 6 "
     "(--raw reads what is no echo)"),
], ids=["wrong", "cut", "longer"])
def test_udp_wrong_answers(answer, message):
    with datagram_peer(answer) as address:
        done = udp(address, input=b"abcdef")
    assert done.returncode == 1
    assert done.stderr == f"meari: 127.0.0.1:{address[1]}: {message}\n"


def test_udp_second_answer_is_told():
    with datagram_peer(lambda _, data: [data, data]) as address, \
            Conversation(address, "-u") as client:
        client.say(b"ab\n")
        assert client.hear(6) == b"ab\nab\n"
        returncode, stderr = client.ending()
    assert returncode == 1
    assert "more came back than was sent: 0x61 at offset 3" in stderr


def test_udp_refused():
    with unused_port(socket.SOCK_DGRAM) as holder:
        address = holder.getsockname()
    done = udp(address, input=b"x")
    assert done == (1, b"", (
        f"meari: 127.0.0.1:{address[1]}: nobody listens there: "
        "1 bytes of 1 missing\n"))


def test_udp_raw_takes_any_answer():
    with datagram_peer(lambda _, data: [b"other"]) as address:
        assert udp(address, "--raw", input=b"x") == (0, b"other", "")
