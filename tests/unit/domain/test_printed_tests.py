"""What runners print of tests is read, and nothing is guessed."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.printed_tests import printed_tests

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
