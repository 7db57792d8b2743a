"""What is said of a trial: how a check, or a runner of tests, ended before the work.

The view is here with its words, so that who shows one loads nothing that makes them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TypedDict

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.printed_tests import FAILED
from cde_orchestrator.domain.trial import Trial

FAILING_SHOWN = 10
BEFORE = "before the work"


class TrialView(TypedDict):
    """A check, or a runner of tests, and how it ended when it was tried before the work.

    Attributes:
        outcome: ``passed``, ``failed``, ``flaky``, ``too_slow``, ``cannot_run``, ``untrusted``
            or ``not_tried``.
        waits: whether it waits for a person's trust.
        words: all of it in a sentence.
    """

    kind: str
    command: list[str]
    directory: str
    used_by: list[str]
    outcome: str
    waits: bool
    words: str
    at: str | None
    exit_code: int | None
    duration_ms: float | None
    counts: dict[str, int]
    failing: list[str]


def named(kind: str, command: Sequence[str], directory: str) -> str:
    """The command, as in a sentence."""
    where = f" in {plain(directory)}" if directory != "." else ""
    what = "The check" if kind == "check" else "The runner of tests"
    return f"{what} `{plain(shlex.join(command))}`{where}"


def ended(trial: Trial, when: str = BEFORE) -> str:
    """How a trial ended, as the rest of a sentence."""
    seconds, counts = f"{trial.duration_ms / 1000:.1f} s", counts_words(trial.counts)
    if trial.outcome == "passed" and trial.kind == "runner" and not trial.counts:
        return f"works: {plain(trial.says)}"
    if trial.outcome == "passed":
        but = ", but ran no test" if ran_none(trial.counts) else ""
        return f"passed {when}{but}{f': {counts}' if counts else ''}, in {seconds}"
    if trial.outcome == "failed":
        said = f"{counts}, " if counts else ""
        code = "" if trial.exit_code is None else f"exit code {trial.exit_code}, "
        return f"failed {when}: {said}{code}in {seconds}{_seen(trial)}"
    if trial.outcome == "flaky":
        return f"is flaky: it failed {when}, and passed when repeated at once{_seen(trial)}"
    if trial.was_installing:
        return (
            f"spent its {trial.limit_seconds:.0f} s {when} on installing what it needs "
            f"({plain(trial.says)}), so it is not known what fails already (cde check run lets "
            "it finish; the next start tries it again)"
        )
    if trial.outcome == "too_slow":
        return (
            f"did not end within {trial.limit_seconds:.0f} s {when}, so it is not known what "
            "fails already (cde check run waits longer)"
        )
    if trial.outcome == "cannot_run":
        return f"could not be run {when}: {plain(trial.says)}"
    return f"was not tried {when}: nobody had trusted it"


def counts_words(counts: Mapping[str, int]) -> str:
    """The counts in words, what failed first; what there is none of is omitted."""
    ordered = sorted(counts.items(), key=lambda each: each[0] != FAILED)
    return ", ".join(f"{count} {plain(word)}" for word, count in ordered if count)


def ran_none(counts: Mapping[str, int]) -> bool:
    """Whether the output says that there was no test; one that counts nothing does not say it."""
    return bool(counts) and not any(counts.values())


def _seen(trial: Trial) -> str:
    """Which tests failed, or else the last that it said."""
    failing = trial.failing
    if not failing:
        return f"; it ends with: {plain(trial.says)}" if trial.says else ""
    more = f" and {len(failing) - FAILING_SHOWN} more" if failing[FAILING_SHOWN:] else ""
    return f": {', '.join(plain(each) for each in failing[:FAILING_SHOWN])}{more}"
