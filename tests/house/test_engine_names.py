# SPDX-License-Identifier: MIT
"""What engines there are is known to the engine folder alone."""
import re
from pathlib import Path

from csource import ROOT, files, string_literals, write_tree

# Those that are planned too: their names must not come in before them.
NAMES = {"iterative", "fork", "thread", "epoll", "uring", "sockmap"}


def built_engines(meson_build):
    """The names in the list that the build makes the engines from."""
    match = re.search(r"^engines\s*=\s*\[(.*?)\]", meson_build,
                      re.MULTILINE | re.DOTALL)
    return set(re.findall(r"'(\w+)'", match[1])) if match else set()


def check(root, names):
    found = []
    for file in files(Path(root) / "src"):
        path = file.relative_to(root)
        if path.parts[1] == "engine":
            continue
        for line, text in string_literals(file.read_text()):
            if text in names:
                found.append(f'{path}:{line}: "{text}"')
    return found


def test_engine_names_of_the_tree_stay_in_engine():
    built = built_engines((ROOT / "src" / "meson.build").read_text())
    assert built
    assert check(ROOT, NAMES | built) == []


# The checker itself

def test_check_of_name_in_another_layer_reports_it(tmp_path):
    write_tree(tmp_path, {
        "src/engine/fork.c": 'const char *name = "fork";\n',
        "src/cli/a.c": '/* "fork" */\n\nif (is(name, "fork"))\n\tgo();\n',
        "src/cli/b.c": 'puts("cannot fork");\nputs("\\"fork");\n',
    })
    assert check(tmp_path, NAMES) == ['src/cli/a.c:3: "fork"']


def test_built_engines_are_read_from_the_build():
    assert built_engines("x = 1\nengines = ['thread',\n  'new']\n") == {
        "thread", "new"}
    assert built_engines("no_engines = ['x']\n") == set()
