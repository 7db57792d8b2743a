"""Tests are run by unittest where a project has no pytest, and each is seen as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.proving.runners.all_runners import InstalledRunners
from tests.integration.proving.python_project import PythonProject, python_project

FILE = "tests/test_shop.py"
EVERY_OUTCOME = """
import unittest
from shop import add

class TestShop(unittest.TestCase):
    def test_passed(self): self.assertEqual(add(1, 2), 3)
    def test_failed(self): self.assertEqual(add(1, 2), 4)
    def test_raises(self): raise ValueError("no such card")
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    @unittest.skip("not today")
    def test_skipped(self): pass
    def test_parts(self):
        for x in 1, 2:
            with self.subTest(x=x):
                self.assertEqual(add(x, 0), 1)

class TestAll(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): pass

class TestUnset(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise ValueError("no shop")
    def test_a(self): pass

class TestLeft(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("no card")
    def test_a(self): pass

class TestUnclean(unittest.TestCase):
    def tearDown(self): raise ValueError("not paid")
    def test_a(self): pass

class TestLater(unittest.IsolatedAsyncioTestCase):
    async def test_a(self): self.assertEqual(add(1, 2), 3)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonProject:
    return python_project(tmp_path, "unittest", monkeypatch)


def test_each_outcome_is_seen(project: PythonProject) -> None:
    project.write({FILE: EVERY_OUTCOME})
    expected = {
        "TestShop::test_passed": "passed",
        "TestShop::test_failed": "failed",
        "TestShop::test_raises": "failed",
        "TestShop::test_expected": "expected_failure",
        "TestShop::test_unexpected": "expected_failure",
        "TestShop::test_skipped": "skipped",
        "TestShop::test_parts": "failed",
        "TestAll": "passed",
        "TestUnset::test_a": "error",
        "TestLeft::test_a": "skipped",
        "TestUnclean::test_a": "failed",
        "TestLater::test_a": "passed",
        "TestShop::test_none": "missing",
    }

    assert project.outcomes(FILE, *expected) == expected


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("import nothing_of_the_kind", "error"),
        ("import sys; sys.exit(0)", "error"),
        ("import unittest\nraise unittest.SkipTest('no')", "skipped"),
        ("import os; os._exit(0)", "error"),
        ("def load_tests(*_): raise ValueError", "error"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_seen_as_such(
    project: PythonProject, text: str, outcome: str
) -> None:
    project.write({FILE: text})

    result = project.result(f"{FILE}::TestShop::test_passed")

    assert (result.outcome, result.at_load) == (outcome, True)


def test_a_package_of_tests_is_loaded_as_one(project: PythonProject) -> None:
    test = "import unittest\nfrom .support import X\nclass T(unittest.TestCase):\n"
    test += "    def test_x(self): self.assertEqual(X, 1)\n"
    project.write({"tests/__init__.py": "", "tests/support.py": "X = 1\n", FILE: test})

    assert project.result(f"{FILE}::T::test_x").passed


def test_files_of_one_name_in_two_folders_are_kept_apart(project: PythonProject) -> None:
    test = "import unittest\nclass T(unittest.TestCase):\n    def test_{0}(self): pass\n"
    project.write({"one/test_x.py": test.format("one"), "two/test_x.py": test.format("two")})

    results = project.run("one/test_x.py::T::test_one", "two/test_x.py::T::test_two").results

    assert all(each.passed for each in results.values())


def test_its_version_is_that_of_python(project: PythonProject) -> None:
    [runner] = InstalledRunners().named(project.root, "unittest")

    assert runner.version(project.root).startswith("unittest on Python 3.")
