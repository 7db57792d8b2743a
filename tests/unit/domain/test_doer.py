"""Who did a phase, and whether the workflow wants that agent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cde_orchestrator.domain.doer import Doer
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller, Process
from cde_orchestrator.domain.workflow import Phase, Workflow

NOW = datetime(2025, 11, 10, tzinfo=UTC)
ONE, TWO = Process(1, "now", "here"), Process(2, "now", "here")


def seen(name: str, session: int) -> Doer:
    """An agent that only the environment of its commands names."""
    return Doer(agent=name, session=f"environment commands {session}")


def judged(built: Doer | None, by: Doer, wanted: str | None) -> Doer:
    phases = (Phase(id="build", changes="required"), Phase(id="verify", agent=wanted))
    workflow = Workflow(id="w", phases=phases)
    feature = Feature.create("p", "Do it", workflow=workflow, now=NOW)
    feature.phases["build"].doer = built
    return by.judged(feature, workflow, phases[1])


def test_a_caller_is_known_by_its_name_and_its_process() -> None:
    assert Doer.of(Caller(client="robot", process=ONE)) == Doer(agent="robot", session="1 now here")
    assert Doer.of(Caller(client="cli", agent="ann")) == Doer(agent="ann")
    assert Doer.of(Caller(client="cli", anonymous=True)) == Doer(agent="")
    seen = Caller(client="cli", anonymous=True, program="Codex", connection="commands 1")
    assert Doer.of(seen) == Doer(agent="Codex", session="environment commands 1")


@pytest.mark.parametrize(
    ("built", "by", "as_wanted", "words"),
    [
        (Doer(agent="a", session="1"), Doer(agent="a", session="1"), False, "did the work: a"),
        (Doer(agent="a"), Doer(agent="a", session="1"), False, "the agent that did the work: a"),
        (Doer(agent="a", session="1"), Doer(agent="a", session="2"), True, "another agent or"),
        (Doer(agent="a", session="1"), Doer(agent="b", session="1"), None, "not known"),
        (Doer(agent="a", session="1"), Doer(agent="b", session="2"), True, "than the work: b"),
        (Doer(agent=""), Doer(agent="b"), None, "not known"),
        (None, Doer(agent="b"), None, "not known"),
        (Doer(agent="a"), Doer(agent=""), None, "not known"),
        (seen("a", 1), seen("a", 1), False, "did the work: a"),
        (seen("a", 1), seen("a", 2), True, "another agent or session than the work: a"),
        (seen("a", 1), seen("b", 1), True, "another agent or session than the work: b"),
        (Doer(agent="a", session="1"), seen("b", 1), None, "not known"),
    ],
)
def test_another_one_is_another_agent_or_another_session(
    built: Doer | None, by: Doer, as_wanted: bool | None, words: str
) -> None:
    found = judged(built, by, "other")

    assert (found.wanted, found.as_wanted) == ("other", as_wanted)
    assert words in found.words


@pytest.mark.parametrize(("name", "as_wanted"), [("claude", True), ("codex", False), ("", None)])
def test_a_named_agent_is_compared_by_its_name(name: str, as_wanted: bool | None) -> None:
    found = judged(None, Doer(agent=name), "claude")

    assert found.as_wanted is as_wanted
    who = name or "an agent without a name"
    assert found.words == f"done by {who}; the workflow names claude"


def test_where_the_workflow_names_nobody_nothing_is_compared() -> None:
    assert judged(Doer(agent="a"), Doer(agent="a"), None) == Doer(agent="a")
