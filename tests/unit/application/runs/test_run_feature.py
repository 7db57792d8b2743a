"""Which agent works on what, how often, and when a person is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import (
    AssignmentReply,
    GetAssignment,
    GetFeatureStatus,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.agents import (
    AgentProbe,
    AgentTrialReply,
    Assignment,
    OnLine,
)
from cde_orchestrator.application.ports.runs import Note
from cde_orchestrator.application.projects.trust_commands import RevokeTrust
from cde_orchestrator.application.runs.observer import PhaseRun, RunObserver
from cde_orchestrator.application.runs.run_feature import FeatureRun
from cde_orchestrator.application.runs.show_agents import (
    GetTrustedAgents,
    ListAgents,
    TryAgent,
)
from cde_orchestrator.application.runs.trust_agents import TrustAgents
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import SentBackView, SubmitReply
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import (
    AgentError,
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
)
from cde_orchestrator.domain.workflow import Output, Phase, Workflow
from tests.fakes import ROOT, Reply, World, catalog

SPEC = "## Goal\n\nWhat is wanted, and how anybody can see it.\n"
WRITES = "writes"
Step = str | CDEError


def agent(name: str) -> Agent:
    return Agent(name=name, command=(name, "--go"))


@dataclass
class ScriptedAgents:
    """Agents that do, run after run, what a script says: write the output, leave it, or fail."""

    world: World
    scripts: dict[str, list[Step]]
    asked: list[tuple[str, Assignment]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    commands: Iterator[tuple[str, ...]] = field(default_factory=lambda: iter(()))
    ran: list[Agent] = field(default_factory=list)
    missing: frozenset[str] = frozenset()
    reports: list[AgentReport] = field(default_factory=list)
    waited: list[tuple[float, str]] = field(default_factory=list)
    noted: list[tuple[str, str]] = field(default_factory=list)

    def definitions(self) -> Mapping[str, Agent]:
        command = next(self.commands, None)
        known = {name: agent(name) for name in self.scripts}
        return {
            name: replace(each, command=command or each.command) for name, each in known.items()
        }

    def run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> AgentReport:
        self.asked.append((agent.name, assignment))
        self.ran.append(agent)
        script = self.scripts[agent.name]
        step = script.pop(0) if len(script) > 1 else script[0]
        on_line(f"{agent.name} works")
        if isinstance(step, CDEError):
            raise step
        if step == WRITES:
            path = f"specs/{assignment.labels['CDE_FEATURE']}/spec.md"
            self.world.files.contents[path] = SPEC.encode()
        self.meanwhile()
        return self.reports.pop(0) if self.reports else AgentReport()

    def is_installed(self, agent: Agent) -> bool:
        return agent.name not in self.missing

    def wait(self, seconds: float, agent: str) -> None:
        self.waited.append((seconds, agent))

    def probe(self, agent: Agent, *, ask_version: bool) -> AgentProbe:
        return {
            "name": agent.name,
            "source": agent.source,
            "command": [*agent.command],
            "prompt": agent.prompt,
            "timeout_seconds": agent.timeout_seconds,
            "found": True,
            "version": "1.0" if ask_version else None,
            "breaker": "closed",
        }

    def try_out(self, agent: Agent) -> AgentTrialReply:
        return {"name": agent.name, "wrote_file": True, "duration_ms": 1.0, "last_lines": []}

    @contextmanager
    def lock_run(self, feature_id: str, feature: str) -> Iterator[Note]:
        yield lambda kind, text: self.noted.append((kind, text))

    def stop(self) -> None:
        raise NotImplementedError


@dataclass
class Watching(RunObserver):
    """Writes down what it is told."""

    told: list[str] = field(default_factory=list)

    def phase_started(self, assignment: AssignmentReply) -> None:
        phase = assignment["phase"]
        self.told.append(f"{phase['id'] if phase else '-'} {assignment['number']}")

    def attempt_started(self, attempt: int, last: int, agent: Agent) -> None:
        self.told.append(f"{agent.name} {attempt}/{last}")

    def line(self, line: str) -> None:
        self.told.append(line)

    def agent_failed(self, error: CDEError) -> None:
        self.told.append(f"failed {error.code}")

    def refused(self, error: CDEError) -> None:
        self.told.append(f"refused {error.code}")

    def agent_ended(self, report: AgentReport) -> None:
        if report.cost_usd is not None:
            self.told.append(f"used ${report.cost_usd:.2f}")

    def dropped(self, agent: Agent, error: CDEError) -> None:
        self.told.append(f"dropped {agent.name}")

    def waits(self, agent: Agent, seconds: float) -> None:
        self.told.append(f"waits for {agent.name}")

    def completed_meanwhile(self, phases: list[PhaseRun]) -> None:
        self.told += [f"meanwhile {each['id']}" for each in phases]

    def sent_back(self, sent: SentBackView) -> None:
        self.told.append(f"sent back to {sent['to'] or 'nobody'}")

    def accepted(self, reply: SubmitReply) -> None:
        self.told.append(f"accepted {reply['accepted']['id']}")


@dataclass
class Stage:
    world: World
    agents: ScriptedAgents
    watching: Watching = field(default_factory=Watching)

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        return self.world.run(use_case, agents=self.agents)

    def run(self, *names: str, feature: str = "wish") -> Any:
        return FeatureRun(
            service=self,
            agents=self.agents,
            names=names,
            folder=ROOT,
            observer=self.watching,
        )(feature)


def workflow(*handlers: str) -> Workflow:
    phases = tuple(
        Phase(
            id=f"p{number}",
            handler="human_input" if handler == "human_input" else "agent",
            prompt="standard/define.md",
            outputs=(Output(id=f"o{number}", path="specs/{feature}/spec.md"),),
        )
        for number, handler in enumerate(handlers, start=1)
    )
    return Workflow(id="standard", max_attempts=3, phases=phases)


def stage(*handlers: str, **scripts: list[Step]) -> Stage:
    world = World.active()
    world.workflows.own = catalog(workflow(*(handlers or ("agent",))), packaged=False)
    agents = ScriptedAgents(world, scripts)
    made = Stage(world, agents)
    made.handle(StartFeature(prompt="A wish", name="wish"))
    return made


def failed(code: str) -> CDEError:
    return AgentError.of(code, agent="a", reason="it broke", last_line="none", timeout_seconds=1)


def test_an_agent_that_delivers_completes_the_feature() -> None:
    on = stage("agent", "agent", a=[WRITES])
    reply = on.run("a")
    assert reply["outcome"] == "completed"
    assert reply["phase"] is None
    assert reply["phases"] == [
        {"id": "p1", "attempts": 1, "agent": "a"},
        {"id": "p2", "attempts": 1, "agent": "a"},
    ]
    assert on.watching.told[:4] == ["p1 1", "a 1/3", "a works", "accepted p1"]
    assert on.agents.noted[:4] == [
        ("phase", "p1, phase 1 of 2"),
        ("attempt", "a, attempt 1 of 3"),
        ("line", "a works"),
        ("accepted", "p1 accepted"),
    ]
    assert on.agents.noted[-1] == ("done", "The feature is completed")
    _, assignment = on.agents.asked[0]
    assert (assignment.folder, assignment.timeout_seconds) == (ROOT, None)
    assert assignment.labels == {"CDE_FEATURE": "wish", "CDE_PHASE": "p1"}


def test_a_refusal_is_handed_back_to_the_same_agent() -> None:
    on = stage(a=["idle", "idle", WRITES], b=[WRITES])
    assert on.run("a", "b")["phases"] == [{"id": "p1", "attempts": 3, "agent": "a"}]
    prompts = [assignment.prompt for _, assignment in on.agents.asked]
    assert "E110" not in prompts[0]
    assert "E110" in prompts[1]
    assert "attempt 3" in prompts[2]


def test_an_earlier_output_that_an_agent_changes_is_told_once_and_then_put_back() -> None:
    on = stage(a=[WRITES, "idle"])
    first = workflow("agent").phases[0]
    more = Output(id="more", path="specs/{feature}/more.md", required=False)
    phases = (first, replace(first, id="p2", outputs=(more,)))
    on.world.workflows.own = catalog(Workflow(id="w", phases=phases), packaged=False)
    on.handle(CloseFeature(feature_id="wish", outcome="cancelled", reason="Another one"))
    on.handle(StartFeature(prompt="A wish", name="other"))
    spec = "specs/other/spec.md"

    def spoil() -> None:
        if len(on.agents.asked) > 1:
            on.world.files.contents[spec] = b"Spoiled"

    on.agents.meanwhile = spoil
    assert on.run("a", feature="other")["phases"][1]["attempts"] == 2
    assert "refused E132" in on.watching.told
    assert on.world.files.contents[spec] == SPEC.encode()


def test_after_the_last_attempt_the_phase_waits_for_a_person() -> None:
    on = stage(a=["idle"])
    with pytest.raises(CDESystemError) as refusal:
        on.run("a")
    assert refusal.value.code == "E908"
    assert refusal.value.context["attempts"] == 3
    assert on.handle(GetAssignment(feature_id="wish"))["feature"]["current_phase"] == "p1"


def test_an_attempt_of_a_run_is_one_of_the_feature() -> None:
    on = stage(a=["idle", WRITES], b=[WRITES])
    seen: list[tuple[int, int]] = []

    def look() -> None:
        phases = on.handle(GetFeatureStatus(feature_id="wish"))["phases"]
        seen.append((phases[0]["attempts"], len(on.world.project.feature("wish").events)))

    on.agents.meanwhile = look
    assert on.run("a")["phases"] == [{"id": "p1", "attempts": 2, "agent": "a"}]
    (failure,) = on.world.project.feature("wish").phases["p1"].failures
    assert [attempt for attempt, _ in seen] == [1, 2]
    assert (failure.attempt, "specs/wish/spec.md" in failure.reason) == (1, True)
    assert on.watching.told[1:4:2] == ["a 1/3", "refused E110"]


def test_a_run_that_a_person_starts_again_has_all_attempts() -> None:
    on = stage(a=["idle", "idle", "idle", "idle", WRITES])
    with pytest.raises(CDESystemError):
        on.run("a")
    assert on.run("a")["phases"] == [{"id": "p1", "attempts": 5, "agent": "a"}]
    assert [each for each in on.watching.told if each.startswith("a ") and "/" in each] == [
        *("a 1/3", "a 2/3", "a 3/3"),
        *("a 4/6", "a 5/6"),
    ]
    assert "This is attempt 5 of 6." in on.agents.asked[-1][1].prompt


def test_a_run_that_was_stopped_goes_on_with_the_attempts_that_are_left() -> None:
    on = stage(a=["idle", failed("E905"), WRITES])
    with pytest.raises(CDESystemError):
        on.run("a")
    assert on.run("a")["phases"] == [{"id": "p1", "attempts": 2, "agent": "a"}]


def test_somebody_who_closes_the_feature_meanwhile_ends_the_run() -> None:
    on = stage(a=["idle"])
    close = CloseFeature(feature_id="wish", outcome="cancelled", reason="No")
    on.agents.meanwhile = lambda: on.handle(close)
    assert on.run("a")["outcome"] == "closed"


@pytest.mark.parametrize("code", ["E906", "E907"])
def test_the_next_agent_works_when_one_failed_and_then_the_first_again(code: str) -> None:
    on = stage(a=[failed(code), WRITES], b=[failed(code)])
    assert on.run("a", "b")["phases"] == [{"id": "p1", "attempts": 3, "agent": "a"}]
    assert [name for name, _ in on.agents.asked] == ["a", "b", "a"]


@pytest.mark.parametrize(
    "down",
    [
        failed("E905"),
        CircuitBreakerOpenError.of(
            "E903", breaker="agent-a", retry_after_seconds=1.0, last_failure="E906"
        ),
    ],
)
def test_an_agent_that_is_down_costs_no_attempt(down: CDEError) -> None:
    on = stage(a=[down], b=["idle", WRITES])
    assert on.run("a", "b")["phases"] == [{"id": "p1", "attempts": 2, "agent": "b"}]


def test_with_all_agents_down_the_phase_waits_for_a_person_at_once() -> None:
    on = stage(a=[failed("E905")], b=[failed("E905")])
    with pytest.raises(CDESystemError) as refusal:
        on.run("a", "b")
    assert refusal.value.code == "E908"
    assert len(on.agents.asked) == 2


def test_a_person_is_waited_for() -> None:
    on = stage("human_input", "agent", a=[WRITES])
    reply = on.run("a")
    assert (reply["outcome"], reply["phase"]["id"]) == ("waits_for_person", "p1")
    assert on.agents.asked == []


def test_a_persons_phase_is_waited_for_though_its_outputs_are_there() -> None:
    on = stage("human_input", "agent", a=[WRITES])
    on.world.files.contents["specs/wish/spec.md"] = SPEC.encode()
    assert on.run("a")["outcome"] == "waits_for_person"
    on.handle(SubmitWork(feature_id="wish", phase_id="p1"))
    assert on.run("a")["outcome"] == "completed"


def judged(verdicts: list[str]) -> Stage:
    """Two phases, of which the second one judges; its verdicts, one after the other."""
    on = stage(a=[WRITES])
    first = workflow("agent").phases[0]
    review = Output(id="review", path="specs/{feature}/review.md", verdict=("approved",))
    phases = (first, replace(first, id="p2", outputs=(review,)))
    on.world.workflows.own = catalog(
        Workflow(id="w", max_attempts=3, phases=phases), packaged=False
    )
    on.handle(StartFeature(prompt="A wish", name="other"))

    def judge() -> None:
        if on.agents.asked[-1][1].labels["CDE_PHASE"] == "p2":
            words = f"# Review\n\nVerdict: {verdicts.pop(0)}\n\n## Findings\n\n- a.py:3 is wrong\n"
            on.world.files.contents["specs/other/review.md"] = words.encode()

    on.agents.meanwhile = judge
    return on


def test_another_verdict_takes_the_run_back_with_the_findings() -> None:
    on = judged(["changes needed", "approved"])
    reply = on.run("a", feature="other")
    assert reply["outcome"] == "completed"
    assert [each["id"] for each in reply["phases"]] == ["p1", "p1", "p2"]
    assert "sent back to p1" in on.watching.told
    record = on.world.project.feature("other").phases["p1"]
    assert record.returned is not None
    assert "a.py:3 is wrong" in record.returned.reason
    assert record.failures == []


def test_verdicts_use_attempts_up_until_a_person_has_to_decide() -> None:
    on = judged(["changes needed"] * 3)
    reply = on.run("a", feature="other")
    assert (reply["outcome"], reply["phase"]) == ("waits_for_person", None)
    assert reply["feature"]["status"] == "failed"
    assert on.watching.told.count("sent back to p1") == 2
    assert on.watching.told[-1] == "sent back to nobody"


def test_a_phase_that_somebody_else_completed_meanwhile_is_done_once() -> None:
    on = stage("agent", "agent", a=[WRITES])
    on.agents.meanwhile = lambda: on.handle(SubmitWork(feature_id="wish", phase_id="p1"))
    assert on.run("a")["outcome"] == "completed"
    phases = on.handle(GetFeatureStatus(feature_id="wish"))["phases"]
    assert [(phase["status"], phase["attempts"]) for phase in phases] == [("completed", 1)] * 2


def test_any_other_refusal_ends_the_run() -> None:
    on = stage(a=[WRITES])
    on.agents.meanwhile = lambda: setattr(on.world.repository, "read_only_reason", "full")
    with pytest.raises(CDEError) as refusal:
        on.run("a")
    assert refusal.value.code == "E206"


def test_a_closed_feature_has_nothing_to_run() -> None:
    on = stage(a=[WRITES])
    on.run("a")
    assert on.run("a")["outcome"] == "completed"
    assert len(on.agents.asked) == 1


def test_agents_are_looked_at_before_anything_is_done() -> None:
    on = stage(a=[WRITES], b=[WRITES])
    on.world.trust.careful = True
    on.handle(TrustAgents(names=["a"]))
    for names, code in ((("a", "nobody"), "E910"), (("a", "b"), "E912")):
        with pytest.raises(CDESystemError) as refusal:
            on.run(*names)
        assert refusal.value.code == code
    assert on.agents.asked == []


def test_agents_are_listed_tried_out_and_trusted() -> None:
    on = stage(a=[WRITES])
    on.world.trust.careful = True
    assert on.handle(ListAgents())["agents"][0]["version"] == "1.0"  # a built-in one is harmless
    with pytest.raises(CDESystemError):
        on.handle(TryAgent(name="a"))
    assert on.handle(TrustAgents(names=["a"]))["agents"][0]["trusted"]
    assert on.handle(TryAgent(name="a"))["wrote_file"]
    assert on.handle(GetTrustedAgents(names=["a", "a"])) == [agent("a")]


def test_what_is_run_is_what_was_trusted_whatever_the_settings_say_by_then() -> None:
    on = stage(a=[WRITES])
    on.agents.commands = iter([("a", "--go"), ("evil",)])
    on.run("a")
    assert [each.command for each in on.agents.ran] == [("a", "--go")]


def test_an_agent_that_is_another_than_the_person_was_shown_is_not_trusted() -> None:
    on = stage(a=[WRITES], b=[WRITES])
    on.world.trust.careful = True
    rows = on.handle(ListAgents(names=["a"]))["agents"]
    shown = frozenset(row["digest"] for row in rows)
    with pytest.raises(CDESystemError) as refusal:
        on.handle(TrustAgents(names=["a", "b"], digests=shown))
    assert refusal.value.code == "E912"
    assert on.world.trust.grants == []
    assert on.handle(TrustAgents(names=["a"], digests=shown))["agents"][0]["trusted"]


def test_trust_in_an_agent_is_taken_back() -> None:
    on = stage(a=[WRITES], b=[WRITES])
    on.world.trust.careful = True
    on.handle(TrustAgents(names=["a", "b"]))
    reply = on.handle(RevokeTrust(agents=["b"]))
    assert [row["name"] for row in reply["others"]] == ["a"]
    assert [row["trusted"] for row in on.handle(ListAgents())["agents"]] == [True, False]
    assert on.handle(RevokeTrust())["others"] == []


def read_by(wanted: str, *names: str, built_by: str = "") -> Stage:
    """A feature whose second phase is for another agent, or a named one."""
    scripts: dict[str, list[Step]] = {name: [WRITES] for name in names}
    on = stage(**scripts)
    first, second = workflow("agent", "agent").phases
    made = Workflow(id="standard", phases=(first, replace(second, agent=wanted)))
    on.world.workflows.own = catalog(made, packaged=False)
    on.handle(StartFeature(prompt="A judged wish", name="judged"))
    if built_by:
        on.world.files.contents["specs/judged/spec.md"] = SPEC.encode()
        on.handle(SubmitWork(feature_id="judged", phase_id="p1", agent=built_by, takeover=True))
    return on


def readers(on: Stage) -> list[tuple[str, bool | None]]:
    found = on.world.project.feature("judged").phases.values()
    return [(each.doer.agent, each.doer.as_wanted) for each in found if each.doer]


def test_a_phase_for_another_agent_is_done_by_another_one_if_there_is_one() -> None:
    on = read_by("other", "a", "b")
    assert on.run("a", "b", feature="judged")["phases"] == [
        {"id": "p1", "attempts": 1, "agent": "a"},
        {"id": "p2", "attempts": 1, "agent": "b"},
    ]
    assert readers(on) == [("a", None), ("b", True)]


def test_the_only_agent_does_it_in_a_session_of_its_own() -> None:
    on = read_by("other", "a")
    assert on.run("a", feature="judged")["outcome"] == "completed"
    assert readers(on) == [("a", None), ("a", True)]


def test_who_did_the_work_before_the_run_is_not_the_first_choice() -> None:
    on = read_by("other", "a", "b", built_by="a")
    assert [each["agent"] for each in on.run("a", "b", feature="judged")["phases"]] == ["b"]


def test_an_agent_that_the_workflow_names_does_its_phase_alone() -> None:
    on = read_by("c", "a", "c")
    assert [each["agent"] for each in on.run("a", feature="judged")["phases"]] == ["a", "c"]
    assert readers(on) == [("a", None), ("c", True)]


@pytest.mark.parametrize(("careful", "code"), [(True, "E912"), (False, "E910")])
def test_a_named_agent_that_cannot_be_run_is_reported_before_anything_is_done(
    careful: bool, code: str
) -> None:
    on = read_by("c" if careful else "nobody", "a", "c")
    on.world.trust.careful = careful
    on.world.trust.grants.append(agent("a").command_line)
    with pytest.raises(CDESystemError) as refused:
        on.run("a", feature="judged")
    assert refused.value.code == code
    assert on.agents.asked == []
