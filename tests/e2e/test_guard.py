# SPDX-License-Identifier: MIT
"""Which datagrams from elsewhere are answered, over a network of our own."""
import contextlib
import re
import socket

import pytest
from clients import is_silent
from namespaces import Cable, Namespace, why_not
from program import PATIENCE_S
from tallies import tallies, until_tallies

PORT, SOURCE, GROUP, RATE = (
    "dropped_port", "dropped_source", "dropped_group", "dropped_rate")


class Net:
    """Two namespaces and what runs in them: servers here, clients there."""

    def __init__(self, stack):
        self.stack = stack
        self.here = stack.enter_context(Namespace())
        self.there = stack.enter_context(Namespace())
        self.cable = Cable(self.here, self.there)

    def client(self, family, source=None, namespace=None):
        """A datagram socket there, bound to a port if need be."""
        sock = self.stack.enter_context(
            (namespace or self.there).socket(family, socket.SOCK_DGRAM))
        sock.settimeout(PATIENCE_S)
        if source:
            sock.bind(source)
        return sock


@pytest.fixture
def net():
    if why_not():
        pytest.skip(why_not())
    with contextlib.ExitStack() as stack:
        yield Net(stack)


@pytest.fixture(params=["4", "6"])
def family(request, ipv6):
    return {"4": socket.AF_INET, "6": socket.AF_INET6}[request.param]


def start(serve, net, engine, *words):
    return serve("--engine", engine, *words, "udp://:0", ready=2,
                 prefix=net.here.prefix)


def address(net, family):
    return net.cable.here4 if family == socket.AF_INET else net.cable.here6


def answered(sock, where, data=b"hello"):
    sock.sendto(data, where)
    got, source = sock.recvfrom(1 << 17)
    return got == data and source[:2] == where[:2]


def dropped(server, sock, where, reason, data=b"hello"):
    """Is it dropped for this reason, and for no other?"""
    before = tallies(server)
    sock.sendto(data, where)
    after = until_tallies(server, **{reason: before[reason] + 1})
    changed = {name for name in after if after[name] != before[name]}
    return changed == {reason} and is_silent(sock)


def test_who_may_be_answered_is(serve, net, engine, family):
    server = start(serve, net, engine)
    where = (address(net, family), server.port)
    sock = net.client(family)
    for data in (b"", b"x", bytes(65_507)):
        assert answered(sock, where, data)
    until_tallies(server, received_datagrams=3, sent_datagrams=3)


@pytest.mark.parametrize("port", [1, 7, 19, 53, 1023, 2049, "own"])
def test_port_of_a_service_is_not_answered(serve, net, engine, family, port):
    server = start(serve, net, engine)
    where = (address(net, family), server.port)
    bad = net.client(family, ("", server.port if port == "own" else port))
    assert dropped(server, bad, where, PORT)
    assert answered(net.client(family), where)
    assert "its source port belongs to a service that may answer" \
        in server.log


@pytest.mark.parametrize("port", [1024, 2048, 2050, 65_535])
def test_other_ports_are_answered(serve, net, family, port):
    server = start(serve, net, "thread")
    assert answered(net.client(family, ("", port)),
                    (address(net, family), server.port))


@pytest.mark.parametrize("target", ["10.77.0.255", "255.255.255.255"])
def test_broadcast_is_not_answered(serve, net, engine, target):
    server = start(serve, net, engine)
    sock = net.client(socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"far0")
    assert dropped(server, sock, (target, server.port), GROUP)
    assert answered(net.client(socket.AF_INET),
                    (net.cable.here4, server.port))
    assert "it was sent to a group" in server.log


def test_group_of_ipv6_is_not_answered(serve, net, engine, ipv6):
    server = start(serve, net, engine)
    sock = net.client(socket.AF_INET6)
    # The kernel adds it once the link has settled, which takes its time.
    net.there.run("ip", "-6", "route", "replace", "multicast", "ff00::/8",
                  "dev", "far0", "table", "local")
    with net.there.entered():
        scope = socket.if_nametoindex("far0")
    # All nodes of the link (RFC 4291, 2.7.1): the server's host is one.
    assert dropped(server, sock, ("ff02::1", server.port, 0, scope), GROUP)


def test_impossible_source_is_not_answered(serve, net, engine):
    """A kernel that would let a loopback source in from outside, as some
    routers do."""
    server = start(serve, net, engine)
    for name in ("all", "near0"):
        net.here.set(f"net.ipv4.conf.{name}.route_localnet", 1)
        net.here.set(f"net.ipv4.conf.{name}.rp_filter", 0)
    net.there.set("net.ipv4.conf.far0.route_localnet", 1)
    sock = net.client(socket.AF_INET, ("127.0.0.5", 0))
    net.there.run("ip", "route", "replace", f"{net.cable.here4}/32",
                  "dev", "far0", "src", net.cable.there4)
    assert dropped(server, sock, (net.cable.here4, server.port), SOURCE)
    assert "its source is no address to answer to" in server.log


def test_too_many_from_one_network_are_not_answered(serve, net, engine,
                                                    family):
    server = start(serve, net, engine, "--udp-rate", "20")
    where = (address(net, family), server.port)
    sock = net.client(family)
    for _ in range(100):
        sock.sendto(b"x", where)
    found = until_tallies(server)
    while found["sent_datagrams"] + found[RATE] < 100:
        found = tallies(server)
    # A second's worth at once, and what a second or so has added.
    assert 20 <= found["sent_datagrams"] < 60
    assert found["sent_datagrams"] == found["received_datagrams"]
    # Told once a second at most, however many there are.
    told = re.findall("its network sends faster than --udp-rate", server.log)
    assert 1 <= len(told) < 5


def test_rate_of_0_is_any(serve, net, engine):
    server = start(serve, net, engine, "--udp-rate", "0")
    sock = net.client(socket.AF_INET)
    for _ in range(300):
        assert answered(sock, (net.cable.here4, server.port))


def test_loopback_of_the_same_machine_is_trusted(serve, net, engine, family):
    server = start(serve, net, engine, "--udp-rate", "10")
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    sock = net.client(family, namespace=net.here)
    for _ in range(100):
        assert answered(sock, (host, server.port))


def test_loopback_endpoint_has_no_guard(serve, net, engine, loopback):
    server = serve("--engine", engine, f"udp://{loopback}:0",
                   prefix=net.here.prefix)
    family = socket.AF_INET6 if ":" in loopback else socket.AF_INET
    sock = net.client(family, ("", 7), net.here)
    assert answered(sock, (loopback.strip("[]"), server.port))


def test_answer_comes_from_the_address_that_was_asked(serve, net, engine,
                                                      family):
    server = start(serve, net, engine)
    second, length = ("10.77.0.9", 24) if family == socket.AF_INET else (
        "fd77::9", 64)
    net.here.run("ip", "address", "add", f"{second}/{length}", "dev",
                 "near0", *(["nodad"] if ":" in second else []))
    sock = net.client(family)
    for host in (second, address(net, family)):
        assert answered(sock, (host, server.port))
