# SPDX-License-Identifier: MIT
"""An include points down the layers, or stays in its own."""
import re
from pathlib import Path

from csource import ROOT, files, line_of, without_comments, write_tree

LAYERS = ["base", "io", "addr", "sock", "net", "textbook", "service", "stat",
          "observe", "engine", "server", "client", "web", "cli"]

# To which layer a header of include/meari/ belongs. meari.h is all of them.
PUBLIC = {
    "clock.h": "base",
    "decls.h": "base",
    "fail.h": "base",
    "span.h": "base",
    "version.h": "base",
    "io.h": "io",
    "reader.h": "io",
    "addr.h": "addr",
    "endpoint.h": "addr",
    "sockopt.h": "sock",
    "datagram.h": "net",
    "dial.h": "net",
    "listen.h": "net",
    "meari.h": "net",
}

# Written by the build, and therefore in no folder of the source tree.
GENERATED = {"engine_list.h": "engine"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]*)"|<([^>]*)>)',
                     re.MULTILINE)


def layer_of(path):
    """The layer of a file given as src/LAYER/... or include/meari/..."""
    parts = path.split("/")
    if parts[0] == "include":
        return PUBLIC.get(parts[-1])
    return parts[1] if len(parts) > 2 and parts[1] in LAYERS else None


def target_of(quoted, system):
    """The project's file that an include names; None for a system's."""
    if quoted:
        return "src/" + quoted
    if system.startswith("meari/"):
        return "include/" + system
    return None


def includes(root, path):
    """(line, file) of each include of one of the project's files."""
    text = without_comments((root / path).read_text())
    for match in INCLUDE.finditer(text):
        target = target_of(match[1], match[2])
        if target:
            yield line_of(text, match.start()), target


def complaint(root, path, target):
    """What is wrong with PATH including TARGET; None if nothing is."""
    name = target.removeprefix("src/")
    to_layer = GENERATED.get(name) or layer_of(target)
    if not to_layer:
        return f"{name} is of no known layer"
    if name not in GENERATED and not (root / target).is_file():
        return f"{name} does not exist"
    if LAYERS.index(to_layer) > LAYERS.index(layer_of(path)):
        return f"{name} is up, in {to_layer}"
    return None


def find_cycle(graph):
    """The files of a cycle of includes, or an empty list."""
    finished = set()

    def visit(path, trail):
        if path in trail:
            return trail[trail.index(path):]
        if path in finished:
            return []
        for target in graph.get(path, []):
            cycle = visit(target, trail + [path])
            if cycle:
                return cycle
        finished.add(path)
        return []

    for path in graph:
        cycle = visit(path, [])
        if cycle:
            return cycle
    return []


def check(root):
    """Everything wrong with the tree at ROOT, one text each."""
    root = Path(root)
    found, graph = [], {}
    for folder in ("include", "src"):
        for file in files(root / folder):
            path = str(file.relative_to(root))
            if not layer_of(path):
                found.append(f"{path}: is of no known layer")
                continue
            graph[path] = []
            for line, target in includes(root, path):
                graph[path].append(target)
                wrong = complaint(root, path, target)
                if wrong:
                    found.append(f"{path}:{line}: {wrong}")
    cycle = find_cycle(graph)
    if cycle:
        found.append("cycle: " + " ".join(cycle))
    return found


def test_includes_of_the_tree_point_down():
    assert check(ROOT) == []


def test_folders_of_the_tree_are_layers():
    folders = {path.name for path in (ROOT / "src").iterdir()
               if path.is_dir()}
    assert folders - set(LAYERS) == set()


def test_headers_of_the_tree_are_all_found():
    assert {path.name for path in files(ROOT / "include")} == set(PUBLIC)


# The checker itself

def test_check_of_downward_includes_finds_nothing(tmp_path):
    write_tree(tmp_path, {
        "include/meari/io.h": "#include <meari/clock.h>\n",
        "include/meari/clock.h": "#include <stdint.h>\n",
        "src/io/a.h": '#include "base/b.h"\n',
        "src/base/b.h": "#include <meari/clock.h>\n",
        "src/net/c.c": '#include "net/d.h"\n#include "io/a.h"\n',
        "src/net/d.h": "#include <meari/io.h>\n",
        "src/engine/e.c": '#include "engine_list.h"\n',
    })
    assert check(tmp_path) == []


def test_check_of_upward_include_reports_it(tmp_path):
    write_tree(tmp_path, {
        "src/io/a.c": '\n  #  include  "net/b.h"\n',
        "src/net/b.h": "",
    })
    assert check(tmp_path) == ["src/io/a.c:2: net/b.h is up, in net"]


def test_check_of_upward_public_include_reports_it(tmp_path):
    write_tree(tmp_path, {
        "include/meari/clock.h": "#include <meari/io.h>\n",
        "include/meari/io.h": "",
        "src/base/a.c": "#include <meari/io.h>\n",
    })
    assert check(tmp_path) == [
        "include/meari/clock.h:1: include/meari/io.h is up, in io",
        "src/base/a.c:1: include/meari/io.h is up, in io",
    ]


def test_check_of_upward_generated_include_reports_it(tmp_path):
    write_tree(tmp_path, {"src/base/a.c": '#include "engine_list.h"\n'})
    assert check(tmp_path) == [
        "src/base/a.c:1: engine_list.h is up, in engine"]


def test_check_of_commented_include_finds_nothing(tmp_path):
    write_tree(tmp_path, {
        "src/io/a.c": '/*\n#include "net/b.h"\n*/\n// #include "net/b.h"\n',
        "src/net/b.h": "",
    })
    assert check(tmp_path) == []


def test_check_of_include_without_layer_reports_it(tmp_path):
    write_tree(tmp_path, {
        "src/io/a.c": '#include "b.h"\n#include "../io/b.h"\n',
        "src/io/b.h": "",
    })
    assert check(tmp_path) == [
        "src/io/a.c:1: b.h is of no known layer",
        "src/io/a.c:2: ../io/b.h is of no known layer",
    ]


def test_check_of_missing_file_reports_it(tmp_path):
    write_tree(tmp_path, {"src/io/a.c": '#include "io/b.h"\n'})
    assert check(tmp_path) == ["src/io/a.c:1: io/b.h does not exist"]


def test_check_of_unknown_folder_and_header_reports_them(tmp_path):
    write_tree(tmp_path, {
        "include/meari/new.h": "",
        "src/misc/a.c": "",
        "src/b.c": "",
    })
    assert check(tmp_path) == [
        "include/meari/new.h: is of no known layer",
        "src/b.c: is of no known layer",
        "src/misc/a.c: is of no known layer",
    ]


def test_check_of_cycle_reports_it(tmp_path):
    write_tree(tmp_path, {
        "src/io/a.h": '#include "io/b.h"\n',
        "src/io/b.h": '#include "io/c.h"\n',
        "src/io/c.h": '#include "io/b.h"\n',
    })
    assert check(tmp_path) == ["cycle: src/io/b.h src/io/c.h"]
