"""Tests are run by the project's own pytest, and each is seen as what it is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from cde_orchestrator.domain.exceptions import FeatureError
from tests.integration.proving.python_project import PythonProject, python_project

FILE = "tests/test_shop.py"
EVERY_OUTCOME = """
import pytest
from shop import add

def test_passed(): assert add(1, 2) == 3
def test_failed(): assert add(1, 2) == 4
@pytest.mark.parametrize("x", [1, 2])
def test_cases(x): assert add(x, 0) == x
@pytest.mark.parametrize("x", [1, 2])
def test_one_case(x): assert add(x, 0) == 1
@pytest.mark.xfail
def test_expected(): assert False
@pytest.mark.xfail
def test_unexpected(): assert True
def test_skipped(): pytest.skip("not today")
class TestAll:
    def test_a(self): pass
    def test_b(self): pass
class TestSome:
    def test_a(self): pass
    def test_b(self): assert False
@pytest.fixture
def broken(): raise ValueError
def test_setup(broken): pass
@pytest.fixture
def unclean():
    yield
    raise ValueError
def test_teardown(unclean): pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    return python_project(tmp_path, "pytest", monkeypatch)


def test_each_outcome_is_seen(project: PythonProject) -> None:
    project.write({FILE: EVERY_OUTCOME})
    expected = {
        "test_passed": "passed",
        "test_failed": "failed",
        "test_cases": "passed",
        "test_cases[2]": "passed",
        "test_one_case": "failed",
        "test_one_case[1]": "passed",
        "test_expected": "expected_failure",
        "test_unexpected": "expected_failure",
        "test_skipped": "skipped",
        "TestAll": "passed",
        "TestSome": "failed",
        "TestSome::test_a": "passed",
        "test_setup": "error",
        "test_teardown": "failed",
        "test_none": "missing",
    }

    assert project.outcomes(FILE, *expected) == expected


def test_a_result_says_why(project: PythonProject) -> None:
    project.write({FILE: EVERY_OUTCOME})

    results = project.run(
        f"{FILE}::test_failed",
        f"{FILE}::test_skipped",
        f"{FILE}::test_one_case",
        f"{FILE}::test_pass",
        "tests/test_none.py::test_x",
    ).results

    assert "assert 3 == 4" in results[f"{FILE}::test_failed"].detail
    assert "not today" in results[f"{FILE}::test_skipped"].detail
    assert "test_one_case[2]: " in results[f"{FILE}::test_one_case"].detail
    assert "test_passed" in results[f"{FILE}::test_pass"].detail
    assert "no file tests/test_none.py" in results["tests/test_none.py::test_x"].detail


def test_a_file_that_cannot_be_loaded_is_seen_as_such_and_hides_no_other(
    project: PythonProject,
) -> None:
    project.write({FILE: EVERY_OUTCOME, "tests/test_broken.py": "import nothing_of_the_kind\n"})

    run = project.run(f"{FILE}::test_passed", f"{FILE}::test_setup", "tests/test_broken.py::test_x")

    broken = run.results["tests/test_broken.py::test_x"]
    assert (broken.outcome, broken.at_load) == ("error", True)
    assert "nothing_of_the_kind" in broken.detail
    assert run.results[f"{FILE}::test_passed"].passed
    assert not run.results[f"{FILE}::test_setup"].at_load


