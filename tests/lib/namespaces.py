# SPDX-License-Identifier: MIT
"""Networks of a test's own: namespaces, joined by a cable that can be cut.

    with Namespace() as here, Namespace() as there:
        cable = Cable(here, there)
        server = serve("0.0.0.0:0", prefix=here.prefix, ready=1)
        with there.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.connect((cable.here4, server.port))

A namespace lives as long as the process that holds it, so that none is left
behind whatever happens.
"""
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess

CLONE_NEWNET = 0x40000000

# Locally administered, and nobody's.
NOWHERE = "02:00:00:00:00:01"

libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Empty where namespaces can be made."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for command in ("ip", "unshare", "nsenter"):
        if not shutil.which(command):
            return f"there is no {command} to make a network with"
    done = subprocess.run(["unshare", "-n", "true"], capture_output=True,
                          text=True, check=False)
    return done.stderr.strip()


def setns(fd):
    if libc.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """A network namespace with its loopback up."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up && echo && cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert self.holder.stdout.readline() == b"\n"
        except BaseException:
            self.close()
            raise
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.prefix = ["nsenter", f"--net={self.path}", "--"]

    def run(self, *command):
        """Runs a command within; it must succeed."""
        done = subprocess.run([*self.prefix, *command], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def set(self, name, value):
        """Sets a sysctl of this network."""
        self.run("sysctl", "-qw", f"{name}={value}")

    @contextlib.contextmanager
    def entered(self):
        """This thread sees this network meanwhile."""
        with open("/proc/thread-self/ns/net", "rb") as back, \
                open(self.path, "rb") as fd:
            setns(fd.fileno())
            try:
                yield
            finally:
                setns(back.fileno())

    def socket(self, family, kind):
        """A socket stays in the network it was made in."""
        with self.entered():
            return socket.socket(family, kind)

    def close(self):
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Cable:
    """Joins two namespaces; each has an IPv4 and an IPv6 address on it."""

    here4, there4, broadcast4 = "10.77.0.1", "10.77.0.2", "10.77.0.255"
    here6, there6 = "fd77::1", "fd77::2"

    def __init__(self, here, there):
        self.here, self.there = here, there
        here.run("ip", "link", "add", "near0", "type", "veth",
                 "peer", "name", "far0", "netns", str(there.holder.pid))
        self.set_up(here, "near0", self.here4, self.here6)
        self.set_up(there, "far0", self.there4, self.there6)

    @staticmethod
    def set_up(namespace, name, address4, address6):
        namespace.run("ip", "address", "add", f"{address4}/24",
                      "broadcast", "+", "dev", name)
        # Without nodad the address could not be bound to for a second.
        namespace.run("ip", "address", "add", f"{address6}/64", "dev", name,
                      "nodad")
        namespace.run("ip", "link", "set", name, "up")

    def neighbours(self):
        yield self.here, "near0", self.there4
        yield self.here, "near0", self.there6
        yield self.there, "far0", self.here4
        yield self.there, "far0", self.here6

    def cut(self):
        """What is sent arrives nowhere from now on, and nobody is told: each
        end believes the other to be where nobody is."""
        for namespace, name, address in self.neighbours():
            namespace.run("ip", "neighbour", "replace", address, "lladdr",
                          NOWHERE, "dev", name, "nud", "permanent")

    def mend(self):
        for namespace, name, address in self.neighbours():
            namespace.run("ip", "neighbour", "delete", address, "dev", name)
