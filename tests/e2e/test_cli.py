# SPDX-License-Identifier: MIT
"""The frame of the program: commands, help, version, standard descriptors."""
import re

import pytest
from program import PROGRAM, run


def shell(line, *args):
    """Runs `meari ARGS` with the redirections of a shell line."""
    return run(*args, prefix=("sh", "-c", f'exec "$0" "$@" {line}'))


def test_help_lists_the_commands():
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith(b"Usage: meari [OPTION...] COMMAND")
    for name in (b"serve", b"connect", b"engines"):
        assert re.search(rb"^  " + name + rb" +\w", done.stdout, re.M)
    assert done.stderr == ""
    assert run("help") == done


def test_no_command_prints_the_help_as_an_error():
    done = run()
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr == run("--help").stdout.decode()


@pytest.mark.parametrize("name", ["serve", "connect", "engines"])
def test_help_of_a_command(name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(b"Usage: meari %s " % name.encode())
    assert run("help", name) == done


def test_version_is_followed_by_what_was_built_in():
    done = run("--version")
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert re.fullmatch(r"meari \d+\.\d+\.\d+", lines[0])
    for title in ("compiler", "libc", "features on", "features off"):
        assert any(line.startswith(f"{title}: ") for line in lines), title
    assert run("-V") == done


def test_unknown_command_is_one_line():
    done = run("dance", "--now")
    assert done.returncode == 2
    assert done.stderr == (
        "meari: unknown command 'dance'; 'meari help' lists them\n")


@pytest.mark.parametrize("args", [
    ["--nonsense"], ["connect", "--nonsense"], ["connect", "--timeout"]])
def test_wrong_option_exits_with_two(args):
    done = run(*args)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith("meari")


@pytest.mark.parametrize("args", [["--version"], ["--help"],
                                  ["connect", "--help"]])
def test_full_output_is_an_error(args):
    done = shell(">/dev/full", *args)
    assert done.returncode == 2
    assert done.stderr == (
        "meari: cannot write standard output: No space left on device\n")


def test_closed_output_is_an_error():
    done = shell(">&-", "--version")
    assert done.returncode == 2
    assert done.stderr == (
        "meari: cannot write standard output: Bad file descriptor\n")


def test_all_descriptors_closed_still_ends_with_a_status():
    assert shell("<&- >&- 2>&-", "--version").returncode == 2
    assert shell("<&- 2>&-", "--version").returncode == 0


def test_name_it_was_called_by_does_not_matter(tmp_path):
    link = tmp_path / "other"
    link.symlink_to(PROGRAM)
    assert run("--help", program=link) == run("--help")
