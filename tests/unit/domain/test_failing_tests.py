"""Failing tests are named where their runner names them, and nothing else is."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.failing_tests import NAME_LIMIT, SHOWN, failing_tests_in


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("FAILED tests/test_a.py::test_x - assert 1 == 2", "tests/test_a.py::test_x"),
        (
            "FAILED tests/test_a.py::C::test_x[a - b] - AssertionError",
            "tests/test_a.py::C::test_x[a - b]",
        ),
        ("ERROR tests/test_b.py - ImportError: no", "tests/test_b.py"),
        ("FAIL: test_pays (shop.tests.Pay.test_pays)", "test_pays (shop.tests.Pay.test_pays)"),
        ("    --- FAIL: TestPay/expired (0.00s)", "TestPay/expired"),
        ("test pay::is_charged ... FAILED", "pay::is_charged"),
        ("not ok 3 - card is charged # time=1", "card is charged"),
        ("  \u25cf card \u203a is charged", "card \u203a is charged"),
        (" FAIL  test/pay.test.ts > card > is charged", "test/pay.test.ts > card > is charged"),
        ("\u2716 is charged (1.5ms)", "is charged"),
    ],
)
def test_each_runner_is_understood(line: str, name: str) -> None:
    assert failing_tests_in(f"collected 3\n{line}  \n1 failed\n{line}\n") == [name]


@pytest.mark.parametrize(
    "line",
    [
        "FAILED (failures=1)",
        "test pay::is_charged ... ok",
        "ok 3 - card is charged",
        "The test FAILED tests/test_a.py::test_x",
        "FAILED tests/test_a.py::test\x1b[31m",
        "FAILED ",
    ],
)
def test_other_words_name_no_test(line: str) -> None:
    assert failing_tests_in(line) == []


def test_names_are_bounded() -> None:
    many = "".join(f"--- FAIL: Test{number}\n" for number in range(SHOWN + 5))
    assert failing_tests_in(many)[-1] == f"Test{SHOWN - 1}"
    assert failing_tests_in("--- FAIL: " + "x" * 10_000) == ["x" * NAME_LIMIT]
