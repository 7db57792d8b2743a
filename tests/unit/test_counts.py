"""A count is said as a person says it: nothing is "0", and one thing is no several."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.checks import trial_words
from cde_orchestrator.application.made_views import made_words
from cde_orchestrator.application.proof_views import (
    difference_words,
    lines_words,
    proof_remarks,
    seen_lines,
)
from cde_orchestrator.application.proofs.rounds import _counted
from cde_orchestrator.application.usage_views import used_words
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.views import resume
from cde_orchestrator.cli.views.approval import _source
from cde_orchestrator.cli.views.project import _counts
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.domain.text import counted
from cde_orchestrator.mcp_tools._texts import feature_list
from cde_orchestrator.mcp_tools.health import health_words

PACKAGE = Path(__file__).parents[2] / "src" / "cde_orchestrator"
THINGS = (
    "agents attempts backups bytes calls changes characters checks commands commits copies "
    "criteria days entries errors features files findings hours lines minutes notes operations "
    "outputs phases places points records rows runs segments sides tasks tests times tokens tools "
    "turns workflows"
).replace(" ", "|")
BEHIND = re.compile(rf"^ (?:(?:more|new|other|source) )?(?:{THINGS})(?![\w'-])(?! \{{)")
IS_BOUND = re.compile(r"\b_?[A-Z][A-Z_]+\b|limit|minutes|spent|free")
"""What is no count of things: a constant, a setting and a measure."""
WRONG = re.compile(rf"\b0 [a-z]|(?<![\d.,+-])1 (?:(?:more|source|other) )?(?:{THINGS})\b")


def counts_by_hand() -> Iterator[str]:
    """Where a text has a number and then things, which is wrong for one of them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.JoinedStr):
                continue
            for one, after in pairwise(node.values):
                if not (isinstance(one, ast.FormattedValue) and isinstance(after, ast.Constant)):
                    continue
                value = ast.unparse(one.value)
                if BEHIND.match(str(after.value)) and not IS_BOUND.search(value):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}: {value}{after.value!r}"


def test_a_number_of_things_is_said_by_one_function() -> None:
    assert [*counts_by_hand()] == []


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "no entries"), (1, "1 entry"), (2, "2 entries"), (12_000, "12000 entries")],
)
def test_a_number_of_things(count: int, words: str) -> None:
    assert counted(count, "entry", "entries") == words
    assert counted(count, "file").startswith(words.partition(" ")[0])


def saved(count: int) -> Any:
    reply: Any = {"saved": None, "feature": {"current_phase": "a"}, "kept": count}
    reply["tasks"] = {"done": [], "open": []}
    return resume.saved(reply, RenderTarget(terminal=False))


def project(count: int) -> Any:
    info: Any = {"features": {"in_progress": count, "completed": 1}, "open_features": count}
    info["features"] = {name: each for name, each in info["features"].items() if each}
    return _counts(info)


def health(count: int) -> str:
    metrics = {"active_features": count, "error_rate": 0.5, "p95_ms": 2.0}
    checks = {f"c{number}": "ok" for number in range(max(count, 1))}
    reply: Any = {"metrics": metrics, "checks": checks, "alerts": [], "status": "healthy"}
    return health_words(reply)


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [([], "no checks"), (["ok"], "1 of 1 check is well"), (["ok", "ok"], "2 of 2 checks are well")],
)
def test_checks_are_counted_as_in_a_sentence(verdicts: list[str], words: str) -> None:
    metrics = {"active_features": 0, "error_rate": 0.0, "p95_ms": 2.0}
    checks = {f"c{number}": each for number, each in enumerate(verdicts)}
    reply: Any = {"metrics": metrics, "checks": checks, "alerts": [], "status": "healthy"}
    assert health_words(reply).startswith(f"Healthy: {words}, ")


def listed(count: int) -> str:
    row = {"name": "a", "status": "testing", "current_phase": "b", "agent": None, "goal": "Do it"}
    rows: list[Any] = [row | {"waits_for": "agent", "phase": 1, "phases": 2}] * count
    reply: Any = {"features": rows, "total": count, "next_cursor": None}
    return feature_list(reply).partition("\n")[0]


def approved(count: int) -> Any:
    source: Any = {"commit": "c", "total": 1, "files": ["a"], "added": count, "removed": count}
    shown: Any = {"source": source}
    return _source(shown)


def made(count: int) -> str:
    difference: Any = {"files": max(count, 1), "added": count, "removed": 1 - count}
    return made_words({"difference": difference, "outputs": ["a"] * count, "seconds": 1.0})


def proven(count: int) -> str:
    proof = {"criteria": ["AC1"], "waived": [], "tests": count, "runs": count, "notes": []}
    reply: Any = {"proof": {**proof, "sees": {}}}
    return "\n".join(proof_remarks(reply))


SAYING: dict[str, Callable[[int], Any]] = {
    "saved notes": saved,
    "features of a project": project,
    "health": health,
    "a list over MCP": listed,
    "what is approved": approved,
    "what was made": made,
    "what was proven": proven,
    "lines added": lambda count: lines_words(count, None),
    "lines removed": lambda count: lines_words(None, count),
    "a difference": lambda count: difference_words({"files": 1, "added": count, "removed": 1}),
    "a check": lambda count: trial_words.counts_words({"passed": count, "failed": 1 - count}),
    "a round of proofs": lambda count: _counted([TestResult(outcome="passed")] * count),
    "what a model used": lambda count: used_words(AgentReport(turns=count, input_tokens=count)),
    "places that are seen": lambda count: "\n".join(
        seen_lines({f"AC{number}": [f"a.py:{number}"] for number in range(10 + count)})
    ),
}


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("what", SAYING)
def test_nothing_and_one_are_said_as_people_say_them(what: str, count: int) -> None:
    said = str(SAYING[what](count))

    assert not WRONG.search(said), said
