# SPDX-License-Identifier: MIT
"""The program under test: running it to its end, or as a server.

MEARI_PROGRAM names the program, MEARI_BUILD the build it is from. Nothing here
sleeps: what is waited for is a line of a log, or the end of a process.
"""
import collections
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MEARI_BUILD", ROOT / "build"))
PROGRAM = pathlib.Path(
    os.environ.get("MEARI_PROGRAM", BUILD / "src" / "meari"))

# Generous: it is spent only where a test is about to fail, and sanitizers on
# a busy machine are slow.
PATIENCE_S = 30

SANITIZER = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: ")

READY = re.compile(
    r"listening on (?P<endpoint>.+) "
    r"\(service (?P<service>[^,]+), engine (?P<engine>[^)]+)\)")

Result = collections.namedtuple("Result", "returncode stdout stderr")


def check_sanitizers(text):
    """Fails when a sanitizer has reported something."""
    assert not SANITIZER.search(text), text


def run(*args, input=b"", timeout=PATIENCE_S, program=PROGRAM, prefix=(),
        **options):
    """Runs `meari ARGS` to its end, which must come within the timeout.

    input is bytes, or an open file; prefix is a command that runs the program.
    Returns (returncode, stdout, stderr): output as bytes, messages as text.
    """
    source = {"input": input} if isinstance(input, bytes) else {"stdin": input}
    done = subprocess.run(
        [*prefix, program, *args], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=timeout, check=False, **source,
        **options)
    stderr = done.stderr.decode(errors="replace")
    check_sanitizers(stderr)
    return Result(done.returncode, done.stdout, stderr)


class Endpoint:
    """What a server has said to listen on; str() is what a client is given."""

    def __init__(self, match):
        self.text = match["endpoint"]
        self.service = match["service"]
        self.engine = match["engine"]
        self.scheme, _, rest = self.text.partition(":")
        self.host = self.port = self.path = None
        if self.scheme == "unix":
            self.path = rest
        else:
            host, _, port = rest[2:].rpartition(":")
            self.host, self.port = host.strip("[]"), int(port)

    def __str__(self):
        return self.text

    __repr__ = __str__


class Server:
    """A running `meari serve ARGS`.

    It is ready when it has said so for as many listeners as there are
    endpoints among the arguments, or for `ready` of them; 0 does not wait.
    """

    def __init__(self, *args, ready=None, program=PROGRAM, prefix=(),
                 **options):
        if ready is None:
            ready = sum(is_endpoint(arg) for arg in args) or 1
        self.lines = []
        self._ended = False
        self._changed = threading.Condition()
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [*prefix, program, "serve", *args], stderr=subprocess.PIPE,
            **options)
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            if ready:
                self.wait_line(READY, count=ready)
        except BaseException:
            self.close()
            raise

    def _read_log(self):
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _matches(self, pattern):
        found = (re.search(pattern, line) for line in self.lines)
        return [match for match in found if match]

    def wait_line(self, pattern, count=1, timeout=PATIENCE_S):
        """Waits for the count-th line in all that matches; its match."""
        def there():
            return len(self._matches(pattern)) >= count or self._ended

        with self._changed:
            self._changed.wait_for(there, timeout)
            matches = self._matches(pattern)
        assert len(matches) >= count, (
            f"{len(matches)} of {count} lines matched {pattern!r} in:\n"
            f"{self.log}")
        return matches[count - 1]

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def endpoints(self):
        return [Endpoint(match) for match in self._matches(READY)]

    @property
    def endpoint(self):
        return self.endpoints[0]

    @property
    def port(self):
        return self.endpoint.port

    def processes(self):
        """Its process id and those of all its descendants."""
        pids = [self.pid]
        for pid in pids:
            try:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    pids += map(int, (task / "children").read_text().split())
            except FileNotFoundError:
                pass  # ended meanwhile
        return pids

    def descriptors(self):
        """How many descriptors the server and its descendants have open."""
        return sum(
            len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())

    def send(self, sig):
        self.process.send_signal(sig)

    def wait(self, timeout=PATIENCE_S):
        """Waits for its end, and for the last line; its status."""
        deadline = time.monotonic() + timeout
        returncode = self.process.wait(timeout)
        self._reader.join(max(0, deadline - time.monotonic()))
        assert not self._reader.is_alive(), "a child outlived the server"
        check_sanitizers(self.log)
        return returncode

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE_S):
        """Sends a signal and waits; its status."""
        self.send(sig)
        return self.wait(timeout)

    def close(self):
        """Ends it whatever its state; what it said is still looked at."""
        if self.process.poll() is None:
            # The first of two signals drains, the second ends at once; two
            # alike could become one.
            self.send(signal.SIGTERM)
            self.send(signal.SIGINT)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(PATIENCE_S)
        check_sanitizers(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_endpoint(arg):
    return "://" in str(arg) or str(arg).startswith("unix:")


def engines():
    """Rows of `meari engines`: (name, runs, protocols, remark)."""
    rows = []
    for line in run("engines").stdout.decode().splitlines():
        name, runs, protocols, remark = line.split(None, 3)
        rows.append((name, runs == "yes", protocols.split(","), remark))
    return rows
