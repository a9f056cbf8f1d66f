# SPDX-License-Identifier: MIT
"""meari serve when all goes well: what it says, options, services."""
import os
import re
import shutil
import socket
import subprocess

import namespaces
import pytest
from clients import dial, dial_many, echoed, exchange, hear, hear_all
from clients import is_silent
from program import run
from tallies import tallies, until_tallies

FAMILIES = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0",
            "udp://[::1]:0"]


def granted(server, number=1):
    """The options that the number-th line of that kind tells."""
    line = server.wait_line(r"^meari: granted on (\S+): (.*)", number)
    return line[1], dict(item.split(" ", 1) for item in line[2].split(", "))


# Where it listens

@pytest.mark.parametrize("endpoint", FAMILIES)
def test_ready_line_tells_the_real_port(serve, engine, ipv6, endpoint):
    server = serve("--engine", engine, endpoint)
    place = re.escape(endpoint.removesuffix("0"))
    assert re.fullmatch(
        rf"meari: listening on {place}\d+ \(service echo, engine {engine}\)",
        server.lines[-1])
    assert server.port > 0
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.stop() == 0


def test_each_endpoint_has_its_line(serve, engine, ipv6, folder, abstract):
    words = [*FAMILIES, f"unix:{folder}/one", f"unix:{abstract}"]
    server = serve("--engine", engine, *words)
    assert [str(endpoint).rpartition(":")[0] for endpoint in server.endpoints
            ] == [word.rpartition(":")[0] for word in words]
    for endpoint in server.endpoints:
        with dial(endpoint) as sock:
            assert echoed(sock)


@pytest.mark.parametrize("word, scheme", [
    ("0", "tcp"), (":0", "tcp"), ("udp://:0", "udp")])
def test_bare_port_is_one_port_in_both_families(serve, ipv6, word, scheme):
    server = serve(word, ready=2)
    assert [str(endpoint) for endpoint in server.endpoints] == [
        f"{scheme}://[::]:{server.port}", f"{scheme}://0.0.0.0:{server.port}"]
    for endpoint in server.endpoints:
        with dial(endpoint) as sock:
            assert echoed(sock)


@pytest.mark.parametrize("flag, host", [("-4", "0.0.0.0"), ("-6", "::")])
def test_family_flag_leaves_the_other_out(serve, ipv6, flag, host):
    server = serve(flag, "0", ready=1)
    assert server.stop() == 0
    assert [endpoint.host for endpoint in server.endpoints] == [host]


@pytest.mark.parametrize("words", [
    ["-u", "127.0.0.1:0"], ["--udp", "udp://127.0.0.1:0"]])
def test_udp_flag(serve, words):
    assert serve(*words, ready=1).endpoint.scheme == "udp"


@pytest.mark.parametrize("words", [["-U", "{}"], ["-U", "unix:{}"],
                                   ["--unix", "{}"]])
def test_unix_flag(serve, folder, words):
    path = f"{folder}/socket"
    server = serve(*[word.format(path) for word in words], ready=1)
    assert server.endpoint.path == path


def test_several_endpoints_share_nothing_but_the_process(serve, engine):
    server = serve("--engine", engine, "tcp://127.0.0.1:0",
                   "udp://127.0.0.1:0")
    tcp, udp = server.endpoints
    with dial(udp) as sock:
        assert echoed(sock)
    with dial(tcp) as sock:
        assert echoed(sock)
    assert server.stop() == 0


DEFAULTS = ["tcp://127.0.0.1:7007", "tcp://[::1]:7007", "udp://127.0.0.1:7007",
            "udp://[::1]:7007"]


@pytest.fixture
def network():
    """A network of our own, where the default port is free."""
    if namespaces.why_not():
        pytest.skip(namespaces.why_not())
    with namespaces.Namespace() as made:
        yield made


@pytest.mark.parametrize("flags, left", [
    ([], DEFAULTS), (["-4"], DEFAULTS[::2]), (["-6"], DEFAULTS[1::2]),
    (["-u"], DEFAULTS[2:]), (["-u", "-4"], DEFAULTS[2:3]),
    (["--service", "message", "--message", "x"], DEFAULTS[:2])],
    ids=["none", "4", "6", "udp", "udp4", "message"])
def test_defaults_without_an_endpoint(serve, network, ipv6, flags, left):
    server = serve(*flags, prefix=network.prefix, ready=len(left))
    assert server.stop() == 0
    assert [str(endpoint) for endpoint in server.endpoints] == left


