# SPDX-License-Identifier: MIT
"""meari serve when it cannot: one line that helps, status 2, nothing left."""
import re
import socket

import pytest
from program import run

RANGE = "not a number from 0 to 65535"
AGAIN = "Try `meari serve --help' or `meari serve --usage' for more " \
    "information.\n"


def refused(*words, **options):
    """What it says, without the name and the newline."""
    done = run("serve", *words, **options)
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(r"meari: .*\n", done.stderr), done.stderr
    return done.stderr[len("meari: "):-1]


# Endpoints

@pytest.mark.parametrize("words, message", [
    (["70000"], 'endpoint "70000": port 70000 is above 65535'),
    (["127.0.0.1:65536"],
     'endpoint "127.0.0.1:65536": port 65536 is above 65535'),
    (["--", "-1"], f'endpoint "-1": port \'-1\' is {RANGE}'),
    (["12x"], f'endpoint "12x": port \'12x\' is {RANGE}'),
    (["0x10"], f'endpoint "0x10": port \'0x10\' is {RANGE}'),
    (["localhost:http"],
     f'endpoint "localhost:http": port \'http\' is {RANGE}'),
    ([""], 'endpoint "": is empty; write HOST:PORT, PORT or unix:PATH'),
    (["host:"], 'endpoint "host:": no port after the colon'),
    (["localhost"], 'endpoint "localhost": no port; write localhost:PORT'),
    (["::1"], 'endpoint "::1": more than one colon; write IPv6 addresses in '
     'brackets: [::1]:PORT'),
    (["[::1]"], 'endpoint "[::1]": no port; write [::1]:PORT'),
    (["[::1:0"], 'endpoint "[::1:0": \'[\' without \']\'; write '
     '[ADDRESS]:PORT'),
    (["[1.2.3.4]:0"],
     'endpoint "[1.2.3.4]:0": \'1.2.3.4\' is not an IPv6 address'),
    (["http://127.0.0.1:0"],
     "'http://127.0.0.1:0': http:// is not served yet"),
    (["tls://127.0.0.1:0"], 'endpoint "tls://127.0.0.1:0": scheme \'tls\' is '
     'not known; tcp://, udp://, http:// and unix: are'),
    (["tcp://"], 'endpoint "tcp://": nothing behind the scheme; write '
     'tcp://HOST:PORT'),
    (["/tmp/socket"], 'endpoint "/tmp/socket": \'/\' cannot be part of a '
     'host or port; write unix:PATH for a Unix socket'),
    (["a b:0"], 'endpoint "a b:0": \' \' cannot be part of a host name; '
     'letters, digits, \'-\', \'.\' and \'_\' can'),
    (["unix:"], 'endpoint "unix:": no path behind unix:'),
    (["unix:@"], 'endpoint "unix:@": no name behind unix:@'),
    (["udp://unix:/tmp/x"], 'endpoint "udp://unix:/tmp/x": Unix sockets '
     'carry a stream here, not datagrams; leave out udp://'),
    (["-4", "[::1]:0"],
     "resolve ::1: is an IPv6 address, IPv4 was asked for (-4)"),
    (["-6", "127.0.0.1:0"],
     "resolve 127.0.0.1: is an IPv4 address, IPv6 was asked for (-6)"),
    (["-4", "-6"], "-4 and -6 exclude each other"),
    (["-U"], "-U needs the path of the socket"),
    (["-U", ""], 'endpoint "unix:": no path behind unix:'),
    (["-U", "-4", "/tmp/x"], "endpoint unix:/tmp/x: a Unix socket is neither "
     "IPv4 nor IPv6 (-4, -6)"),
    (["-U", "-u", "/tmp/x"], "endpoint unix:/tmp/x: UDP (-u) and a Unix "
     "socket exclude each other"),
    (["-u", "tcp://127.0.0.1:0"], "endpoint tcp://127.0.0.1:0: its scheme "
     "and UDP (-u) exclude each other"),
    (["192.0.2.1:0"], "bind 192.0.2.1:0: Cannot assign requested address; "
     "no interface of this machine has it")])
def test_bad_endpoint(words, message):
    assert refused(*words) == message


