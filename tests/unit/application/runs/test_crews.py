"""Busy agents, agents that cannot work, sessions that are continued, and budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cde_orchestrator.application.features.get_feature_status import (
    GetAssignment,
    GetFeatureStatus,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.runs.budget import Budget
from cde_orchestrator.application.runs.observer import PhaseRun
from cde_orchestrator.application.runs.run_feature import FeatureRun
from cde_orchestrator.domain.agent import RESUME
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import (
    AgentError,
    AgentUnavailableError,
    CDEError,
    CDESystemError,
)
from cde_orchestrator.domain.workflow import Workflow
from tests.fakes import ROOT, catalog
from tests.unit.application.runs.test_run_feature import (
    WRITES,
    Stage,
    failed,
    read_by,
    stage,
    workflow,
)


def busy(wait_seconds: float | None = None) -> CDEError:
    return AgentUnavailableError.of("E939", agent="a", reason="429", wait_seconds=wait_seconds)


def unusable() -> CDEError:
    return AgentUnavailableError.of("E942", agent="a", reason="401")


def names(on: Stage) -> list[str]:
    return [name for name, _ in on.agents.asked]


def report(**members: Any) -> AgentReport:
    return AgentReport(**{"session": "s1", "turns": 2, "input_tokens": 10, **members})


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's clock goes on by what is waited alone."""
    monkeypatch.setattr(FeatureRun, "_seconds", lambda run: sum(x for x, _ in run.agents.waited))


@pytest.mark.usefixtures("no_time_passes")
def test_a_busy_model_is_waited_for_and_costs_no_attempt() -> None:
    on = stage(a=[busy(), busy(), busy(90.0), WRITES])
    assert on.run("a")["phases"] == [{"id": "p1", "attempts": 1, "agent": "a"}]
    assert on.agents.waited == [(15.0, "a"), (30.0, "a"), (90.0, "a")]
    assert on.world.project.feature("wish").phases["p1"].failures == []


@pytest.mark.usefixtures("no_time_passes")
def test_the_next_agent_goes_on_for_a_busy_one_and_begins_the_next_phase() -> None:
    on = stage("agent", "agent", "agent", a=[busy(), WRITES], b=[WRITES, failed("E906"), WRITES])
    run = on.run("a", "b")
    assert names(on) == ["a", "b", "b", "b", "b"]
    assert on.agents.waited == []
    assert [each["attempts"] for each in run["phases"]] == [1, 2, 1]


@pytest.mark.usefixtures("no_time_passes")
def test_of_several_busy_agents_the_one_that_is_free_first_is_waited_for() -> None:
    on = stage(a=[busy(60.0), WRITES], b=[busy(20.0), WRITES])
    assert on.run("a", "b")["phases"] == [{"id": "p1", "attempts": 1, "agent": "b"}]
    assert on.agents.waited == [(20.0, "b")]
    assert [each.others for _, each in on.agents.asked] == [True, False, False]


@pytest.mark.usefixtures("no_time_passes")
def test_a_model_that_stays_busy_is_left_to_a_person() -> None:
    on = stage(a=[busy()])
    with pytest.raises(CDESystemError) as refusal:
        on.run("a")
    assert refusal.value.code == "E908"
    assert 3_000 < sum(seconds for seconds, _ in on.agents.waited) <= 3_600
    assert on.handle(GetAssignment(feature_id="wish"))["attempt"] == 1


def test_an_agent_that_cannot_work_here_is_dropped_for_the_run() -> None:
    on = stage("agent", "agent", a=[unusable()], b=["idle", WRITES])
    assert on.run("a", "b")["outcome"] == "completed"
    assert names(on) == ["a", "b", "b", "b"]
    assert "dropped a" in on.watching.told


def test_without_anybody_who_can_work_the_run_ends_at_once() -> None:
    on = stage(a=[unusable()], b=[unusable()])
    with pytest.raises(CDESystemError) as refusal:
        on.run("a", "b")
    assert refusal.value.code == "E908"
    assert "401" in refusal.value.message
    assert names(on) == ["a", "b"]


