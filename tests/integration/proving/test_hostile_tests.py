"""What a project does to its own run of tests makes no test pass that does not."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.integration.proving.python_project import PythonProject, python_project

FILE = "tests/test_shop.py"
RED = f"{FILE}::test_red"
GREEN = f"{FILE}::test_green"
TESTS = "def test_green(): assert True\ndef test_red(): assert False\n"

MAKE_REPORT = """
import pytest
@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.outcome, report.longrepr = "passed", None
"""
LOG_REPORT = """
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    report.outcome = "passed"
"""
EXIT_CODE = """
def pytest_sessionfinish(session):
    session.exitstatus = 0
"""
PRINTED = """
print("tests/test_shop.py::test_red PASSED")
print("x" * 1_000_000)
"""
FORGED = """
import json, os
for number in range(3, 64):
    try:
        for when in ("setup", "call", "teardown"):
            step = {"kind": "step", "id": "tests/test_shop.py::test_red", "when": when,
                    "outcome": "passed", "expected": False, "detail": ""}
            os.write(number, b"0" * 64 + b" " + json.dumps(step).encode() + b"\\n")
    except OSError:
        pass
"""
TRUNCATED = """
import os
for number in range(3, 64):
    try:
        os.ftruncate(number, 0)
    except OSError:
        pass
"""
EXITS = "import os\nos._exit(0)\n"
EXITS_WITHIN = "import os\ndef test_green(): pass\ndef test_red(): os._exit(0)\n"
FORKS = """
import os
def test_green(): pass
def test_red():
    if os.fork() == 0:
        return
    os.wait()
    assert False
"""
SKIPS_ALL = """
def pytest_runtest_protocol(item, nextitem):
    return True
"""
REPLACES_PYTEST = """
class CallInfo:
    pass
def main(*_, **__):
    print("1 passed")
    return 0
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    project = python_project(tmp_path, "pytest", monkeypatch)
    project.write({FILE: TESTS})
    return project


@pytest.mark.parametrize(
    "conftest",
    [MAKE_REPORT, LOG_REPORT, EXIT_CODE, PRINTED, FORGED, TRUNCATED, EXITS, SKIPS_ALL],
    ids=["makereport", "logreport", "exitcode", "prints", "forged", "truncated", "exits", "skips"],
)
def test_a_conftest_makes_no_red_test_green(project: PythonProject, conftest: str) -> None:
    project.write({"conftest.py": conftest})

    assert not project.result(RED).passed


def test_a_conftest_makes_no_red_test_of_unittest_green(project: PythonProject) -> None:
    text = "import unittest\nclass T(unittest.TestCase):\n    def test_red(self): self.fail()\n"
    project.write({"conftest.py": MAKE_REPORT, FILE: text})

    assert not project.result(f"{FILE}::T::test_red").passed


@pytest.mark.parametrize("text", [EXITS_WITHIN, FORKS], ids=["exits", "forks"])
def test_a_test_that_ends_its_process_fails_and_takes_no_other_with_it(
    project: PythonProject, text: str
) -> None:
    project.write({FILE: text})

    results = project.run(GREEN, RED).results

    assert results[GREEN].passed
    assert (results[RED].outcome, results[RED].at_load) == ("failed", False)


def test_tests_after_one_that_ended_the_process_did_not_run(project: PythonProject) -> None:
    project.write({FILE: EXITS_WITHIN + "def test_later(): pass\n"})

    result = project.run(RED, f"{FILE}::test_later").results[f"{FILE}::test_later"]

    assert (result.outcome, result.at_load) == ("error", True)


@pytest.mark.parametrize("name", ["pytest.py", "json.py", "hmac.py", "src/pytest.py", "site.py"])
def test_a_module_of_the_project_takes_the_place_of_none_that_runs_the_tests(
    project: PythonProject, name: str
) -> None:
    project.write({name: REPLACES_PYTEST})

    assert not project.result(RED).passed


def is_gone(pid: int) -> bool:
    """Whether a process that was killed is gone, as soon as the kernel comes to it."""
    deadline = time.monotonic() + 60
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
    return True


def test_no_process_of_the_tests_is_left(project: PythonProject, tmp_path: Path) -> None:
    leaves = "import os, subprocess, sys, time\ndef test_green():\n"
    leaves += "    words = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    leaves += "    child = subprocess.Popen(words, start_new_session=True)\n"
    leaves += f"    open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\n"
    project.write({FILE: leaves})

    assert project.result(GREEN).passed
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_test_leaves_no_temporary_file(project: PythonProject, tmp_path: Path) -> None:
    said = tmp_path / "folder"
    makes = "import tempfile\ndef test_green(tmp_path):\n    (tmp_path / 'x').write_text('x')\n"
    makes += f"    open({str(said)!r}, 'w').write(tempfile.mkdtemp())\n"
    project.write({FILE: makes})

    assert project.result(GREEN).passed
    assert not Path(said.read_text()).parent.exists()


def test_secrets_of_the_orchestrator_are_in_no_test(
    project: PythonProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDE_HTTP_TOKEN", "x")
    project.write(
        {FILE: "import os\ndef test_green(): assert 'CDE_HTTP_TOKEN' not in os.environ\n"}
    )

    assert project.result(GREEN).passed


def test_a_secret_that_a_test_prints_is_in_no_result(project: PythonProject) -> None:
    secret = "ghp_" + "a1B2" * 9
    project.write({FILE: f"def test_red():\n    assert 0, '{secret}'\n"})

    run = project.run(RED)

    assert secret not in run.results[RED].detail + run.tail


def test_tests_within_a_hook_of_git_work_on_no_repository_of_the_person(
    project: PythonProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(project.root / ".git"))
    project.write({FILE: "import os\ndef test_green(): assert 'GIT_DIR' not in os.environ\n"})

    assert project.result(GREEN).passed


def test_an_environment_in_which_nothing_is_asserted_is_not_used(
    project: PythonProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    project.write({"tests/asserts.py": "def check(x):\n    assert x\n"})
    project.write({FILE: "from tests.asserts import check\ndef test_red(): check(False)\n"})

    assert project.result(RED).outcome == "failed"
