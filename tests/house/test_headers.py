# SPDX-License-Identifier: MIT
"""Public headers stand alone, and document every function they declare."""
import os
import re
import shutil
import subprocess

import pytest

from csource import ROOT, code_only, files, line_of

HEADERS = files(ROOT / "include")
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-pedantic"]

# A declaration without what ends it, a semicolon or a body.
PROTOTYPE = re.compile(
    r"(?P<type>[A-Za-z_][\w\s*]*?)\b(?P<name>[A-Za-z_]\w*)\s*"
    r"\((?P<params>[^;{}]*)\)\s*$")
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")


def compiler(variable, *names):
    """A compiler command from the environment, or one of NAMES; or None."""
    if os.environ.get(variable):
        return os.environ[variable].split()
    found = [path for path in map(shutil.which, names) if path]
    return found[:1] or None


def compile_header(command, flags, header, tmp_path):
    # Twice, for the guard; and something, which ISO C asks of a file.
    source = tmp_path / "alone.c"
    source.write_text(f"#include <meari/{header.name}>\n" * 2 +
                      "extern int something;\n")
    run = subprocess.run(
        [*command, *flags, *STRICT, "-I", str(header.parents[1]),
         str(source)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_alone_compiles_as_c(header, tmp_path):
    command = compiler("CC", "cc", "gcc", "clang")
    if not command:
        pytest.skip("no C compiler")
    compile_header(command, ["-std=gnu17"], header, tmp_path)


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_alone_compiles_as_cxx(header, tmp_path):
    command = compiler("CXX", "g++", "clang++")
    if not command:
        pytest.skip("no C++ compiler")
    compile_header(command, ["-x", "c++", "-std=gnu++17"], header, tmp_path)


def test_headers_are_installed():
    build = (ROOT / "include" / "meson.build").read_text()
    missing = [path.name for path in HEADERS
               if f"'meari/{path.name}'" not in build]
    assert missing == []


def blank_braces(code):
    """CODE with what is within braces blanked."""
    out, depth = [], 0
    for char in code:
        if char == "}":
            depth -= 1
        out.append(char if depth == 0 or char == "\n" else " ")
        if char == "{":
            depth += 1
    return "".join(out)


def declarations(text):
    """(offset of its first word, declaration) of each outside braces."""
    code = re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda match: re.sub(r"[^\n]", " ", match[0]),
                  code_only(text))
    code = re.sub(r"\bMEARI_(?:BEGIN|END)_DECLS\b",
                  lambda match: " " * len(match[0]), code)
    for match in re.finditer(r"[^;{}]+(?=[;{])", blank_braces(code)):
        stripped = match[0].lstrip()
        if stripped:
            yield match.end() - len(stripped), stripped


def split_params(params):
    """The names of the parameters in the text between the parentheses."""
    names, depth, start = [], 0, 0
    for i, char in enumerate(params + ","):
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            names.append(params[start:i].strip())
            start = i + 1
    found = []
    for text in names:
        if text in ("", "void", "..."):
            continue
        pointer = re.search(r"\(\s*\*\s*(\w+)", text)
        plain = re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", text)
        found.append((pointer or plain)[1])
    return found


def prototypes(text):
    """(offset, return type, name, parameters) of each function."""
    for offset, declaration in declarations(text):
        match = PROTOTYPE.match(ATTRIBUTE.sub("", declaration).strip())
        if match and not declaration.startswith("typedef"):
            yield (offset, " ".join(match["type"].split()), match["name"],
                   split_params(match["params"]))


def doc_before(text, offset):
    """The lines of the doc comment that ends right before OFFSET."""
    match = re.search(r"/\*\*\n((?:(?!\*/).)*)\*/\s*$", text[:offset],
                      re.DOTALL)
    return match[1].split("\n") if match else None


def complaints_about(doc, returns, name, params):
    if doc is None:
        return ["no doc comment"]
    found = []
    if not re.match(rf" \* {name}\(\) - \S", doc[0]):
        found.append(f"first line is not ' * {name}() - ...'")
    documented = [match[1] for match in
                  (re.match(r" \* @(\w+):\s", line) for line in doc) if match]
    if documented != params:
        found.append(f"documents {documented}, takes {params}")
    tags = [match[1] for match in
            (re.match(r" \* (Return|Threads): \S", line) for line in doc)
            if match]
    expected = ["Threads"] if returns == "void" else ["Return", "Threads"]
    if tags != expected:
        found.append(f"has {tags}, not {expected}")
    return found


def check(text):
    found = []
    for offset, returns, name, params in prototypes(text):
        doc = doc_before(text, offset)
        for wrong in complaints_about(doc, returns, name, params):
            found.append(f"{line_of(text, offset)}: {name}: {wrong}")
    return found


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_documents_its_functions(header):
    assert check(header.read_text()) == []


def test_functions_of_the_tree_are_found():
    names = [name for header in HEADERS
             for _, _, name, _ in prototypes(header.read_text())]
    called = re.findall(r"^[a-z][^()\n]*?\b(meari_\w+)\(",
                        "\n".join(path.read_text() for path in HEADERS),
                        re.MULTILINE)
    assert len(names) > 30
    assert set(called) - set(names) == set()


# The checker itself

GOOD = """\
#ifndef X_H
#define X_H
#define MACRO(x) \\
\tcall(x);
struct meari_x { int (*member)(int a); int b; };
enum { A = 1, B = 2 };
typedef void meari_fn(void *ctx, int a);
MEARI_BEGIN_DECLS

/**
 * meari_x_do() - does it
 * @x:        borrowed
 * @callback: may be NULL
 * @name:     a text
 *
 * More about it.
 *
 * Return: 0, or a negative errno.
 * Threads: any.
 */
__attribute__((format(printf, 3, 4))) const char *
meari_x_do(const struct meari_x *x, int (*callback)(void *ctx, int a),
\t   const char name[4], ...);

/**
 * meari_x_stop() - stops it
 *
 * Threads: one.
 */
void meari_x_stop(void);

MEARI_END_DECLS
#endif
"""


def test_check_of_documented_functions_finds_nothing():
    assert [(name, params) for _, _, name, params in prototypes(GOOD)] == [
        ("meari_x_do", ["x", "callback", "name"]), ("meari_x_stop", [])]
    assert check(GOOD) == []


@pytest.mark.parametrize("before, after, expected", [
    ("/**\n * meari_x_stop", "/*\n * meari_x_stop", "no doc comment"),
    ("meari_x_stop() - stops", "meari_y_stop() - stops", "first line"),
    ("meari_x_stop() - stops it", "stops it", "first line"),
    (" * Threads: one.\n", "", "has []"),
    (" * Return: 0, or a negative errno.\n", "", "has ['Threads']"),
    ("void meari_x_stop", "int meari_x_stop", "has ['Threads']"),
    (" * @callback: may be NULL\n", "", "documents ['x', 'name']"),
    ("@name: ", "@nome: ", "documents ['x', 'callback', 'nome']"),
    ("void meari_x_stop", "int between;\nvoid meari_x_stop",
     "no doc comment"),
])
def test_check_of_spoilt_doc_reports_it(before, after, expected):
    assert GOOD.count(before) == 1
    found = check(GOOD.replace(before, after))
    assert len(found) == 1
    assert expected in found[0]