def test_defaults_are_served(serve, network, ipv6):
    serve(prefix=network.prefix, ready=4)
    for place in DEFAULTS:
        assert run("connect", place, input=b"hello\n",
                   prefix=network.prefix) == (0, b"hello\n", "")


def test_defaults_do_without_a_family_that_is_not_there(serve, network):
    network.set("net.ipv6.conf.all.disable_ipv6", 1)
    server = serve(prefix=network.prefix, ready=2)
    assert [str(endpoint) for endpoint in server.endpoints] == DEFAULTS[::2]
    assert len(re.findall("^meari: left out: ", server.log, re.M)) == 2


# What it says

@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_verbose_has_the_lines_of_the_textbook(serve, engine, ipv6, host):
    place = f"[{host}]" if ":" in host else host
    server = serve("--engine", engine, "-v", f"tcp://{place}:0")
    data = os.urandom(300_000)
    with dial(server.endpoint) as sock:
        port = sock.getsockname()[1]
        assert exchange(sock, data) == data
    assert server.stop() == 0
    plain = [line for line in server.lines if not line.startswith("meari: ")]
    assert plain[0] == f"Connected to ({host}, {port})"
    sizes = [re.fullmatch(r"server received (\d+) bytes", line)
             for line in plain[1:]]
    assert sum(int(size[1]) for size in sizes) == len(data)
    assert f"1 connection and 0 datagrams: {len(data)} bytes in, " \
        f"{len(data)} out" in server.lines[-1]