def test_bytes_of_an_endpoint_do_not_reach_the_terminal():
    assert "\x1b" not in refused("\x1b[2J:0")
    assert "\n" not in refused("a\nb:0")


@pytest.mark.parametrize("host, port, joined", [
    ("localhost", "7007", "localhost:7007"), ("::1", "7", "[::1]:7"),
    ("[::1]", "7007", "[::1]:7007"), ("127.0.0.1", "0", "127.0.0.1:0")])
def test_two_words_are_hinted_to_be_one(host, port, joined):
    said = refused(host, port)
    assert said.startswith(f'endpoint "{host}": ')
    assert said.endswith(f" (host and port are one word here: '{joined}')")


def test_one_bad_endpoint_of_several_opens_none(folder):
    said = refused(f"unix:{folder}/socket", "tcp://127.0.0.1:0", "12x")
    assert said == f'endpoint "12x": port \'12x\' is {RANGE}'
    said = refused(f"unix:{folder}/socket", "tcp://127.0.0.1:0",
                   "192.0.2.1:0")
    assert said.startswith("bind 192.0.2.1:0: ")
    assert list(folder.iterdir()) == []


def test_unknown_host():
    said = refused("no-such-host.invalid:0")
    assert said.startswith("resolve no-such-host.invalid: ")


@pytest.mark.parametrize("kind, scheme, flags", [
    (socket.SOCK_STREAM, "tcp", "t"), (socket.SOCK_DGRAM, "udp", "u")])
def test_port_that_is_taken(kind, scheme, flags):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        place = f"127.0.0.1:{holder.getsockname()[1]}"
        tool = {"t": "ss -lntp", "u": "ss -lnup"}[flags]
        assert refused(f"{scheme}://{place}") == (
            f"bind {place}: Address already in use; `{tool}` shows by whom")


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_same_endpoint_twice(serve, scheme):
    server = serve(f"{scheme}://127.0.0.1:0")
    assert "Address already in use" in refused(str(server.endpoint))
    port = server.port
    assert server.stop() == 0
    place = f"{scheme}://127.0.0.1:{port}"
    assert "Address already in use" in refused(place, place)


def test_port_for_the_privileged(nobody):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start",
              encoding="ascii") as start:
        if int(start.read()) < 1024:
            pytest.skip("low ports are for everybody here")
    assert refused("127.0.0.1:7", prefix=nobody.prefix,
                   program=nobody.program) == (
        "bind 127.0.0.1:7: Permission denied; ports below 1024 need "
        "privilege (CAP_NET_BIND_SERVICE)")


# Other words and options

def a_number(option, value, least=0):
    return f"{option} '{value}': not a number from {least} to 2147483647"


@pytest.mark.parametrize("words, message", [
    (["--engine", "nope"], "--engine 'nope': there is no such engine; "
     "'meari engines' lists them"),
    (["--engine", ""], "--engine '': there is no such engine; "
     "'meari engines' lists them"),
    (["--service", "nope"],
     "--service 'nope': not echo, discard or message"),
    (["--max-connections", "0"], a_number("--max-connections", "0", 1)),
    (["--max-connections", "-1"], a_number("--max-connections", "-1", 1)),
    (["--max-connections", "4k"], a_number("--max-connections", "4k", 1)),
    (["--max-connections", "99999999999999999999"],
     a_number("--max-connections", "99999999999999999999", 1)),
    (["--backlog", "-1"], a_number("--backlog", "-1")),
    (["--backlog", "1x"], a_number("--backlog", "1x")),
    (["--backlog", ""], a_number("--backlog", "")),
    (["--udp-rate", "fast"], a_number("--udp-rate", "fast")),
    (["--idle-timeout", "-1"], "--idle-timeout '-1': not a time, such as "
     "10s, 500ms or 0 for no limit"),
    (["--idle-timeout", "1 s"], "--idle-timeout '1 s': not a time, such as "
     "10s, 500ms or 0 for no limit"),
    (["--drain", "x"], "--drain 'x': not a time, such as 10s or 500ms"),
    (["--drain", ""], "--drain '': not a time, such as 10s or 500ms"),
    (["--service", "message"],
     "the service message needs --message or --message-file"),
    (["--message", "x"],
     "--message and --message-file belong to --service message"),
    (["--service", "discard", "--message-file", "x"],
     "--message and --message-file belong to --service message"),
    (["--service", "message", "--message", "x", "--message-file", "y"],
     "--message and --message-file exclude each other"),
    (["--service", "message", "--message-file", "/nonexistent/file"],
     "--message-file /nonexistent/file: No such file or directory"),
    (["--service", "message", "--message-file", "/"],
     "--message-file /: Is a directory"),
    (["--service", "message", "--message", "x", "udp://127.0.0.1:0"],
     "endpoint udp://127.0.0.1:0: the service message is not for UDP: its "
     "reply could be larger than the request")])
