"""What is kept of the work on one phase, and what of it still counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.records import (
    PROGRESS_KEPT,
    Artifact,
    Discarded,
    Evidence,
    Failure,
    Progress,
    Returned,
)
from tests.fakes import NOON

LATER = NOON + timedelta(minutes=1)
SPEC = Artifact(id="spec", path="specs/login/spec.md", sha256="0" * 64, size=12)


def evidence(exit_code: int) -> Evidence:
    """What a check left at noon."""
    return Evidence(
        at=NOON,
        command=("make", "test"),
        directory=".",
        exit_code=exit_code,
        duration_ms=5.0,
        tail="one failed",
        sha256="0" * 64,
        size=10,
    )


def test_a_record_of_a_phase_that_was_not_begun_holds_nothing() -> None:
    assert PhaseRecord("define") == PhaseRecord(
        id="define",
        status=PhaseStatus.PENDING,
        attempts=0,
        started_at=None,
        completed_at=None,
        outputs=[],
        attempts_before=0,
        failures=[],
        evidence=None,
        progress={},
        entered={},
        start_commit=None,
        end_commit=None,
        past=[],
        extra={},
    )


@pytest.mark.parametrize(
    ("status", "attempts", "before", "left"),
    [
        (PhaseStatus.PENDING, 0, 0, 3),
        (PhaseStatus.IN_PROGRESS, 1, 0, 3),
        (PhaseStatus.FAILED, 1, 0, 2),
        (PhaseStatus.IN_PROGRESS, 3, 0, 1),
        (PhaseStatus.FAILED, 3, 0, 0),
        (PhaseStatus.FAILED, 9, 0, 0),
        (PhaseStatus.IN_PROGRESS, 6, 5, 3),
    ],
)
def test_the_present_attempt_is_one_of_those_that_are_left(
    status: PhaseStatus, attempts: int, before: int, left: int
) -> None:
    record = PhaseRecord("define", status, attempts, attempts_before=before)
    assert record.attempts_left(3) == left


def test_a_phase_that_begins_again_from_the_start_has_all_its_attempts() -> None:
    record = PhaseRecord("define", PhaseStatus.FAILED, attempts=3)
    record.begin_anew(LATER)

    assert record == PhaseRecord(
        "define", PhaseStatus.IN_PROGRESS, attempts=4, started_at=LATER, attempts_before=3
    )
    assert (record.attempts_left(3), record.last_attempt(3)) == (3, 6)


def test_progress_is_numbered_and_the_oldest_beyond_fifty_is_dropped() -> None:
    record = PhaseRecord("define")
    entries = [Progress(NOON, "ann", f"Step {number}") for number in range(PROGRESS_KEPT + 2)]
    for entry in entries[:PROGRESS_KEPT]:
        record.save(entry)
    assert [*record.progress] == [f"{number:06d}" for number in range(1, PROGRESS_KEPT + 1)]
    for entry in entries[PROGRESS_KEPT:]:
        record.save(entry)

    assert [*record.progress] == [f"{number:06d}" for number in range(3, PROGRESS_KEPT + 3)]
    assert record.saved() == entries[2:]


def test_saved_progress_comes_in_the_order_of_its_numbers() -> None:
    first, second = (Progress(NOON, "ann", words) for words in ("One", "Two"))
    record = PhaseRecord("define", progress={"000002": second, "000001": first})

    assert record.saved() == [first, second]


def test_an_attempt_is_given_up_once_by_the_call_that_a_key_names() -> None:
    record = PhaseRecord(
        "define", failures=[Failure(NOON, 1, "No", "ann"), Failure(NOON, 2, "No", "ann", "k")]
    )

    assert record.has_failed(Failure(LATER, 0, "No", "ann", "k"))
    assert not record.has_failed(Failure(NOON, 0, "No", "ann", "other"))
    assert not record.has_failed(Failure(NOON, 0, "No", "ann"))  # the last one had a key


@pytest.mark.parametrize(
    ("reason", "by", "seconds", "same"),
    [
        ("No", "ann", 0, True),
        ("No", "ann", 1, True),
        ("No", "ann", -1, True),
        ("No", "ann", 1.1, False),
        ("Not", "ann", 0, False),
        ("No", "ben", 0, False),
    ],
)
def test_without_a_key_an_equal_call_at_once_is_the_same(
    reason: str, by: str, seconds: float, same: bool
) -> None:
    record = PhaseRecord("define", failures=[Failure(NOON, 1, "No", "ann")])
    call = Failure(NOON + timedelta(seconds=seconds), 0, reason, by)

    assert record.has_failed(call) is same
    assert not PhaseRecord("define").has_failed(call)


def test_equal_progress_at_once_is_the_same() -> None:
    saved = Progress(NOON, "ann", "Half way", {"a": 1})
    assert replace(saved, at=NOON + timedelta(seconds=1)).repeats(saved)
    assert not replace(saved, at=LATER).repeats(saved)
    assert not replace(saved, data={"a": 2}).repeats(saved)


def test_the_last_failure_is_the_later_one_of_attempt_and_check() -> None:
    record = PhaseRecord("define")
    assert record.last_failure() is None

    record.evidence = evidence(0)
    assert record.last_failure() is None
    record.evidence = evidence(2)
    check = "The check make test ended with exit code 2:\none failed"
    assert record.last_failure() == check

    before = NOON - timedelta(minutes=1)
    record.failures = [Failure(before, 1, "Too hard", "ann")]
    assert record.last_failure() == check
    record.failures += [
        Failure(LATER, 2, "Too late", "ann"),
        Failure(LATER, 3, "No network", "ann"),
    ]
    assert record.last_failure() == "No network"
    record.evidence = None
    assert record.last_failure() == "No network"


def test_what_was_rolled_back_leaves_a_summary() -> None:
    record = PhaseRecord(
        "define",
        PhaseStatus.COMPLETED,
        attempts=2,
        started_at=NOON,
        completed_at=LATER,
        outputs=[SPEC],
        failures=[Failure(NOON, 1, "No", "ann")],
        evidence=evidence(0),
        progress={"000001": Progress(NOON, "ann", "Half")},
    )
    record.roll_back("No")

    assert record == PhaseRecord(
        "define",
        PhaseStatus.ROLLED_BACK,
        attempts=2,
        started_at=NOON,
        completed_at=LATER,
        outputs=[SPEC],
        attempts_before=2,
        past=[
            {
                "status": "completed",
                "attempts": 2,
                "started_at": NOON.isoformat(),
                "completed_at": LATER.isoformat(),
                "outputs": [
                    {
                        "id": "spec",
                        "path": "specs/login/spec.md",
                        "sha256": "0" * 64,
                        "size": 12,
                    }
                ],
                "failures": [{"attempt": 1, "reason": "No"}],
                "notes": ["Half"],
                "reason": "No",
            }
        ],
    )


def test_the_summary_of_a_phase_of_an_older_release_has_no_times() -> None:
    record = PhaseRecord("define", PhaseStatus.COMPLETED)
    record.roll_back("No")

    assert record.past == [
        {
            "status": "completed",
            "attempts": 0,
            "started_at": None,
            "completed_at": None,
            "outputs": [],
            "reason": "No",
        }
    ]


def test_a_phase_that_was_not_begun_has_nothing_to_roll_back() -> None:
    record = PhaseRecord("build")
    record.roll_back("No")

    assert record == PhaseRecord("build")


def test_what_a_phase_was_returned_for_is_told_with_what_was_discarded() -> None:
    kept = Discarded("spec", "specs/login/spec.md", "specs/login/spec.attempt-1.md", 1)

    assert Returned(NOON, "ann", "No").summary() == "Returned to this phase: No"
    assert Returned(NOON, "ann", "No", (kept,)).summary().splitlines() == [
        "Returned to this phase: No",
        "",
        "What was discarded for that reason is kept:",
        "- `spec`: `specs/login/spec.attempt-1.md`",
    ]
    back = Returned(NOON, "ann", "No", to="plan").summary()
    assert back == "The feature went back to plan: No"


def test_what_failed_before_a_phase_was_returned_to_failed_not_last() -> None:
    record = PhaseRecord("define", attempts=2, failures=[Failure(NOON, 1, "No", "ann")])
    assert record.last_failure() == "No"
    record.returned = Returned(NOON, "ann", "No")
    assert record.last_failure() is None
    record.failures.append(Failure(LATER, 2, "It broke", "ann"))
    assert record.last_failure() == "It broke"
