"""How a check ended before the work, and what of its failures is new since."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.trial import (
    FAILING_KEPT,
    Trial,
    failing_tests,
    installing_line,
    known_before,
)
from tests.phase_fakes import evidence_of

NOON = datetime(2025, 11, 10, 12, tzinfo=UTC)
CHECK = Check(("make", "test"), ".", 60.0)
FAILED = Trial(
    at=NOON,
    kind="check",
    command=("make", "test"),
    outcome="failed",
    exit_code=1,
    duration_ms=1_000.0,
    limit_seconds=20.0,
    counts={"failed": 1, "passed": 3},
    failing=("a.py::test_old",),
    tree="4b825d",
)


def red(*names: str) -> str:
    lines = [f"FAILED {name} - no\n" for name in names]
    return "".join(lines) + f"{len(names)} failed in 0.1s\n"


def test_a_trial_is_read_again_from_plain_data() -> None:
    kept = replace(FAILED, kind="runner", reads=("out.xml", "tests/*"))
    for trial in (FAILED, kept):
        assert Trial.of(json.loads(json.dumps(trial.to_dict()))) == trial
    earlier = {name: value for name, value in FAILED.to_dict().items() if name != "reads"}
    assert Trial.of(earlier) == FAILED


@pytest.mark.parametrize(
    "data",
    [
        None,
        "a text",
        {},
        {**FAILED.to_dict(), "at": "noon"},
        {**FAILED.to_dict(), "kind": "wish"},
        {**FAILED.to_dict(), "outcome": "splendid"},
        {**FAILED.to_dict(), "counts": []},
        {**FAILED.to_dict(), "duration_ms": None},
    ],
)
def test_what_somebody_edited_is_no_trial(data: Any) -> None:
    assert Trial.of(data) is None


@pytest.mark.parametrize(
    ("trial", "seconds", "exceeds"),
    [
        (FAILED, 0.5, True),
        (FAILED, 20, False),
        (replace(FAILED, outcome="too_slow"), 20, True),
        (replace(FAILED, outcome="too_slow"), 60, False),
        (replace(FAILED, outcome="too_slow", says="   Building shop @ file:///shop"), 20, False),
        (replace(FAILED, outcome="cannot_run", duration_ms=9e9), 20, False),
    ],
)
def test_what_is_known_to_take_longer_is_known(trial: Trial, seconds: float, exceeds: bool) -> None:
    assert trial.is_known_to_exceed(seconds) is exceeds


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (
            "Using CPython 3.12.1\nCreating virtual environment at: .venv\n   Building shop\n",
            "Building shop",
        ),
        ("Downloading numpy (15.9MiB)\n", "Downloading numpy (15.9MiB)"),
        ("Installed 9 packages in 3s\n....\n", "Installed 9 packages in 3s"),
        ("Creating environment: hatch-test.py3.12", "Creating environment: hatch-test.py3.12"),
        ("py: install_deps> pip install pytest", "py: install_deps> pip install pytest"),
        ("nox > Creating virtual environment (uv) in .nox/tests", None),
        ("go: downloading github.com/a/b v1.2.3", "go: downloading github.com/a/b v1.2.3"),
        ("    Updating crates.io index", "Updating crates.io index"),
        ("....F..\n", ""),
        ("test_downloading.py .....\nBuildings are tested\n", ""),
        (".\n" * 30 + "Downloading x\n", ""),
        ("", ""),
    ],
)
def test_what_installs_what_it_needs_first_is_known_by_its_first_lines(
    printed: str, line: str | None
) -> None:
    assert installing_line(printed) == (printed if line is None else line)


def test_failures_from_before_are_distinguished_from_new_ones() -> None:
    now = evidence_of(CHECK, NOON, 1, red("a.py::test_old", "a.py::test_new"))

    assert known_before(FAILED, now) == (
        "; failed already when the feature started: a.py::test_old; new since then: a.py::test_new"
    )
    now = evidence_of(CHECK, NOON, 1, red("a.py::test_new"))
    assert known_before(FAILED, now) == "; new since then: a.py::test_new"
    now = evidence_of(CHECK, NOON, 1, red("a.py::test_old"))
    assert known_before(FAILED, now) == "; failed already when the feature started: a.py::test_old"


@pytest.mark.parametrize(
    ("trial", "printed"),
    [
        (None, red("a.py::test_new")),
        (replace(FAILED, outcome="passed", failing=()), red("a.py::test_new")),
        (replace(FAILED, failing=()), red("a.py::test_new")),
        (FAILED, "it broke\n"),
    ],
)
def test_nothing_is_guessed(trial: Trial | None, printed: str) -> None:
    assert known_before(trial, evidence_of(CHECK, NOON, 1, printed)) == ""


def test_very_many_names_are_not_kept() -> None:
    names = [f"a.py::test_{number}" for number in range(FAILING_KEPT + 1)]

    assert failing_tests(evidence_of(CHECK, NOON, 1, red(*names))) == ()
    assert len(failing_tests(evidence_of(CHECK, NOON, 1, red(*names[1:])))) == FAILING_KEPT