def test_verbose_tells_datagrams(serve, engine):
    server = serve("--engine", engine, "-v", "udp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        for size in (0, 1, 1000):
            sock.send(bytes(size))
            assert sock.recv(2000) == bytes(size)
    assert server.stop() == 0
    assert re.findall(r"^server received (\d+) bytes$", server.log, re.M) == [
        "0", "1", "1000"]


def test_name_of_a_client_cannot_forge_a_line(serve, abstract):
    server = serve("-v", f"unix:{abstract}")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(b"\0x\nConnected to (192.0.2.1, 1)\x1b[2J")
        sock.connect("\0" + abstract[1:])
        assert echoed(sock, b"x")
    assert server.stop() == 0
    assert not [line for line in server.lines
                if line.startswith("Connected to (192")]
    assert "\x1b" not in server.log


def test_quiet_says_nothing_of_a_good_run(serve, engine, folder):
    path = f"{folder}/socket"
    # The one endpoint that can be known without being told.
    server = serve("--engine", engine, "-q", "--once", f"unix:{path}", ready=0)
    done = run("connect", f"unix:{path}", input=b"x\n", prefix=[
        "sh", "-c", f'while ! [ -S {path} ]; do :; done; exec "$@"', "sh"])
    assert done == (0, b"x\n", "")
    assert server.wait() == 0
    assert server.lines == []


# Socket options

def test_options_are_shown_as_granted(serve):
    server = serve("-v", "--sockopt", "sndbuf=64Ki", "--sockopt",
                   "rcvbuf=100000", "--sockopt", "congestion=reno",
                   "tcp://127.0.0.1:0")
    place, options = granted(server)
    assert place == str(server.endpoint)
    # The kernel doubles what was asked for, for its own needs (socket(7)).
    assert options["sndbuf"] == f"{2 * 64 * 1024} bytes"
    assert options["rcvbuf"] == f"{2 * 100000} bytes"
    assert options["congestion"] == "reno"
    assert options["nodelay"] == "on"


@pytest.mark.parametrize("asked, name, shown", [
    ("keepalive=on", "keepalive", "on"), ("keepidle=7", "keepidle", "7 s"),
    ("keepidle=2m", "keepidle", "120 s"), ("keepintvl=3s", "keepintvl", "3 s"),
    ("keepcnt=4", "keepcnt", "4"), ("linger=5", "linger", "5 s"),
    ("linger=off", "linger", "off"), ("nodelay=off", "nodelay", "off"),
    ("user-timeout=2s", "user-timeout", "2000 ms"), ("tos=16", "tos", "16"),
    ("reuseport=yes", "reuseport", "on")])
def test_each_option_can_be_set(serve, asked, name, shown):
    server = serve("-v", "--sockopt", asked, "tcp://127.0.0.1:0")
    assert granted(server)[1][name] == shown


def test_option_is_set_where_it_suits(serve, abstract):
    server = serve("-v", "--sockopt", "keepalive=on", "--sockopt",
                   "sndbuf=32Ki", "tcp://127.0.0.1:0", "udp://127.0.0.1:0",
                   f"unix:{abstract}")
    shown = [granted(server, number)[1] for number in (1, 2, 3)]
    assert [options.get("keepalive") for options in shown] == [
        "on", None, None]
    assert {options["sndbuf"] for options in shown} == {"65536 bytes"}


def test_connections_inherit_the_options(serve):
    if not shutil.which("ss"):
        pytest.skip("there is no ss to look with")
    server = serve("--sockopt", "keepalive=on", "--sockopt", "keepidle=99",
                   "--sockopt", "congestion=reno", "tcp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        shown = subprocess.run(
            ["ss", "-tnoiH", "sport", "=", str(server.port)],
            capture_output=True, text=True, check=True).stdout
    assert "timer:(keepalive" in shown and "reno" in shown


def test_backlog_is_passed_on(serve):
    if not shutil.which("ss"):
        pytest.skip("there is no ss to look with")
    server = serve("--backlog", "7", "tcp://127.0.0.1:0")
    shown = subprocess.run(["ss", "-tlnH", "sport", "=", str(server.port)],
                           capture_output=True, text=True, check=True).stdout
    assert shown.split()[2] == "7"


def test_full_backlog_refuses_on_a_unix_socket(serve, abstract):
    server = serve("--engine", "iterative", "--backlog", "1",
                   f"unix:{abstract}")
    with dial(server.endpoint) as first:
        assert echoed(first)  # so the queue is empty
        with dial_many(server.endpoint, 2), \
                socket.socket(socket.AF_UNIX) as fourth:
            fourth.setblocking(False)
            with pytest.raises(BlockingIOError):
                fourth.connect("\0" + abstract[1:])


# Services

def test_discard_takes_all_and_sends_nothing(serve, engine, loopback):
    server = serve("--engine", engine, "--service", "discard",
                   f"tcp://{loopback}:0")
    assert server.endpoint.service == "discard"
    with dial(server.endpoint) as sock:
        assert exchange(sock, bytes(1_000_000)) == b""
    found = until_tallies(server, received_bytes=1_000_000, ended=1)
    assert found["sent_bytes"] == 0


def test_discard_of_datagrams(serve, engine):
    server = serve("--engine", engine, "--service", "discard",
                   "udp://127.0.0.1:0")
    with dial(server.endpoint) as sock:
        sock.send(b"four")
        until_tallies(server, received_datagrams=1, received_bytes=4,
                      sent_datagrams=0)
        assert is_silent(sock)


def serve_message(serve, engine, *words):
    return serve("--engine", engine, "--service", "message", *words,
                 "tcp://127.0.0.1:0")


@pytest.mark.parametrize("text", ["Hello, world!\n", "", "메아리", "%s%n"],
                         ids=["line", "empty", "utf-8", "percent"])
def test_message_is_sent_as_it_is_then_the_end(serve, engine, text):
    server = serve_message(serve, engine, "--message", text)
    for _ in range(3):
        with dial(server.endpoint) as sock:
            assert hear_all(sock).decode() == text
    assert server.stop() == 0


@pytest.mark.parametrize("data", [
    b"\0\1\xff\n" * 1000, b"", bytes(3 << 20)], ids=["nul", "empty", "3M"])
def test_message_file_of_any_bytes(serve, engine, folder, data):
    (folder / "file").write_bytes(data)
    server = serve_message(serve, engine, "--message-file", folder / "file")
    with dial(server.endpoint) as sock:
        assert hear_all(sock) == data


def test_message_goes_to_a_client_that_talks(serve, engine):
    """What is never answered is read all the same: a close with bytes unread
    would be a reset, and could overtake the message."""
    server = serve_message(serve, engine, "--message", "Hello")
    with dial(server.endpoint) as sock:
        sock.sendall(bytes(100_000))
        assert hear(sock, 5) == b"Hello"
        sock.shutdown(socket.SHUT_WR)
        assert hear_all(sock) == b""
    until_tallies(server, ended=1, failed=0)


def test_message_of_16_mib_is_the_longest(serve, folder):
    data = os.urandom(1 << 20) * 16
    (folder / "file").write_bytes(data)
    server = serve_message(serve, "thread", "--message-file", folder / "file")
    with dial(server.endpoint) as sock:
        assert hear_all(sock) == data


def test_auto_takes_the_first_engine_of_the_list(serve):
    server = serve("--engine", "auto", "tcp://127.0.0.1:0")
    first = run("engines").stdout.split()[0].decode()
    assert server.endpoint.engine == first
    assert tallies(server)["accepted"] == 0
