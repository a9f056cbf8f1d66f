# SPDX-License-Identifier: MIT
"""The counters that a server logs on SIGUSR1."""
import re
import signal

from processes import until

LINE = r"^meari: tallies: (.*)$"


def tallies(server):
    """Asks for them; a dictionary."""
    asked = len(re.findall(LINE, server.log, re.M))
    server.send(signal.SIGUSR1)
    words = server.wait_line(LINE, count=asked + 1)[1].split()
    return {name: int(value) for name, value in
            (word.split("=") for word in words)}


def until_tallies(server, **wanted):
    """Asks until these counters have these values; all of them."""
    found = {}

    def agree():
        found.update(tallies(server))
        return all(found[name] == value for name, value in wanted.items())

    try:
        until(agree)
    except AssertionError:
        assert {name: found[name] for name in wanted} == wanted
    return found