def test_a_missing_program_is_dropped_before_anything_is_started() -> None:
    on = stage(a=[WRITES], b=[WRITES])
    on.agents.missing = frozenset("a")
    on.run("a", "b")
    assert names(on) == ["b"]
    assert on.watching.told[0] == "dropped a"


def test_without_any_program_nothing_is_started() -> None:
    on = stage(a=[WRITES], b=[WRITES])
    on.agents.missing = frozenset("ab")
    with pytest.raises(AgentError) as refusal:
        on.run("a", "b")
    assert (refusal.value.code, names(on)) == ("E905", [])


def test_a_missing_program_that_a_later_phase_needs_stops_the_run_before_the_first() -> None:
    on = read_by("c", "a", "c")
    on.agents.missing = frozenset("c")
    with pytest.raises(AgentError) as refusal:
        on.run("a", feature="judged")
    assert (refusal.value.code, names(on)) == ("E905", [])


def test_a_completed_feature_needs_no_program() -> None:
    on = stage(a=[WRITES])
    on.run("a")
    on.agents.missing = frozenset("a")
    assert on.run("a")["outcome"] == "completed"


def resumable(on: Stage) -> None:
    on.agents.commands = iter([("a", RESUME)] * 20)


def test_a_refusal_goes_back_into_the_same_session() -> None:
    on = stage("agent", "agent", a=["idle", WRITES])
    resumable(on)
    on.agents.reports = [report(), report(session="s1", turns=1), report(session="s2")]
    on.run("a")
    first, second, third = (assignment for _, assignment in on.agents.asked)
    assert first.session is None
    assert second.session is not None
    assert second.session.session == "s1"
    assert "E110" in second.prompt
    assert first.prompt not in second.prompt
    assert len(second.prompt) < 2_000
    assert third.session is None  # another phase
    assert third.prompt.startswith(first.prompt[:20])


def test_a_session_is_not_continued_after_another_agent_worked() -> None:
    on = stage(a=["idle", failed("E906"), WRITES], b=["idle"])
    resumable(on)
    on.agents.reports = [report(), report()]
    with pytest.raises(CDESystemError):
        on.run("a", "b")
    assert [each.session is None for _, each in on.agents.asked] == [True, False, True]


@pytest.mark.usefixtures("no_time_passes")
def test_an_agent_that_was_stopped_as_its_model_was_busy_goes_on_in_its_session() -> None:
    stopped = busy(0.0)
    assert isinstance(stopped, AgentError)
    on = stage(a=[stopped.reporting(report()), WRITES])
    resumable(on)
    on.run("a")
    _, again = (assignment for _, assignment in on.agents.asked)
    assert again.session is not None
    assert "The model was busy" in again.prompt


def test_what_an_agent_used_is_kept_with_the_phase_and_in_the_reply() -> None:
    on = stage(a=["idle", WRITES])
    used = report(cost_usd=0.25, denied=("Bash curl",), words="Done.")
    on.agents.reports = [used, used]
    (done,) = on.run("a")["phases"]
    expected = {
        "session": "s1",
        "turns": 4,
        "input_tokens": 20,
        "output_tokens": 0,
        "cost_usd": 0.5,
        "denied": ["Bash curl"],
        "words": "4 turns, 20 tokens, $0.50; not allowed to the agent: Bash curl; session s1",
    }
    assert done["usage"] == expected
    status = on.handle(GetFeatureStatus(feature_id="wish", detail="full"))
    assert status["phases"][0]["usage"] == expected
    whole: Any = status
    runs = whole["work"]["p1"]["runs"]
    assert [(each["attempt"], each["agent"], each["last_words"]) for each in runs] == [
        (1, "a", "Done."),
        (2, "a", "Done."),
    ]
    assert on.watching.told.count("used $0.25") == 2


def test_an_agent_that_reports_nothing_leaves_no_record() -> None:
    on = stage(a=[WRITES])
    assert "usage" not in on.run("a")["phases"][0]
    assert on.world.project.feature("wish").phases["p1"].runs == []


def test_the_last_words_of_an_agent_that_did_nothing_are_repeated() -> None:
    on = stage(a=["idle"])
    on.agents.reports = [report(words="I cannot help with that.")] * 3
    with pytest.raises(CDESystemError) as refusal:
        on.run("a")
    assert "I cannot help with that." in refusal.value.message


