"""Only ids of tests in Python are taken for such, and only files of tests."""

from __future__ import annotations

import pytest

from cde_orchestrator.adapters.proving.runners.python_ids import id_problem, is_python_test


@pytest.mark.parametrize(
    "test",
    [
        "tests/test_pay.py::test_charged",
        "tests/test_pay.py::TestCard::test_charged",
        "tests/test_pay.py::test_charged[visa-1::2]",
        "test_pay.py::test_größe",
        "tests/pay.py::it pays",
    ],
)
def test_an_id_of_a_test_has_no_problem(test: str) -> None:
    assert id_problem(test) is None


@pytest.mark.parametrize(
    "test",
    [
        "",
        "tests/test_pay.py",
        "tests/test_pay.py::",
        "tests/test_pay.py::[visa]",
        "tests/test_pay.py::::test_x",
        "test_charged",
        "/tmp/test_pay.py::test_x",
        "../test_pay.py::test_x",
        "tests/../../test_pay.py::test_x",
        "./tests/test_pay.py::test_x",
        "tests//test_pay.py::test_x",
        "tests\\test_pay.py::test_x",
        "-p/test_pay.py::test_x",
        "tests/pay.test.js::pays",
        "tests/test_pay.py::test_\0",
        "::test_x",
    ],
)
def test_anything_else_has_one(test: str) -> None:
    assert id_problem(test)


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/test_pay.py", True),
        ("src/shop/test_pay.py", True),
        ("src/shop/pay_test.py", True),
        ("conftest.py", True),
        ("src/shop/conftest.py", True),
        ("tests/data/card.json", True),
        ("src/tests/support.py", True),
        ("test/support.py", True),
        ("src/shop/pay.py", False),
        ("src/shop/testing.py", False),
        ("src/shop/contest.py", False),
        ("tests.py", False),
        ("test_data.json", False),
        ("latest/pay.py", False),
    ],
)
def test_files_of_tests_are_known(path: str, is_test: bool) -> None:
    assert is_python_test(path) is is_test
