# SPDX-License-Identifier: MIT
"""The file of a Unix socket: whose it is, when it comes and when it goes."""
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest
from clients import dial, echoed, hear_all
from processes import Watch
from program import PATIENCE_S, PROGRAM, run


@pytest.fixture
def path(folder):
    return folder / "socket"


def leave_stale(path):
    """A socket's file as a server that was killed leaves it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    assert path.is_socket()


def refused(endpoint):
    done = run("serve", endpoint)
    assert (done.returncode, done.stdout) == (2, b"")
    return done.stderr


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_file_is_for_its_owner_alone(serve, engine, path, umask):
    serve("--engine", engine, f"unix:{path}",
          preexec_fn=lambda: os.umask(umask))
    assert stat.filemode(path.stat().st_mode) == "srw-------"


def test_file_is_never_open_to_others(serve, path):
    """Looked at as often as can be while servers come and go."""
    modes = set()
    over = threading.Event()

    def look():
        while not over.is_set():
            try:
                modes.add(stat.filemode(path.stat().st_mode))
            except FileNotFoundError:
                pass

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    for _ in range(10):
        server = serve(f"unix:{path}", preexec_fn=lambda: os.umask(0))
        assert server.stop() == 0
    over.set()
    looker.join()
    assert modes <= {"srw-------"}


def test_file_is_gone_at_the_end(serve, engine, path):
    server = serve("--engine", engine, f"unix:{path}")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.stop() == 0
    assert not path.exists()


def test_file_of_a_dead_server_is_replaced(serve, engine, path):
    leave_stale(path)
    server = serve("--engine", engine, f"unix:{path}")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.stop() == 0
    assert not path.exists()


def test_killed_server_can_be_started_again(serve, path):
    first = serve(f"unix:{path}")
    with Watch(first.processes()) as watch:
        first.process.kill()
        assert watch.wait() == []
    assert path.is_socket()
    second = serve(f"unix:{path}")
    with dial(second.endpoint) as sock:
        assert echoed(sock)
    assert second.stop() == 0
    assert not path.exists()


def test_live_socket_is_left_alone(serve, path):
    server = serve(f"unix:{path}")
    assert refused(f"unix:{path}") == (
        f"meari: bind unix:{path}: Address already in use; a server is "
        "answering on it\n")
    with dial(server.endpoint) as sock:
        assert echoed(sock)


def test_file_of_another_server_is_not_removed(serve, path):
    """Whoever moved it away may have put one of his own there."""
    server = serve(f"unix:{path}")
    path.rename(path.with_name("moved"))
    leave_stale(path)
    assert server.stop() == 0
    assert path.is_socket()


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("precious"), lambda path: path.mkdir(),
    lambda path: path.symlink_to("nowhere")], ids=["file", "folder", "link"])
def test_what_is_no_socket_is_left_alone(path, make):
    make(path)
    before = path.lstat()
    assert refused(f"unix:{path}") == (
        f"meari: bind unix:{path}: Address already in use; it exists and is "
        "not a socket\n")
    assert path.lstat() == before


def test_folder_must_be_there(folder):
    assert refused(f"unix:{folder}/no/socket") == (
        f"meari: bind unix:{folder}/no/socket: No such file or directory\n")


def test_folder_must_be_writable(nobody, folder):
    done = run("serve", f"unix:{folder}/socket", prefix=nobody.prefix,
               program=nobody.program)
    assert done == (2, b"", f"meari: bind unix:{folder}/socket: "
                    "Permission denied\n")


def test_longest_path(serve, folder):
    path = folder / ("x" * (107 - len(str(folder)) - 1))
    server = serve(f"unix:{path}")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert server.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("flags, prefix", [([], "unix:"), (["-U"], "")])
def test_longer_path_is_refused(folder, flags, prefix):
    path = str(folder / ("x" * (108 - len(str(folder)) - 1)))
    done = run("serve", *flags, prefix + path)
    assert done.returncode == 2
    assert re.search(r"the path has \d+ bytes, 107 are the most$",
                     done.stderr)
    assert list(folder.iterdir()) == []


def test_path_may_be_relative(serve, folder):
    server = serve("unix:socket", cwd=folder)
    assert (folder / "socket").is_socket()
    assert server.stop() == 0
    assert not (folder / "socket").exists()


def test_abstract_name_has_no_file(serve, engine, abstract):
    server = serve("--engine", engine, f"unix:{abstract}")
    assert str(server.endpoint) == f"unix:{abstract}"
    with dial(server.endpoint) as sock:
        assert echoed(sock)
    assert "Address already in use" in refused(f"unix:{abstract}")
    assert server.stop() == 0
    assert not os.path.exists(abstract)


def test_second_signal_removes_the_file_too(serve, path):
    server = serve("--drain", "1h", f"unix:{path}")
    with dial(server.endpoint) as sock:
        assert echoed(sock)
        server.send(signal.SIGTERM)
        assert hear_all(sock) == b""
        assert server.stop(signal.SIGINT) == 0
    assert not path.exists()


def test_stop_while_starting_leaves_no_file(path):
    """Whenever it comes: before the socket, between it and its first line,
    or later."""
    for number in range(100):
        server = subprocess.Popen([PROGRAM, "serve", "-q", f"unix:{path}"],
                                  stdin=subprocess.DEVNULL)
        # Not to wait for anything, but to be early or late.
        time.sleep(number * 30e-6)
        server.terminate()
        assert server.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        assert not path.exists()


def test_of_two_servers_started_at_once_one_serves(serve, path):
    """Both may find the stale file; none takes the other's new one away."""
    for _ in range(5):
        leave_stale(path)
        both = [serve(f"unix:{path}", ready=0) for _ in range(2)]
        for server in both:
            server.wait_line("listening on|Address already in use")
        up = [server for server in both if server.endpoints]
        assert len(up) == 1
        with dial(up[0].endpoint) as sock:
            assert echoed(sock)
        assert up[0].stop() == 0
        assert sorted(server.wait() for server in both) == [0, 2]
        assert not path.exists()