def test_phases_that_an_agent_completed_by_itself_are_listed() -> None:
    on = stage("agent", "agent", "agent", a=[WRITES])

    def submit_two() -> None:
        for phase in ("p1", "p2"):
            on.handle(SubmitWork(feature_id="wish", phase_id=phase))
        on.agents.meanwhile = lambda: None

    on.agents.meanwhile = submit_two
    meanwhile: PhaseRun = {"id": "p2", "attempts": 0, "agent": "a", "meanwhile": True}
    assert on.run("a")["phases"] == [
        {"id": "p1", "attempts": 1, "agent": "a"},
        meanwhile,
        {"id": "p3", "attempts": 1, "agent": "a"},
    ]
    assert "meanwhile p2" in on.watching.told


def run(on: Stage, budget: Budget, **members: Any) -> Any:
    return FeatureRun(
        service=on,
        agents=on.agents,
        names=["a"],
        folder=ROOT,
        observer=on.watching,
        budget=budget,
        **members,
    )


def test_a_budget_in_money_pauses_between_attempts_and_goes_on_when_a_person_says_so() -> None:
    on = stage("agent", "agent", "agent", a=[WRITES])
    on.agents.reports = [report(cost_usd=1.5)] * 3
    budget, done = Budget(usd=1.0), list[PhaseRun]()
    with pytest.raises(CDESystemError) as refusal:
        run(on, budget, done=done)("wish")
    assert refusal.value.code == "E940"
    assert (refusal.value.context["spent"], refusal.value.context["budget"]) == ("$1.50", "$1.00")
    assert [each["id"] for each in done] == ["p1"]
    budget.grant()
    with pytest.raises(CDESystemError):
        run(on, budget, done=done)("wish")
    budget.grant()
    assert [each["id"] for each in run(on, budget, done=done)("wish")["phases"]] == [
        *("p1", "p2", "p3")
    ]


def test_a_budget_in_time_bounds_the_attempt_and_what_it_ends_is_no_failed_one() -> None:
    on = stage(a=[failed("E907")])
    budget = Budget(minutes=1.0, seconds=lambda: 61.0 * len(on.agents.asked))
    with pytest.raises(CDESystemError) as refusal:
        run(on, budget)("wish")
    assert refusal.value.code == "E940"
    assert on.world.project.feature("wish").phases["p1"].failures == []
    on = stage(a=[WRITES])
    run(on, Budget(minutes=1.0), timeout_seconds=600)("wish")
    ((_, assignment),) = on.agents.asked
    assert assignment.timeout_seconds is not None
    assert 50 < assignment.timeout_seconds <= 60


@pytest.mark.usefixtures("no_time_passes")
def test_a_budget_in_time_is_not_waited_beyond() -> None:
    on = stage(a=[busy(600.0)])
    budget = Budget(minutes=1.0)
    with pytest.raises(CDESystemError):
        run(on, budget)("wish")
    assert on.agents.waited[0][0] < 61


def test_an_agent_may_run_what_the_phase_asks_for() -> None:
    on = stage(a=[WRITES])
    with on.world.repository.transaction(ROOT) as project:
        project.metadata = {**project.metadata, "test_command": ["python", "-m", "pytest"]}
    commands = on.handle(GetAssignment(feature_id="wish"))["commands"]
    assert commands == [
        ["cde", "save", "wish"],
        ["cde", "status", "wish"],
        ["cde", "rollback", "wish"],
        ["python", "-m", "pytest"],
    ]


def test_a_check_that_nobody_trusts_is_not_allowed_to_an_agent() -> None:
    on = stage(a=[WRITES])
    (phase,) = workflow("agent").phases
    checked = replace(phase, check=("make", "test"))
    on.world.workflows.own = catalog(Workflow(id="w", phases=(checked,)), packaged=False)
    on.handle(StartFeature(prompt="A wish", name="other"))
    on.world.trust.careful = True
    asked = GetAssignment(feature_id="other")
    assert ["make", "test"] not in on.handle(asked)["commands"]
    check = checked.gate_check
    assert check is not None
    on.world.trust.grants.append(check.command_line)
    assert ["make", "test"] in on.handle(asked)["commands"]
