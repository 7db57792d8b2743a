"""What is said of a proof reads as something to do."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain import proof_rules as rules
from cde_orchestrator.domain.proofs import CriterionSeen, Outcome, Proof, ProofSeen, TestResult

TEST = Proof(test="tests/test_pay.py::test_fee")


@pytest.mark.parametrize(
    ("outcome", "at_load", "red", "unclear"),
    [
        ("passed", False, False, False),
        ("skipped", False, False, False),
        ("failed", False, True, False),
        ("error", False, True, False),
        ("error", True, False, True),
        ("failed", True, False, True),
        ("missing", False, False, True),
    ],
)
def test_red_is_what_ran(outcome: Outcome, at_load: bool, red: bool, unclear: bool) -> None:
    result = TestResult(outcome=outcome, at_load=at_load)

    assert (rules.is_red(result), rules.is_unclear(result)) == (red, unclear)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("skipped", "is skipped (why): remove"),
        ("expected_failure", "is expected to fail"),
        ("failed", "does not pass now (why): fix the code or the test"),
        ("missing", "the runner found no test in tests/test_pay.py"),
    ],
)
def test_what_does_not_pass_is_said_with_its_reason(outcome: Outcome, said: str) -> None:
    assert said in rules.why_not_now(TEST, TestResult(outcome=outcome, detail="why"), [])


def test_a_command_is_called_one() -> None:
    reason = rules.why_not_now(Proof(command=("shop",)), TestResult(outcome="failed"), [])

    assert reason == "does not pass now: fix the code or the command until it passes"


def test_a_long_reason_is_cut_at_its_beginning() -> None:
    result = TestResult(outcome="failed", detail="begin " * 100 + "end")

    reason = rules.why_not_now(TEST, result, [])

    assert "end)" in reason
    assert len(reason) < 500


def test_names_of_the_file_that_are_near_are_shown() -> None:
    there = [f"tests/test_pay.py::test_{number}" for number in range(20)]
    near = "tests/test_pay.py::test_fees"

    reason = rules.why_not_now(TEST, TestResult(outcome="missing"), [*there, near, "x.py::y"])

    assert f"found these in the file: {near}, " in reason
    assert "and 17 more" in reason
    assert "x.py" not in reason


@pytest.mark.parametrize("outcome", ["failed", "error", "missing"])
def test_what_fails_on_the_base_shows_the_change(outcome: Outcome) -> None:
    assert rules.why_not_base(TestResult(outcome=outcome)) == ""


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("passed", "passes"), ("skipped", "is skipped"), ("expected_failure", "expected to fail")],
)
def test_what_does_not_fail_on_the_base_shows_nothing(outcome: Outcome, said: str) -> None:
    assert said in rules.why_not_base(TestResult(outcome=outcome))


def test_places_are_named_as_far_as_they_can_be_read() -> None:
    assert rules.named(["a"]) == "a"
    assert rules.named(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert "when a, b do nothing: it asserts nothing of them" in rules.why_blind(["a", "b"])
    assert "when a, b do nothing" in rules.why_unloaded(["a", "b"])


def test_criteria_without_a_test_of_their_own_are_named() -> None:
    def criterion(name: str, *tests: str) -> CriterionSeen:
        return CriterionSeen(
            id=name, text="", proofs=tuple(ProofSeen(id=test, now="passed") for test in tests)
        )

    criteria = [
        criterion("AC1", "a"),
        criterion("AC2", "a"),
        criterion("AC3", "a", "b"),
        criterion("AC4", "b", "a"),
        criterion("AC5"),
    ]

    assert rules.shared_tests(criteria) == [
        "AC2 shares its only test with AC1",
        "AC4 shares all of its tests with AC3, AC1",
    ]


def test_a_test_that_did_not_run_on_the_base_is_said_without_paths_of_this_machine() -> None:
    said = (
        "/tmp/copy/it.go:3:\nE  ImportError: cannot import name 'Fee' from 'shop' (/tmp/copy/shop)"
    )
    loading = TestResult(outcome="error", detail=said, at_load=True)
    whys = {
        "tests/a.py::test_a": rules.why_unrun(TestResult(outcome="missing")),
        "tests/a.py::test_b": rules.why_unrun(loading),
        "tests/a.py::test_c": rules.why_unrun(TestResult(outcome="error", detail="/tmp: no")),
        "tests/a.py::test_d": rules.why_unrun(loading),
    }

    notes = [note.partition("; that it fails")[0] for note in rules.unrun(whys)]

    both = "tests/a.py::test_b, tests/a.py::test_d"
    assert notes == [
        "on the base tests/a.py::test_a could not be run: there is no such test",
        f"on the base {both} could not be run: loading fails, cannot import name 'Fee'",
        "on the base tests/a.py::test_c could not be run: loading fails",
    ]