def test_options_of_the_project_hide_nothing_without_a_word(
    project: PythonProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    project.write(
        {
            FILE: EVERY_OUTCOME,
            "pytest.ini": "[pytest]\naddopts = -x -k 'not test_cases' --lf -n 2 --setup-plan\n",
        }
    )

    run = project.run(f"{FILE}::test_failed", f"{FILE}::test_passed", f"{FILE}::test_cases")

    assert run.results[f"{FILE}::test_failed"].outcome == "failed"
    assert run.results[f"{FILE}::test_passed"].outcome == "passed"
    assert run.results[f"{FILE}::test_cases"].outcome == "missing"
    assert "-k" in run.results[f"{FILE}::test_cases"].detail


def test_settings_that_pytest_refuses_are_no_failure_of_the_tests(project: PythonProject) -> None:
    project.write({FILE: EVERY_OUTCOME, "pytest.ini": "[pytest]\naddopts = --no-such-option\n"})

    with pytest.raises(FeatureError) as caught:
        project.run(f"{FILE}::test_passed")

    assert caught.value.code == "E137"
    assert "--no-such-option" in caught.value.message


def test_a_run_that_takes_too_long_is_ended(project: PythonProject) -> None:
    project.write({FILE: "import time\ndef test_long(): time.sleep(600)\n"})

    with pytest.raises(FeatureError) as caught:
        project.run(f"{FILE}::test_long", seconds=3.0)

    assert caught.value.code == "E119"
    assert caught.value.context["seconds"] == 3.0


def test_settings_above_the_copy_are_not_used_where_others_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    project = python_project(shared / "own", "pytest", monkeypatch)
    project.write({FILE: EVERY_OUTCOME})
    (shared / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (shared / "conftest.py").write_text("raise ValueError\n")
    shared.chmod(0o777)

    assert project.result(f"{FILE}::test_passed").passed


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ("pytest.ini", {"pytest.ini": "[pytest]\nmarkers = slow\naddopts = --strict-markers\n"}),
        ("none", {"pyproject.toml": "[project]\nname = 'shop'\n"}),
        ("importlib", {"setup.cfg": "[tool:pytest]\naddopts = --import-mode=importlib\n"}),
        ("rootdir", {"tox.ini": "[pytest]\naddopts = --rootdir=tests\n"}),
        ("testpaths", {"pytest.ini": "[pytest]\ntestpaths = nowhere\n"}),
    ],
)
def test_settings_of_the_project_are_its_own(
    project: PythonProject, settings: str, files: dict[str, str]
) -> None:
    text = "import pytest\n@pytest.mark.slow\ndef test_x(value): assert value == 1\n"
    text = text if settings == "pytest.ini" else text.replace("@pytest.mark.slow\n", "")
    conftest = "import pytest\n@pytest.fixture\ndef value(): return 1\n"
    project.write({**files, FILE: text, "conftest.py": conftest})
    project.write({"tests/deep/test_x.py": text})

    assert project.outcomes(FILE, "test_x") == {"test_x": "passed"}
    assert project.outcomes("tests/deep/test_x.py", "test_x") == {"test_x": "passed"}


def test_a_project_within_a_repository_has_settings_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = python_project(tmp_path, "pytest", monkeypatch)
    outer.write({"pytest.ini": "[pytest]\n", "inner/test_x.py": "def test_x(value): pass\n"})
    outer.write({"conftest.py": "import pytest\n@pytest.fixture\ndef value(): return 1\n"})
    inner = PythonProject(outer.root / "inner", outer.copy / "inner", "pytest")

    assert inner.outcomes("test_x.py", "test_x") == {"test_x": "passed"}


def test_a_conftest_that_cannot_be_loaded_says_nothing_of_a_test(project: PythonProject) -> None:
    project.write({FILE: EVERY_OUTCOME, "tests/conftest.py": "import nothing_of_the_kind\n"})

    result = project.result(f"{FILE}::test_passed")

    assert (result.outcome, result.at_load) == ("error", True)
    assert "nothing_of_the_kind" in result.detail


def test_a_module_can_leave_itself_out(project: PythonProject) -> None:
    project.write({FILE: "import pytest\npytest.importorskip('nothing_of_the_kind')\n"})

    assert project.result(f"{FILE}::test_passed").outcome == "skipped"


def test_the_version_names_runner_and_python(project: PythonProject) -> None:
    [runner] = InstalledRunners().named(project.root, "pytest")

    assert re.fullmatch(
        r"pytest \d+\.\d+\.\d+\S* on Python 3\.\d+\.\S+", runner.version(project.root)
    )


def test_an_interpreter_without_pytest_cannot_run_it(project: PythonProject) -> None:
    environment = project.root / ".venv" / "bin"
    environment.mkdir(parents=True)
    alone = environment / "python"
    alone.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    alone.chmod(0o755)
    project.write({FILE: EVERY_OUTCOME})

    with pytest.raises(FeatureError) as asked:
        InstalledRunners().named(project.root, "pytest")[0].version(project.root)
    with pytest.raises(FeatureError) as run:
        project.run(f"{FILE}::test_passed")

    assert asked.value.code == run.value.code == "E137"
    assert run.value.context["command"] == ".venv/bin/python -m pytest"
    assert "pytest" not in InstalledRunners().detect(project.root)
