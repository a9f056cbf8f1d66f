# SPDX-License-Identifier: MIT
"""Fixtures of the end to end tests; the helpers are in tests/lib/program.py.

    from program import run

    def test_echo(serve, engine):
        server = serve("--engine", engine, "tcp://127.0.0.1:0")
        assert run("connect", str(server.endpoint), input=b"x").stdout == b"x"
        assert server.stop() == 0
"""
import collections
import functools
import os
import pathlib
import shutil
import socket
import tempfile

import pytest

import program

Nobody = collections.namedtuple("Nobody", "uid prefix program folder")


def pytest_sessionstart(session):
    if not os.access(program.PROGRAM, os.X_OK):
        pytest.exit(f"MEARI_PROGRAM: no program {program.PROGRAM}", 3)


@functools.cache
def engine_params():
    params = []
    for name, runs, _, remark in program.engines():
        marks = [] if runs else [pytest.mark.skip(reason=f"{name}: {remark}")]
        params.append(pytest.param(name, marks=marks))
    return params


def pytest_generate_tests(metafunc):
    """A test that takes `engine` runs with every one this build has."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", engine_params())


@functools.cache
def why_no_ipv6():
    """Empty where ::1 can be used."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError as error:
        return f"no IPv6 on loopback: {error.strerror}"
    return ""


@pytest.fixture
def ipv6():
    """Skips where ::1 cannot be used."""
    if why_no_ipv6():
        pytest.skip(why_no_ipv6())


@pytest.fixture(params=["127.0.0.1", "[::1]"])
def loopback(request):
    """Both loopback addresses, as they stand in an endpoint."""
    if request.param == "[::1]" and why_no_ipv6():
        pytest.skip(why_no_ipv6())
    return request.param


@pytest.fixture
def meari():
    """The path of the program."""
    return program.PROGRAM


@pytest.fixture
def serve():
    """Starts servers; those still there after the test are ended."""
    servers = []

    def start(*args, **options):
        servers.append(program.Server(*args, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def folder():
    """A new folder with a short path: a Unix socket's has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="meari-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def abstract():
    """The name of an abstract Unix socket, with its @."""
    return f"@meari-test-{os.getpid()}"


@pytest.fixture
def nobody(folder):
    """A user without any rights, for run() and serve():

        serve(..., prefix=nobody.prefix, program=nobody.program)

    Who runs the tests without being root is such a user. The program is a
    copy, as builds may lie where nobody may look; nobody.folder is one where
    this user may write, and the one it is in is not.
    """
    uid, prefix = os.geteuid(), []
    if uid == 0:
        uid = 65534
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}",
                  "--clear-groups"]
    copy = folder / "meari"
    shutil.copyfile(program.PROGRAM, copy)
    copy.chmod(0o755)
    own = folder / "own"
    own.mkdir()
    if prefix:
        os.chown(own, uid, uid)
    folder.chmod(0o555)
    yield Nobody(uid, prefix, copy, own)
    folder.chmod(0o755)
