# SPDX-License-Identifier: MIT
"""scripts/count-results: what counts as one test, and what as a failure."""
import os
import subprocess

import pytest

from csource import ROOT

SUITE = """<testsuite><testcase classname="c" name="good"/>
<testcase classname="c" name="{name}">{outcome}</testcase></testsuite>"""


def count(folder, steps, no_skip=""):
    """(status, lines) for the lines of steps.tsv."""
    (folder / "steps.tsv").write_text(
        "".join("\t".join(step) + "\n" for step in steps))
    done = subprocess.run(
        [ROOT / "scripts/count-results", folder], stdout=subprocess.PIPE,
        env={**os.environ, "MEARI_NO_SKIP": no_skip}, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_step_without_files_is_one_test(tmp_path):
    assert count(tmp_path, [("lint", "passed", "")]) == (
        0, ["1 passed, 0 failed, 0 skipped"])


def test_each_case_of_each_file_is_a_test(tmp_path):
    for name in ("fuzz.xml", "fuzz-echo.xml", "other.xml"):
        (tmp_path / name).write_text(SUITE.format(name="too", outcome=""))
    assert count(tmp_path, [("fuzz", "passed", "")]) == (
        0, ["4 passed, 0 failed, 0 skipped"])


def test_failed_case_fails_and_is_named(tmp_path):
    (tmp_path / "unit.xml").write_text(
        SUITE.format(name="bad", outcome="<failure/>"))
    assert count(tmp_path, [("unit", "failed", "")]) == (
        1, ["failed unit: c: bad", "1 passed, 1 failed, 0 skipped"])


def test_failed_step_whose_cases_passed_fails(tmp_path):
    (tmp_path / "unit.xml").write_text(SUITE.format(name="too", outcome=""))
    assert count(tmp_path, [("unit", "failed", "")]) == (
        1, ["failed unit: as a whole", "2 passed, 1 failed, 0 skipped"])


@pytest.mark.parametrize("no_skip, status, more", [
    ("", 0, []),
    ("1", 1, ["skipped, and must not be: e2e: c: odd",
              "skipped, and must not be: tsan: as a whole"]),
])
def test_skip_is_a_failure_where_none_is_allowed(tmp_path, no_skip, status,
                                                 more):
    (tmp_path / "e2e.xml").write_text(
        SUITE.format(name="odd", outcome='<skipped message="no IPv6"/>'))
    steps = [("e2e", "passed", ""), ("tsan", "skipped", "does not run")]
    assert count(tmp_path, steps, no_skip) == (status, [
        "skipped 1: does not run", "skipped 1: no IPv6", *more,
        "1 passed, 0 failed, 2 skipped"])