def test_bad_option(words, message):
    assert refused(*words) == message


@pytest.mark.parametrize("source", ["file", "/dev/zero"])
def test_message_that_is_too_long(folder, source):
    path = source
    if source == "file":
        path = folder / "file"
        path.write_bytes(bytes((16 << 20) + 1))
    assert refused("--service", "message", "--message-file", path) == (
        f"--message-file {path}: longer than 16 MiB")


@pytest.mark.parametrize("word, message", [
    ("nope=1", "no such option; see the list in meari-serve(1)"),
    ("=1", "no such option; see the list in meari-serve(1)"),
    ("", "no such option; see the list in meari-serve(1)"),
    ("SNDBUF=1", "no such option; see the list in meari-serve(1)"),
    ("sndbuf", "no '='; sndbuf= takes a size: 65536, 64k, 64Ki"),
    ("sndbuf=", "sndbuf takes a size: 65536, 64k, 64Ki"),
    ("sndbuf=-1", "sndbuf takes a size: 65536, 64k, 64Ki"),
    ("sndbuf=3G", "sndbuf is at most 2147483647 bytes"),
    ("keepalive=maybe", "keepalive takes on or off"),
    ("keepidle=1500ms", "not a whole number of seconds"),
    ("tos=256", "tos is at most 255"),
    ("congestion=averylongalgorithm",
     "congestion is at most 15 characters long")])
def test_bad_socket_option(word, message):
    assert refused("--sockopt", word, "tcp://127.0.0.1:0") == (
        f'option "{word}": {message}')


@pytest.mark.parametrize("word, place, message", [
    ("congestion=nope", "tcp://127.0.0.1:0",
     "set congestion=nope: this kernel has none of that name"),
    ("keepidle=99999", "tcp://127.0.0.1:0",
     "set keepidle=99999: Invalid argument"),
    ("keepalive=on", "udp://127.0.0.1:0", "socket option keepalive: no "
     "socket that is to be served has it"),
    ("nodelay=on", "unix:{}/socket", "socket option nodelay: no socket that "
     "is to be served has it"),
    ("v6only=on", "tcp://127.0.0.1:0",
     "set v6only=on: a TCP socket over IPv4 has no IPV6_V6ONLY")])
def test_socket_option_that_cannot_be_set(folder, word, place, message):
    assert refused("--sockopt", word, place.format(folder)) == message
    assert list(folder.iterdir()) == []


def test_too_many_socket_options():
    words = ["--sockopt", "nodelay=on"] * 100
    assert re.fullmatch(r"more than \d+ times --sockopt", refused(*words))


@pytest.mark.parametrize("words, first", [
    (["--engine"], "meari serve: option '--engine' requires an argument\n"),
    (["--nonsense"], "meari serve: unrecognized option '--nonsense'\n"),
    (["-x"], "meari serve: invalid option -- 'x'\n")])
def test_what_is_no_option(words, first):
    assert run("serve", *words) == (2, b"", first + AGAIN)


def test_engine_that_lacks_what_is_asked(serve):
    """Every engine of today serves everything; this must not pass silently
    for one that does not."""
    lines = run("engines").stdout.decode().splitlines()
    for name, _, protocols, *_ in (line.split() for line in lines):
        if "udp" not in protocols.split(","):
            assert refused("--engine", name, "udp://127.0.0.1:0") == (
                f"engine {name}: does not serve UDP")
        else:
            assert serve("--engine", name, "udp://127.0.0.1:0").stop() == 0
