"""A run is started and stopped for a person, and what it does is shown line by line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.ports.runs import KeptRun, Kind, RunLine
from cde_orchestrator.application.runs.background_run import (
    ShowRunChoices,
    ShowRunning,
    StartRun,
    StopRun,
)
from cde_orchestrator.application.runs.show_run import LINES, ShowRun
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.lease import Process
from tests.fakes import World, catalog, writing_workflow

SINCE = "2026-01-01T00:00:00+00:00"


@dataclass
class FewAgents:
    """Two agents, of which one reports its cost; ``missing`` are not installed."""

    missing: set[str] = field(default_factory=set)

    def definitions(self) -> dict[str, Agent]:
        silent = Agent(name="silent", command=("silent", "--go now"))
        return {
            "silent": silent,
            "dear": Agent(name="dear", command=("dear",), output="claude-json"),
        }

    def is_installed(self, agent: Agent) -> bool:
        return agent.name not in self.missing


@dataclass
class Stage:
    world: World
    agents: FewAgents
    id: str

    def run(self, use_case: UseCase[Any]) -> Any:
        return self.world.run(use_case, agents=self.agents)

    def refusal(self, use_case: UseCase[Any]) -> tuple[str, str]:
        with pytest.raises(CDEError) as raised:
            self.run(use_case)
        return raised.value.code, raised.value.message

    def trust(self, *names: str) -> None:
        known = self.agents.definitions()
        lines = [known[name].command_line for name in names]
        self.world.trust.grant(self.world.root, lines, self.world.clock())

    def events(self) -> list[str]:
        feature = self.world.project.features.by_id(self.id)
        return [each["event"] for each in feature.events] if feature else []


@pytest.fixture
def stage() -> Stage:
    world = World.active()
    world.trust.careful = True
    started = world.run(StartFeature(prompt="Add login", name="login"))
    return Stage(world, FewAgents(), started["feature"]["id"])


def line(number: int, kind: Kind = "line") -> RunLine:
    return {"n": number, "at": SINCE, "kind": kind, "text": f"line {number}"}


def kept(name: str = "one", *lines: RunLine, pid: int = 7) -> KeptRun:
    return KeptRun(
        id=name,
        process=Process(pid, f"boot:{pid}", "here"),
        since=SINCE,
        phase="define, phase 1 of 2",
        attempt="dear, attempt 1 of 3",
        lines=lines or (line(1),),
    )


def test_a_run_is_started_and_noted(stage: Stage) -> None:
    stage.trust("silent", "dear")
    stage.world.runs.begins = kept()
    reply = stage.run(StartRun(feature_id="login", agents=["dear", "silent"], budget_minutes=30.0))
    assert (reply["run"], reply["pid"], reply["since"]) == ("one", 7, SINCE)
    assert stage.world.runs.asked == [[stage.id, "--agent=dear,silent", "--budget-minutes=30.0"]]
    assert stage.events() == ["run_started"]


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"agents": []}, "E305", "name at least one"),
        ({"agents": ["nobody"]}, "E910", "nobody"),
        ({"agents": ["--help"]}, "E910", "--help"),
        ({"agents": ["dear", "stranger"]}, "E910", "stranger"),
        ({"agents": ["silent"], "budget_usd": 5.0}, "E305", "does not report its cost"),
        ({"agents": ["dear"], "budget_usd": 0.0}, "E305", "not between"),
        ({"agents": ["dear"], "budget_minutes": float("nan")}, "E305", "not between"),
        ({"agents": ["dear"], "budget_minutes": float("inf")}, "E305", "not between"),
    ],
)
def test_what_cannot_be_run_is_not_started(
    stage: Stage, asked: dict[str, Any], code: str, words: str
) -> None:
    stage.trust("silent", "dear")
    found = stage.refusal(StartRun(feature_id="login", **asked))
    assert found[0] == code
    assert words in found[1]
    assert stage.world.runs.asked == []
    assert stage.events() == []


def test_an_agent_that_nobody_trusts_is_not_started(stage: Stage) -> None:
    stage.trust("silent")
    use_case = StartRun(feature_id="login", agents=["silent", "dear"])
    assert stage.refusal(use_case)[0] == "E912"
    assert stage.world.runs.asked == []


def test_a_feature_is_run_once_at_a_time(stage: Stage) -> None:
    stage.trust("dear")
    stage.world.runs.known[stage.id] = kept()
    code, message = stage.refusal(StartRun(feature_id="login", agents=["dear"]))
    assert (code, "process 7" in message) == ("E909", True)
    for over in (kept("one", line(1, "done")), kept("gone", pid=8)):
        stage.world.runs.places = {"gone": "gone"}
        stage.world.runs.known[stage.id] = over
        stage.run(StartRun(feature_id="login", agents=["dear"]))
    assert len(stage.world.runs.asked) == 2


def test_a_run_that_does_not_begin_says_why(stage: Stage) -> None:
    stage.trust("dear")
    stage.world.runs.reason = "E905 it is not installed"
    code, message = stage.refusal(StartRun(feature_id="login", agents=["dear"]))
    assert (code, "E905 it is not installed" in message) == ("E336", True)
    assert stage.events() == []


def test_nothing_is_run_where_no_agent_has_anything_to_do(stage: Stage) -> None:
    stage.trust("dear")
    closed = CloseFeature(feature_id="login", outcome="cancelled", reason="Not wanted")
    first = writing_workflow().phases[0]
    waits = replace(writing_workflow(), phases=(replace(first, handler="human_input"),))
    stage.world.workflows.own = catalog(waits, packaged=False)
    stage.run(StartFeature(prompt="Wait", name="waits"))
    assert stage.refusal(StartRun(feature_id="waits", agents=["dear"]))[0] == "E336"
    assert stage.refusal(ShowRunChoices(feature_id="waits"))[0] == "E336"
    stage.run(closed)
    assert stage.refusal(StartRun(feature_id="login", agents=["dear"]))[0] == "E105"


def test_the_choices_say_what_can_be_used(stage: Stage) -> None:
    stage.trust("dear")
    stage.agents.missing = {"silent"}
    reply = stage.run(ShowRunChoices(feature_id="login"))
    assert reply["running"] is None
    rows = [(row["name"], row["trusted"], row["installed"]) for row in reply["agents"]]
    assert rows == [("dear", True, True), ("silent", False, False)]
    assert [row["command"] for row in reply["agents"]] == ["dear", "silent '--go now'"]
    stage.world.runs.known[stage.id] = kept()
    assert stage.run(ShowRunChoices(feature_id="login"))["running"] == "one"


def test_a_run_is_stopped_and_noted(stage: Stage) -> None:
    other = stage.run(StartFeature(prompt="Add logout", name="logout"))["feature"]["id"]
    stage.world.runs.known = {stage.id: kept(), other: kept("two")}
    assert stage.run(ShowRunning(feature_id="login"))["also"] == ["logout"]
    reply = stage.run(StopRun(feature_id="login", run="one"))
    assert (reply["run"], reply["pid"]) == ("one", 7)
    assert stage.world.runs.asked == [["one"]]
    assert stage.events() == ["run_stopped"]


def test_who_stops_a_run_is_told_whom_a_page_began_it_with(stage: Stage) -> None:
    stage.trust("dear", "silent")
    now = stage.world.clock().isoformat()
    stage.world.runs.begins = replace(kept(), since=now)
    stage.run(StartRun(feature_id="login", agents=["dear", "silent"]))
    assert stage.run(StopRun(feature_id="login"))["agents"] == ["dear", "silent"]

    later = (stage.world.clock() + timedelta(days=1)).isoformat()  # begun in a terminal
    stage.world.runs.known[stage.id] = replace(kept("two"), since=later)
    assert stage.run(StopRun(feature_id="login"))["agents"] == []


@pytest.mark.parametrize("run", [None, kept("one", line(1, "stopped")), kept("one", pid=8)])
def test_no_run_is_stopped_where_there_is_none(stage: Stage, run: KeptRun | None) -> None:
    stage.world.runs.places = {"one": "gone"}
    if run is not None:
        stage.world.runs.known[stage.id] = run
    for use_case in (StopRun(feature_id="login"), ShowRunning(feature_id="login")):
        assert stage.refusal(use_case)[0] == "E337"
    assert stage.world.runs.asked == []


def test_what_says_that_it_runs_elsewhere_keeps_no_run_from_beginning(stage: Stage) -> None:
    stage.trust("dear")
    stage.world.runs.places = {"forged": "elsewhere"}
    stage.world.runs.known[stage.id] = kept("forged")
    stage.world.runs.begins = kept("two")
    assert stage.run(ShowRunChoices(feature_id="login"))["running"] is None
    assert stage.run(StartRun(feature_id="login", agents=["dear"]))["run"] == "two"


def test_another_run_than_the_one_that_was_shown_is_not_stopped(stage: Stage) -> None:
    stage.world.runs.known[stage.id] = kept("two")
    assert stage.refusal(StopRun(feature_id="login", run="one"))[0] == "E337"
    assert stage.world.runs.asked == []


def test_a_run_that_does_not_end_says_so(stage: Stage) -> None:
    stage.world.runs.known[stage.id] = kept()
    stage.world.runs.reason = "process 7 was asked to end, and has not ended yet"
    code, message = stage.refusal(StopRun(feature_id="login"))
    assert (code, "has not ended yet" in message) == ("E337", True)
    assert stage.events() == []


def test_a_run_is_shown_line_by_line(stage: Stage) -> None:
    assert stage.run(ShowRun(feature_id="login"))["run"] is None
    stage.world.runs.known[stage.id] = kept("one", *map(line, range(1, 6)))
    run = stage.run(ShowRun(feature_id="login"))["run"]
    assert (run["state"], run["last"], run["missed"], run["pid"]) == ("running", 5, 0, 7)
    assert run["by"] == "dear, attempt 1 of 3"
    run = stage.run(ShowRun(feature_id="login", run="one", after=3))["run"]
    assert [each["n"] for each in run["lines"]] == [4, 5]
    run = stage.run(ShowRun(feature_id="login", run="another", after=3))["run"]
    assert len(run["lines"]) == 5
    run = stage.run(ShowRun(feature_id="login", run="one", after=9))["run"]
    assert (run["lines"], run["missed"]) == ([], 0)


def test_of_very_many_lines_the_newest_are_shown(stage: Stage) -> None:
    stage.world.runs.known[stage.id] = kept("one", *map(line, range(1_000, 2_000)))
    run = stage.run(ShowRun(feature_id="login", run="one", after=10))["run"]
    assert len(run["lines"]) == LINES
    assert (run["last"], run["missed"]) == (1_999, 1_989 - LINES)


def test_a_run_that_ended_says_how(stage: Stage) -> None:
    stage.world.runs.known[stage.id] = kept("one", line(1), line(2, "broke"))
    run = stage.run(ShowRun(feature_id="login"))["run"]
    assert (run["state"], run["end"]["text"]) == ("ended", "line 2")
    stage.world.runs.places = {"one": "gone"}
    stage.world.runs.known[stage.id] = kept()
    run = stage.run(ShowRun(feature_id="login"))["run"]
    assert (run["state"], run["end"]) == ("lost", None)
