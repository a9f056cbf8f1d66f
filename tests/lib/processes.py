# SPDX-License-Identifier: MIT
"""What the kernel knows about the processes of a server."""
import contextlib
import os
import pathlib
import select
import time

from program import PATIENCE_S

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def until(condition, what="", timeout=PATIENCE_S):
    """Asks again and again until it holds; its last value.

    For what cannot be waited for: a state that the kernel shows and does not
    announce.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, what or "it never came to be"
        time.sleep(0.005)
    return value


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name, which may hold spaces."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return text.rpartition(")")[2].split()


def cpu_s(pids):
    """Processor time that these have used."""
    return sum(sum(map(int, stat_of(pid)[11:13])) for pid in pids) * TICK_S


def states(pids):
    """A letter for each that is there: R, S, Z…"""
    found = ""
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += stat_of(pid)[0]
    return found


def memory(pids):
    """Bytes of memory of these, a page that n share counted as one n-th."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            path = pathlib.Path(f"/proc/{pid}/smaps_rollup")
            for line in path.read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def descriptors(pid):
    """What each descriptor of a process is, sorted."""
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return sorted(names)


class Watch:
    """Processes to be seen ending, whoever reaps them."""

    def __init__(self, pids):
        self.fds = {pid: os.pidfd_open(pid) for pid in pids}

    def wait(self, timeout=PATIENCE_S):
        """Waits until all have ended; those that have not."""
        deadline = time.monotonic() + timeout
        left = dict(self.fds)
        while left and time.monotonic() < deadline:
            ready = select.select(left.values(), [], [],
                                  deadline - time.monotonic())[0]
            left = {pid: fd for pid, fd in left.items() if fd not in ready}
        return list(left)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.fds.values():
            os.close(fd)
