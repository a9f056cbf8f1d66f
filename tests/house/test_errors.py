# SPDX-License-Identifier: MIT
"""Who may end the process, print, or call the kernel's bare transfers."""
import re
from pathlib import Path

import pytest

from csource import ROOT, code_only, files, line_of, write_tree


def calls(*names):
    # Not a member's call, and not the end of a longer name.
    return re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")


def words(*names):
    return re.compile(r"\b(" + "|".join(names) + r")\b")


# (what is looked for, where it may be: folders or files below src/)
RULES = [
    (calls("exit", "abort", "quick_exit", "perror"), ["cli"]),
    (calls("_exit"), ["cli", "engine", "server"]),
    (calls("printf", "vprintf", "puts", "putchar"), ["cli"]),
    (words("stdout", "STDOUT_FILENO"), ["cli"]),
    (words("stderr", "STDERR_FILENO"), ["cli", "server/log.c"]),
    (calls("read", "write", "accept", "accept4", "poll", "ppoll"),
     ["io", "net", "engine"]),
]


def allowed(path, places):
    return any(path == place or path.startswith(place + "/")
               for place in places)


def check(root):
    found = []
    src = Path(root) / "src"
    for file in files(src):
        path = str(file.relative_to(src))
        code = code_only(file.read_text())
        for pattern, places in RULES:
            if allowed(path, places):
                continue
            for match in pattern.finditer(code):
                line = line_of(code, match.start())
                found.append(f"{path}:{line}: {match[1]}")
    return sorted(found)


def test_calls_of_the_tree_are_where_they_may_be():
    assert check(ROOT) == []


# The checker itself

@pytest.mark.parametrize("path, code, expected", [
    ("net/a.c", "\texit(1);", ["exit"]),
    ("server/a.c", "\tabort();", ["abort"]),
    ("io/a.c", '\tperror("x");', ["perror"]),
    ("client/a.c", "\t_exit(1);", ["_exit"]),
    ("stat/a.c", '\tprintf ("x");', ["printf"]),
    ("net/a.c", '\t(void)fprintf(stderr, "x");', ["stderr"]),
    ("server/b.c", "\tputs_to(stdout);", ["stdout"]),
    ("server/b.c", "\tmeari_write_some(STDERR_FILENO, 0, 0, 0);",
     ["STDERR_FILENO"]),
    ("cli/a.c", "\tn = read(fd, buf, len) + write(fd, buf, len);",
     ["read", "write"]),
    ("client/a.c", "\tif (ppoll(fds, n, NULL, NULL) < 0 || poll(fds, n, 0))",
     ["poll", "ppoll"]),
    ("server/a.c", "\twhile (read(fd, &info, sizeof info) > 0)", ["read"]),
    ("client/a.c", "\tfd = accept4(fd, NULL, NULL, 0);", ["accept4"]),
])
def test_check_of_misplaced_call_reports_it(path, code, expected, tmp_path):
    write_tree(tmp_path, {"src/" + path: code + "\n"})
    assert check(tmp_path) == [f"{path}:1: {name}" for name in expected]


@pytest.mark.parametrize("path, code", [
    ("cli/a.c", '\tfprintf(stderr, "x");\n\texit(1);'),
    ("server/log.c", '\tfprintf(stderr, "x");'),
    ("engine/a.c", "\t_exit(0);"),
    ("io/a.c", "\tn = read(fd, buf, len);"),
    ("client/a.c", "\tr = meari_poll(fds, n, until_ns);"),
    ("client/a.c", "\tr = ops->read(fd) + ops.write(fd);"),
    ("client/a.c", "\t/* as read(2) and exit() do */"),
    ("client/a.c", '\tfail_set(fail, r, "read(x)", NULL); /* stderr */'),
    ("stat/a.c", "\tn = snprintf(buf, len, format);"),
    ("base/a.h", "__attribute__((format(printf, 1, 2))) int f(void);"),
])
def test_check_of_allowed_call_finds_nothing(path, code, tmp_path):
    write_tree(tmp_path, {"src/" + path: code + "\n"})
    assert check(tmp_path) == []
