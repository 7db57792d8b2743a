"""How a check, or a runner of tests, ended when it was tried before work began."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from datetime import datetime
from typing import Any, Literal, get_args

from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.printed_tests import printed_tests
from cde_orchestrator.domain.records import Evidence
from cde_orchestrator.domain.value import Value, completed

TrialKind = Literal["check", "runner"]
Outcome = Literal["passed", "failed", "flaky", "too_slow", "cannot_run", "untrusted", "not_tried"]
SubjectKey = tuple[TrialKind, tuple[str, ...], str]
"""What is tried: its kind, its words and its directory."""
RAN: frozenset[Outcome] = frozenset({"passed", "failed"})
"""Of what ran to its end, what it says of the source."""
_INSTALLING = pattern(
    r"\s*(nox > )?(creating (isolated |virtual ?)?env|using c?python |go: downloading "
    r"|(download|fetch|install|prepar|build)(ing|ed) \S|built \S|collecting \S|resolv(ing|ed) \S"
    r"|updating crates\.io|(sync|check)ing dependencies|\S+ install_(deps|package)|packages: \+"
    r"|progress: resolved|npm warn exec the following package was not found|added \d+ packages)",
    re.IGNORECASE,
)
_LISTS = ("command", "failing", "reads")
_FIRST_LINES = 20
FAILING_KEPT = 100
"""Names of failing tests that are kept; of more, none are, as not all are known then."""


class Trial(Value, kw_only=True):
    """One trial.

    Attributes:
        outcome: ``flaky`` failed, and passed when it was repeated at once.
        exit_code: of the first run; None where it did not end by itself.
        counts: tests by what became of them, as far as the output says.
        failing: names of the tests that failed; empty where not all of them are known.
        says: the runner's version where it was not run, or why it could not be; of what was too
            slow, and was installing what it needs, the line that shows it.
        tree: git's id of the source then; None where it is not known.
        reads: as of ``CommandLine``; absent in earlier releases.
    """

    at: datetime
    kind: TrialKind
    command: tuple[str, ...]
    directory: str = "."
    outcome: Outcome
    exit_code: int | None = None
    duration_ms: float = 0.0
    limit_seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    failing: tuple[str, ...] = ()
    says: str = ""
    tree: str | None = None
    reads: tuple[str, ...] = ()

    @property
    def was_installing(self) -> bool:
        """Whether its time went by, at least in part, while it installed what it needs."""
        return self.outcome == "too_slow" and bool(installing_line(self.says))

    @property
    def subject(self) -> SubjectKey:
        """What was tried."""
        return self.kind, self.command, self.directory

    def is_known_to_exceed(self, seconds: float) -> bool:
        """Whether it would not end within this time, as far as this trial says.

        What was installing what it needs first may be faster the next time.
        """
        if self.outcome == "too_slow":
            return self.limit_seconds >= seconds and not self.was_installing
        return self.outcome in RAN and self.duration_ms > seconds * 1000

    def to_dict(self) -> dict[str, Any]:
        """As plain data; ``of`` reads it."""
        plain = {**asdict(self), "at": self.at.isoformat(), "counts": dict(self.counts)}
        lists = {name: list(getattr(self, name)) for name in _LISTS}
        return {**plain, **lists}

    @classmethod
    def of(cls, data: Any) -> Trial | None:
        """The trial from plain data; None where it is none."""
        try:
            data = {"reads": (), **data}
            known = {each.name: data[each.name] for each in fields(completed(cls))}
            known["at"] = parse_utc(known["at"])
            for name in _LISTS:
                known[name] = tuple(str(each) for each in known[name])
            known["counts"] = {str(key): int(value) for key, value in known["counts"].items()}
            known["duration_ms"] = float(known["duration_ms"])
            known["limit_seconds"] = float(known["limit_seconds"])
        except (AttributeError, LookupError, TypeError, ValueError):
            return None
        is_one = known["kind"] in get_args(TrialKind) and known["outcome"] in get_args(Outcome)
        return cls(**known) if is_one else None


def installing_line(printed: str) -> str:
    """The last of a command's first lines that says that it installs what it needs; else empty.

    As the first ``uv run`` of a project does, ``hatch``, ``tox``, ``npx`` or ``go test``.
    """
    lines = printed.strip().splitlines()[:_FIRST_LINES]
    return next((line.strip() for line in reversed(lines) if _INSTALLING.match(line)), "")


def failing_tests(evidence: Evidence) -> tuple[str, ...]:
    """The names of the tests that failed, if all of them are known."""
    found = printed_tests(evidence.tail, is_whole=evidence.size <= len(evidence.tail.encode()))
    names = found.failing or ()
    return names if len(names) <= FAILING_KEPT else ()


def known_before(trial: Trial | None, evidence: Evidence) -> str:
    """Which of a check's failures were there when the feature started; empty where not known.

    It is known where both runs name every test that failed.
    """
    now = failing_tests(evidence)
    if trial is None or trial.outcome != "failed" or not now or not trial.failing:
        return ""
    before = [name for name in now if name in trial.failing]
    new = [name for name in now if name not in trial.failing]
    said = []
    if before:
        said.append(f"; failed already when the feature started: {', '.join(before)}")
    if new:
        said.append(f"; new since then: {', '.join(new)}")
    return "".join(said)
