# SPDX-License-Identifier: MIT
"""What is written is there: files, links, options, quoted code."""
import os
import re
import subprocess

import pytest

from csource import ROOT, without_comments
from program import PROGRAM

PAGES = sorted(path for pattern in ("*.md", "docs/**/*.md")
               for path in ROOT.glob(pattern))
MAN = ROOT / "man"
MAX_EXAMPLE_LINES = 40

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:src|include|tests|man|docs|examples|scripts)/"
                  r"[\w./-]*\w)`")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def prose(text):
    """TEXT without its blocks of code."""
    return FENCE.sub("", text)


def anchors(text):
    """What a link to a heading may name."""
    words = (re.sub(r"[^\w\- ]", "", line).strip().lower()
             for line in HEADING.findall(prose(text)))
    return {line.replace(" ", "-") for line in words}


def broken_links(page):
    found = []
    for target in LINK.findall(prose(page.read_text())):
        if re.match(r"\w+:", target):
            continue  # elsewhere; nothing is fetched here
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists():
            found.append(target)
        elif anchor and anchor not in anchors(file.read_text()):
            found.append(target)
    return found


def missing_paths(page, root):
    """Files and folders that a page names between backquotes.

    Words in capitals stand for something else: src/engine/NAME.c.
    """
    return [path for path in PATH.findall(prose(page.read_text()))
            if not re.search(r"\b[A-Z]{3,}\b|_[A-Z]{3,}", path)
            and not (root / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_of_a_page_lead_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_paths_of_a_page_exist(page):
    assert missing_paths(page, ROOT) == []


def test_pages_there_must_be_are_there():
    names = {str(path.relative_to(ROOT)) for path in PAGES}
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
            "SECURITY.md", "docs/rows.md"} <= names
    assert len([name for name in names if name.startswith("docs/adr/")]) >= 5


def test_map_of_the_readme_has_every_layer():
    links = LINK.findall((ROOT / "README.md").read_text())
    folders = {f"src/{path.name}" for path in (ROOT / "src").iterdir()
               if path.is_dir()}
    assert folders - set(links) == set()


def test_rows_are_all_there():
    text = (ROOT / "docs" / "rows.md").read_text()
    rows = re.findall(r"^\| (S\d+) \|(.*)$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [f"S{n}" for n in range(1, 20)]
    for name, rest in rows:
        _, where, command, _ = re.split(r"(?<!\\)\|", rest)
        # A row says where it works and how to see it, or that it does not.
        assert bool(LINK.search(where)) == ("`" in command), name
        assert "`" in command or "not yet" in rest, name


# Examples

def test_readme_quotes_the_echo_server():
    quoted = re.findall(r"^```c\n(.*?)^```$",
                        (ROOT / "README.md").read_text(),
                        re.MULTILINE | re.DOTALL)
    assert quoted == [(ROOT / "examples" / "echo_server.c").read_text()]


def test_examples_are_short_and_built():
    examples = sorted((ROOT / "examples").glob("*.c"))
    build = (ROOT / "examples" / "meson.build").read_text()
    assert len(examples) >= 4
    for path in examples:
        text = path.read_text()
        assert text.count("\n") <= MAX_EXAMPLE_LINES, path.name
        assert text.startswith("/* SPDX-License-Identifier: MIT */\n")
        assert f"'{path.stem}'" in build


# Manual pages

def plain(roff):
    """A manual page as words: escapes and macros that join are undone."""
    roff = re.sub(r'^\.\\".*$', "", roff, flags=re.MULTILINE)
    return roff.replace("\\-", "-").replace("\\&", "")


def options_of_page(text):
    """Long options that a page describes: items that begin with them."""
    found = set()
    for line in re.findall(r"^\.It Fl (.*)$", plain(text), re.MULTILINE):
        found |= {"-" + word for word in re.findall(r"(?<!\S)(-[a-z][a-z-]+)",
                                                    line)}
    return found


def help_of(*command):
    if not os.access(PROGRAM, os.X_OK):
        pytest.skip(f"MEARI_PROGRAM: no program {PROGRAM}")
    done = subprocess.run([PROGRAM, *command, "--help"], check=True,
                          capture_output=True, text=True, timeout=30)
    return done.stdout


def long_options(text):
    return set(re.findall(r"(?:^|, ) *(--[a-z][a-z-]+)", text, re.MULTILINE))


def commands(text):
    table = text.partition("\nCommands:\n")[2]
    return re.findall(r"^  (\w+)", table, re.MULTILINE)


# Those that every command has, which meari(1) alone describes.
COMMON = {"--help", "--usage"}


def test_page_of_the_program_describes_its_options_and_commands():
    text = help_of()
    page = (MAN / "meari.1").read_text()
    assert long_options(text) - options_of_page(page) == set()
    assert COMMON <= options_of_page(page)
    assert commands(text)
    for name in commands(text):
        assert f".It Cm {name}" in page


def test_pages_of_commands_describe_their_options():
    described = options_of_page((MAN / "meari.1").read_text())
    for name in commands(help_of()):
        options = long_options(help_of(name)) - COMMON
        page = MAN / f"meari-{name}.1"
        if not page.exists():
            assert options == set(), f"{name} has no page"
            continue
        assert options - described - options_of_page(page.read_text()) == set()


def test_pages_describe_no_option_that_is_not_there():
    for name in commands(help_of()):
        page = MAN / f"meari-{name}.1"
        if page.exists():
            assert options_of_page(page.read_text()) <= long_options(
                help_of(name))


def test_pages_are_installed():
    build = (MAN / "meson.build").read_text()
    pages = sorted(path.name for path in MAN.glob("*.[1-9]"))
    assert pages == sorted(re.findall(r"'(meari[\w.-]*\.\d)'", build))


def socket_options():
    """(name, constant) of each row of the table."""
    code = (ROOT / "src" / "sock" / "sockopt_table.c").read_text()
    return re.findall(r'\.name = "([^"]+)",\s*\.constant = "([^"]+)"',
                      without_comments(code))


def test_page_of_serve_describes_every_socket_option():
    page = (MAN / "meari-serve.1").read_text()
    section = re.search(r"^\.Ss Socket options$(.*?)^\.S[sh]", page,
                        re.MULTILINE | re.DOTALL)[1]
    described = re.findall(
        r"^\.It Sy (\S+)$(?:.*?)^\.Pq Dv (\w+)", section,
        re.MULTILINE | re.DOTALL)
    assert len(described) > 10
    assert described == socket_options()


def test_page_of_serve_describes_every_tally():
    page = (MAN / "meari-serve.1").read_text()
    names = re.findall(r"\[TALLY_\w+\] = \"(\w+)\"",
                       (ROOT / "src" / "stat" / "tally.c").read_text())
    described = {word for line in re.findall(r"^\.It Sy (.*)$", page,
                                             re.MULTILINE)
                 for word in line.split(" , ")}
    assert names
    assert set(names) - described == set()


def test_page_of_engines_describes_each():
    page = (MAN / "meari-engines.7").read_text()
    build = (ROOT / "src" / "meson.build").read_text()
    names = re.findall(r"'(\w+)'",
                       re.search(r"^engines = \[(.*)\]", build, re.M)[1])
    assert names
    for name in names:
        assert f".Ss {name}\n" in page
        source = (ROOT / "src" / "engine" / f"{name}.c").read_text()
        summary = re.search(r'\.summary = "([^"]*)"', source)[1]
        assert re.search(rf"^{name} +yes [a-z,]+ +{re.escape(summary)}$", page,
                         re.MULTILINE), name


# The checker itself

def test_broken_links_and_anchors_are_found(tmp_path):
    page = tmp_path / "a.md"
    (tmp_path / "b.md").write_text("# One\n\n## Two words, & more\n")
    page.write_text(
        "[a](b.md) [b](b.md#two-words--more) [c](c.md) [d](b.md#three)\n"
        "[e](https://example.org/x) [f](#here)\n# Here\n"
        "```\n[g](nowhere.md)\n```\n")
    assert broken_links(page) == ["c.md", "b.md#three"]


def test_missing_paths_are_found(tmp_path):
    page = tmp_path / "a.md"
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "b.c").touch()
    page.write_text("`src/b.c` `src/c.c` `other/d.c` src/e.c\n"
                    "`src/test_NAME.c` `src/LAYER/b.c`\n")
    assert missing_paths(page, tmp_path) == ["src/c.c"]


def test_options_of_a_page_are_read_from_its_items():
    page = ('.\\" .It Fl -no\n.It Fl v , -verbose\n'
            ".It Fl -time Ns = Ns Ar n\nsee\n.Fl -other\n"
            ".It Do ss -lntp Dc shows -this\n")
    assert options_of_page(page) == {"--verbose", "--time"}


def test_options_of_a_help_text_are_read():
    text = ("  -v, --verbose   log --not this\n      --engine=NAME  x\n"
            "  -4    IPv4\n")
    assert long_options(text) == {"--verbose", "--engine"}
