# SPDX-License-Identifier: MIT
"""C files as the house tests look at them: not compiled, only tokenised."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])*')""",
    re.DOTALL | re.VERBOSE)


def _blank(text):
    """Spaces instead of TEXT, so that offsets and line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    def replace(match):
        return _blank(match[0]) if match["comment"] else match[0]

    return _TOKEN.sub(replace, text)


def code_only(text):
    """TEXT without comments and without what literals contain."""
    return _TOKEN.sub(lambda match: _blank(match[0]), text)


def string_literals(text):
    """(line number, contents) of each string literal."""
    found = []
    for match in _TOKEN.finditer(text):
        if match["string"]:
            line = text.count("\n", 0, match.start()) + 1
            found.append((line, match["string"][1:-1]))
    return found


def files(folder):
    """The .c and .h files below FOLDER, sorted; none if there is no such."""
    return sorted(path for path in Path(folder).rglob("*.[ch]"))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def write_tree(root, tree):
    """Files for a test of a test: {"src/io/x.c": "text", ...}."""
    for path, text in tree.items():
        file = Path(root) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
