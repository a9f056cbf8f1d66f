# SPDX-License-Identifier: MIT
"""meari engines, and what meari serve --help has to name."""
import re

import pytest
from program import engines, run

OPTIONS = ["-4", "-6", "-u, --udp", "-U, --unix", "-v, --verbose",
           "-q, --quiet", "--engine=NAME", "--service=NAME",
           "--max-connections=N", "--idle-timeout=TIME", "--backlog=N",
           "--drain=TIME", "--once", "--udp-rate=N", "--sockopt=NAME=VALUE",
           "--message=TEXT", "--message-file=FILE"]


def test_each_line_is_name_answer_protocols_text():
    done = run("engines")
    assert (done.returncode, done.stderr) == (0, "")
    for line in done.stdout.decode().splitlines():
        assert re.fullmatch(
            r"\w+ +(yes|no) +(tcp|udp|unix)(,(tcp|udp|unix))* +\S.*", line)


def test_columns_stand_below_each_other():
    lines = run("engines").stdout.decode().splitlines()
    starts = {tuple(match.start() for match in list(
        re.finditer(r"(?<= )\S", line))[:3]) for line in lines}
    assert len(starts) == 1


def test_engines_of_the_textbook_are_there():
    found = {name: (runs, protocols)
             for name, runs, protocols, _ in engines()}
    for name in ("iterative", "fork", "thread"):
        assert found[name] == (True, ["tcp", "udp", "unix"])


def test_engines_takes_no_words():
    done = run("engines", "all")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith("meari engines: Too many arguments\n")


def test_help_names_each_option():
    text = run("serve", "--help").stdout.decode()
    found = re.findall(r"^ {2,6}(-.+?)(?:  |$)", text, re.M)
    for option in OPTIONS:
        assert option in found, option
    assert set(found) - set(OPTIONS) == {"-?, --help", "--usage"}


@pytest.mark.parametrize("word", ["host:port", "[address]:port", ":port",
                                  "unix:/path", "7007", "port 0"])
def test_help_tells_what_an_endpoint_is(word):
    text = run("serve", "--help").stdout.decode()
    assert word in re.sub(r"\s+", " ", text)
