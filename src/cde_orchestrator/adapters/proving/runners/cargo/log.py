"""The log of a program of tests in Rust: a result and a name for each test that ended."""

from __future__ import annotations

import re
from collections.abc import Collection

from cde_orchestrator.domain.proofs import Outcome

_OUTCOMES: dict[str, Outcome] = {"ok": "passed", "failed": "failed", "ignored": "skipped"}
_BEGINNING = re.compile(r"(ok|failed|ignored)\b")
_WORST: tuple[Outcome, ...] = ("failed", "skipped", "passed")


def outcomes_in(log: str, names: Collection[str]) -> dict[str, Outcome]:
    """How these tests ended; a reason, which may have many lines, is between result and name."""
    found: dict[str, Outcome] = {}
    outcome: Outcome | None = None
    for line in log.splitlines():
        if beginning := _BEGINNING.match(line):
            outcome = _OUTCOMES[beginning[1]]
        name = line.rpartition(" ")[2]
        if outcome is not None and name in names:
            found[name] = min(found.get(name, outcome), outcome, key=_WORST.index)
            outcome = None
    return found


def printed_by(output: str, name: str) -> str:
    """What the test printed, as the summary of a run shows it; all of the output where none."""
    _, separator, rest = output.partition(f"---- {name} stdout ----\n")
    return re.split(r"\n---- .+ stdout ----\n|\n\nfailures:\n", rest)[0] if separator else output
