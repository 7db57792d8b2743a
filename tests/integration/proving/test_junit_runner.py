"""Any runner can prove that writes a JUnit file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.application.ports.proving import TestRun, TestRunner
from cde_orchestrator.domain.exceptions import FeatureError
from tests.integration.proving.python_project import SECONDS, PythonProject, python_project

FILE = "tests/test_shop.py"
PYTEST = ["python", "-m", "pytest", "-p", "no:xdist", "-q", "--junitxml=out/tests.xml"]
TESTS = """
import pytest
from shop import add

def test_passed(): assert add(1, 2) == 3
def test_failed(): assert add(1, 2) == 4
@pytest.mark.parametrize("x", [1, 2])
def test_one_case(x): assert add(x, 0) == 1
def test_skipped(): pytest.skip("not today")
class TestAll:
    def test_a(self): pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    return python_project(tmp_path, "junit", monkeypatch)


def runner_of(project: PythonProject, command: list[str]) -> TestRunner:
    table = {"command": command, "junit": "out/tests.xml", "tests": ["tests/**/test_*.py"]}
    [runner] = InstalledRunners().named(project.root, table)
    return runner


def run(project: PythonProject, command: list[str], *tests: str) -> TestRun:
    ids = [f"{FILE}::{test}" for test in tests]
    return runner_of(project, command).run(project.root, project.copy, ids, SECONDS, None)


def test_each_outcome_is_found_in_the_file(project: PythonProject) -> None:
    project.write({FILE: TESTS})
    expected = {
        "test_passed": "passed",
        "test_failed": "failed",
        "test_one_case": "failed",
        "test_skipped": "skipped",
        "TestAll::test_a": "passed",
        "TestNone::test_a": "missing",
        "test_none": "missing",
    }

    results = run(project, PYTEST, *expected).results

    assert {test: results[f"{FILE}::{test}"].outcome for test in expected} == expected
    assert "assert 3 == 4" in results[f"{FILE}::test_failed"].detail


def test_a_file_that_cannot_be_loaded_is_seen_as_such(project: PythonProject) -> None:
    project.write({FILE: "import nothing_of_the_kind\n"})

    result = run(project, PYTEST, "test_passed").results[f"{FILE}::test_passed"]

    assert (result.outcome, result.at_load) == ("error", True)
    assert "nothing_of_the_kind" in result.detail


@pytest.mark.parametrize("script", ["exit 0", "echo '<a' >out/tests.xml", "rm -r out"])
def test_a_file_of_an_earlier_run_is_not_taken_for_this_one(
    project: PythonProject, script: str
) -> None:
    project.write({FILE: TESTS, "out/tests.xml": "<testcase classname='tests.test_shop'/>"})

    result = run(project, ["sh", "-c", script], "test_passed").results[f"{FILE}::test_passed"]

    assert (result.outcome, result.at_load) == ("error", True)
    assert "out/tests.xml cannot be read" in result.detail


def test_a_runner_that_is_not_installed_is_no_failure(project: PythonProject) -> None:
    with pytest.raises(FeatureError) as caught:
        run(project, ["no-such-runner"], "test_x")

    assert caught.value.code == "E137"


def test_only_files_that_are_meant_hold_tests(project: PythonProject) -> None:
    runner = runner_of(project, PYTEST)

    assert runner.problem(f"{FILE}::test_passed") is None
    assert runner.problem("shop.py::test_passed")
    assert runner.problem(FILE)
    assert runner.is_test("tests/deep/test_x.py")
    assert not runner.is_test("shop.py")
