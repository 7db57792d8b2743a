"""What runners print of tests is read, and nothing is guessed."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.printed_tests import (
    NAME_LIMIT,
    SHOWN,
    failing_tests_in,
    printed_tests,
)

PYTEST = """\
.F.E                                                                     [100%]
=========================== short test summary info ============================
FAILED tests/test_a.py::test_b[x y] - assert 2 == 3
ERROR tests/test_c.py - ImportError: no module
=================== 1 failed, 2 passed, 1 error in 0.12s ====================
"""
UNITTEST = """\
======================================================================
FAIL: test_b (tests.test_a.Card.test_b)
----------------------------------------------------------------------
======================================================================
ERROR: test_c (tests.test_a.Card.test_c)
----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=1, errors=1, skipped=1)
"""
CARGO = """\
test tests::adds ... ok
test tests::divides ... FAILED

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""
JEST = """\
  \x1b[31m● card \u203a is charged\x1b[0m

Tests:       1 failed, 2 passed, 3 total
"""
VITEST = """\
 FAIL  test/pay.test.ts > card > is charged

      Tests  1 failed | 2 passed (3)
"""
NODE_TAP = """\
ok 1 - adds
not ok 2 - divides # duration 1
# pass 1
# fail 1
"""
NODE_SPEC = """\
✔ adds (0.5ms)
✖ divides (1.25ms)
\u2139 pass 1
\u2139 fail 1
✖ failing tests:

✖ divides (1.25ms)
"""
GO = """\
--- FAIL: TestAdd (0.00s)
    pay_test.go:5: wrong
FAIL
FAIL\texample.com/pay\t0.002s
FAIL\texample.com/bad [build failed]
ok  \texample.com/good\t0.001s
FAIL
"""


@pytest.mark.parametrize(
    ("text", "counts", "failing"),
    [
        (
            PYTEST,
            {"failed": 2, "passed": 2},
            ("tests/test_a.py::test_b[x y]", "tests/test_c.py"),
        ),
        ("2 passed in 0.01s\n", {"passed": 2}, ()),
        (
            UNITTEST,
            {"failed": 2, "skipped": 1},
            ("test_b (tests.test_a.Card.test_b)", "test_c (tests.test_a.Card.test_c)"),
        ),
        ("Ran 3 tests in 0.1s\n\nOK\n", {}, ()),
        (CARGO, {"passed": 1, "failed": 1, "skipped": 0}, ("tests::divides",)),
        (JEST, {"failed": 1, "passed": 2}, ("card \u203a is charged",)),
        (VITEST, {"failed": 1, "passed": 2}, ("test/pay.test.ts > card > is charged",)),
        (NODE_TAP, {"passed": 1, "failed": 1}, ("divides",)),
        (NODE_SPEC, {"passed": 1, "failed": 1}, ("divides",)),
        (
            GO,
            {"failed": 2},
            ("example.com/pay.TestAdd", "example.com/bad [build failed]"),
        ),
        ("ok  \texample.com/good\t0.001s\n", {}, ()),
        ("?   \ta/b\t[no test files]\nok  \ta/c\t0.001s\n", {}, ()),
        ("?   \ta/b\t[no test files]\n", {"passed": 0}, ()),
        ("ok  \ta/b\t0.001s [no tests to run]\n", {"passed": 0}, ()),
        ("Everything is fine.\n", {}, None),
        ("", {}, None),
    ],
)
def test_what_each_runner_prints_is_read(
    text: str, counts: dict[str, int], failing: tuple[str, ...] | None
) -> None:
    found = printed_tests(text, is_whole=True)

    assert (dict(found.counts), found.failing) == (counts, failing)


def test_names_of_which_some_were_cut_off_are_not_known() -> None:
    found = printed_tests(PYTEST.partition("FAILED ")[2], is_whole=False)

    assert (found.counts["failed"], found.failing) == (2, None)


def test_of_go_the_end_alone_says_nothing() -> None:
    assert printed_tests(GO, is_whole=False).failing is None


def test_lines_as_windows_ends_them_are_read() -> None:
    assert printed_tests(PYTEST.replace("\n", "\r\n"), is_whole=True).counts["failed"] == 2


def test_a_name_with_a_dash_is_whole_wherever_it_is_read() -> None:
    line = "FAILED tests/test_a.py::C::test_x[a - b] - AssertionError"

    found = printed_tests(f"{line}\n1 failed in 0.12s\n", is_whole=True)

    assert list(found.failing or ()) == failing_tests_in(line)


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
        ("FAIL: test_x (a.C.test_x) (i=3)", "test_x (a.C.test_x) (i=3)"),
        ("ERROR: a.b (unittest.loader._FailedTest.a.b)", "a.b (unittest.loader._FailedTest.a.b)"),
    ],
)
def test_each_runner_s_failing_tests_are_named(line: str, name: str) -> None:
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
        "\u2716 2 problems (2 errors, 0 warnings)",
        "FAIL 3 > 2",
    ],
)
def test_other_words_name_no_test(line: str) -> None:
    assert failing_tests_in(line) == []


def test_names_of_failing_tests_are_bounded() -> None:
    many = "".join(f"--- FAIL: Test{number}\n" for number in range(SHOWN + 5))
    assert failing_tests_in(many)[-1] == f"Test{SHOWN - 1}"
    assert failing_tests_in("--- FAIL: " + "x" * 10_000) == ["x" * NAME_LIMIT]
