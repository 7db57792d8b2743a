"""The dashboard's one answer: whole, small, and there when nothing else is."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import (
    CARDS,
    LANES,
    LARGEST_LANE,
    SORTS,
    WORDS,
    Board,
    Card,
)
from cde_orchestrator.application.monitoring.show_dashboard import (
    CRITERIA,
    GetPulse,
    ShowDashboard,
    ShowFeature,
)
from cde_orchestrator.application.monitoring.show_operations import ShowOperations
from cde_orchestrator.application.ports.health import (
    AlertsReply,
    AlertView,
    HealthReply,
    detail,
)
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, StateError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureList, FeatureSummary
from cde_orchestrator.domain.history import HistoryEntry
from cde_orchestrator.domain.lease import Claim, Process
from tests.fakes import NOON, ROOT, World, catalog, older_feature
from tests.health_fakes import NoHealth
from tests.unit.application.features.test_phase_proof import (
    SPEC,
    built,
    prove,
    proving_workflow,
)

Reply = TypeVar("Reply")


@dataclass
class ScriptedHealth(NoHealth):
    """Health as a test wants it."""

    code: str | None = None
    present: list[AlertView] = field(default_factory=list)

    def get_status(self) -> HealthReply:
        """Degraded, when there is a code."""
        reply = super().get_status()
        if self.code is not None:
            reply["status"] = "degraded"
            reply["checks"] = {"disk_space": "warning"}
            reply["details"] = {"disk_space": detail("little space", error_code=self.code)}
        return reply

    def alerts(self, limit: int = 50) -> AlertsReply:
        """What a test gave."""
        return {"alerts": self.present, "history": []}


def show(world: World, use_case: UseCase[Reply], **others: Any) -> Reply:
    """The reply, with other fakes than the world's."""
    return world.run(use_case, **others)


def board(world: World, **asked: Any) -> Board:
    """The board."""
    found = world.run(ShowDashboard(**asked))["board"]
    assert found is not None
    return found


def cards(world: World, lane: str, **asked: Any) -> list[Card]:
    """The cards in a lane of the board."""
    return next(each["cards"] for each in board(world, **asked)["lanes"] if each["id"] == lane)


def names(world: World, **asked: Any) -> dict[str, list[str]]:
    """The names on the board, by lane; empty lanes are omitted."""
    return {
        each["id"]: [card["name"] for card in each["cards"]]
        for each in board(world, **asked)["lanes"]
        if each["cards"]
    }


def submit_spec(world: World, name: str) -> None:
    """Accept the first phase, after which a person is waited for."""
    spec = {"spec": "## Goal\nLog in\n"}
    world.run(SubmitWork(feature_id=name, phase_id="define", results=spec))


def test_the_lanes_say_who_is_waited_for_in_every_workflow(world: World) -> None:
    world.callers.become_person()
    for name in ("login", "logout", "search", "cart"):
        world.clock.advance()
        world.run(StartFeature(prompt=f"Add {name}", name=name))
    world.run(CloseFeature(feature_id="logout", outcome="cancelled", reason="not needed"))
    submit_spec(world, "search")
    world.run(ResumeFeature(feature_id="cart", agent="ada"))

    shown = board(world)

    assert names(world) == {
        "waiting": ["search"],
        "working": ["cart"],
        "ready": ["login"],
        "done": ["logout"],
    }
    assert [each["id"] for each in shown["lanes"]] == [*LANES]
    assert (shown["total"], shown["open"], shown["found"], shown["by"]) == (4, 3, 4, None)
    assert (shown["workflows"], shown["agents"]) == (["standard"], ["ada"])
    assert shown["counts"] == {"building": 1, "cancelled": 1, "defining": 2}
    [card] = cards(world, "waiting")
    assert (card["goal"], card["asks"], card["phase"]) == ("Add search", "Build it.", "build")
    assert (card["step"], card["steps"], card["attempts"], card["last_attempt"]) == (2, 2, 1, 3)
    assert (card["check"], card["cost_usd"], card["standing"]) == (None, None, None)


def test_an_agent_whose_lease_ended_has_nothing(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(ResumeFeature(feature_id="login", agent="ada"))
    assert names(world) == {"working": ["login"]}

    world.clock.advance(86_400)

    assert names(world) == {"ready": ["login"]}
    assert board(world)["agents"] == []


def test_lanes_can_be_the_phases_of_one_workflow(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(StartFeature(prompt="Add logout", name="logout"))
    world.run(StartFeature(prompt="Add search", name="search"))
    world.run(CloseFeature(feature_id="logout", outcome="cancelled", reason="not needed"))
    submit_spec(world, "search")
    project = world.project
    older_feature(project, workflow_type="other")
    world.repository.put(project)

    shown = board(world, by="standard")

    assert names(world, by="standard") == {
        "define": ["login"],
        "build": ["search"],
        "done": ["logout"],
    }
    assert shown["by"] == "standard"
    assert [each["description"] for each in shown["lanes"]] == [
        "Say what is wanted.",
        "Build it.",
        "",
    ]
    assert (shown["found"], shown["total"]) == (3, 4)


def test_a_workflow_that_is_gone_is_known_by_what_features_kept_of_it(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    other = world.workflows.packaged.workflows["standard"]
    world.workflows.own = catalog(replace(other, id="new"), packaged=False)

    assert names(world, by="standard") == {"define": ["login"]}
    assert names(world, by="new") == {}


def test_features_are_searched_and_filtered(world: World) -> None:
    for name, goal in (("login", "Let people in"), ("logout", "Let people out")):
        world.run(StartFeature(prompt=goal, name=name))
    world.run(ResumeFeature(feature_id="login", agent="ada"))
    submit_spec(world, "logout")

    assert names(world, word="OUT") == {"waiting": ["logout"]}
    assert names(world, word="people in") == {"working": ["login"]}
    assert names(world, waits_for="person") == {"waiting": ["logout"]}
    assert names(world, agent="ada") == {"working": ["login"]}
    assert names(world, workflow="other") == names(world, proof="proven") == {}
    assert board(world, word="nothing")["found"] == 0
    assert board(world, word="nothing")["total"] == 2


def test_features_are_filtered_by_their_proof(world: World) -> None:
    prove(built(world))
    code = {path: text.encode() for path, text in world.proofs.source.items()}
    world.files.contents.update(code)
    world.run(StartFeature(prompt="Sell more", name="open"))

    def found() -> dict[str, dict[str, list[str]]]:
        return {proof: names(world, proof=proof) for proof in ("proven", "stale", "unproven")}

    only = {"done": ["shop"]}
    assert found() == {"proven": only, "stale": {}, "unproven": {}}
    world.files.contents["src/shop.s"] += b"#"
    assert found() == {"proven": {}, "stale": only, "unproven": {}}
    with world.repository.transaction(world.root) as project:
        for record in project.feature("shop").phases.values():
            record.proof = None
    assert found() == {"proven": {}, "stale": {}, "unproven": only}


def test_the_cost_on_a_card_is_what_agents_reported_in_all_phases(world: World) -> None:
    world.callers.become_person()
    for each in ("dear", "silent"):
        world.run(StartFeature(prompt="Add it", name=each))
    reports = {"define": (AgentReport(cost_usd=0.25), AgentReport(cost_usd=1.0)), "build": ()}
    reports["build"] = (AgentReport(turns=3), AgentReport(cost_usd=0.5))
    with world.repository.transaction(world.root) as project:
        for phase, all_of_it in reports.items():
            project.feature("dear").phases[phase].runs = [
                AgentRun(at=NOON, agent="ada", attempt=1, seconds=9, report=report)
                for report in all_of_it
            ]

    shown = {each["name"]: each["cost_usd"] for each in cards(world, "ready")}
    assert shown == {"dear": 1.75, "silent": None}


def test_cards_are_sorted(world: World) -> None:
    world.callers.become_person()
    for name in ("b", "c", "a"):
        world.clock.advance()
        world.run(StartFeature(prompt=f"Add {name}", name=name))
    world.clock.advance()
    world.run(SaveProgress(feature_id="b", note="half"))

    orders = {sort: names(world, sort=sort)["ready"] for sort in (None, *SORTS)}

    assert orders == {
        None: ["a", "c", "b"],
        "started": ["a", "c", "b"],
        "changed": ["b", "a", "c"],
        "unchanged": ["c", "a", "b"],
        "name": ["a", "b", "c"],
    }


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("sort", "size"),
        ("by", "nothing"),
        ("waits_for", "godot"),
        ("proof", "maybe"),
        ("cards", 0),
    ],
)
def test_what_cannot_be_asked_for_is_refused(world: World, argument: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ShowDashboard(**{argument: value}))

    assert (refused.value.code, refused.value.context["argument"]) == ("E305", argument)


def test_the_board_stays_small_and_counts_everything(world: World) -> None:
    project = world.project
    goal = "Ä long goal, with “quotes” " * 200
    for number in range(250):
        feature = older_feature(project, id=f"o-{number:04}", name=f"open-{number}", prompt=goal)
        feature.created_at = NOON + timedelta(seconds=number)
        done = older_feature(project, id=f"d-{number:04}", name=f"done-{number}", prompt=goal)
        done.status, done.updated_at = "completed", NOON + timedelta(seconds=number)
    world.repository.put(project)

    lanes = {each["id"]: each for each in board(world)["lanes"]}

    assert [(name, each["count"], len(each["cards"])) for name, each in lanes.items()] == [
        ("waiting", 0, 0),
        ("working", 0, 0),
        ("ready", 250, CARDS // 4),
        ("done", 250, CARDS // 4),
    ]
    assert lanes["ready"]["cards"][0]["name"] == "open-249"
    assert lanes["done"]["cards"][0]["name"] == "done-249"
    assert len(cards(world, "done", cards=50)) == 50
    assert len(cards(world, "done", cards=9_999)) == LARGEST_LANE
    full = 2 * len(json.dumps([lanes["ready"]["cards"], lanes["done"]["cards"]]))
    assert full < 90_000  # of the four lanes of the first page


def test_only_features_on_cards_are_decoded_however_many_agents_are_at_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = CallerLeases.of(world.callers, ROOT, NOON, "ada").caller
    other = replace(caller, process=Process(1, "gone", "here"))
    world.callers.dead.add(Process(1, "gone", "here"))
    project = world.project
    for number in range(250):
        feature = older_feature(project, id=f"o-{number:04}", name=f"open-{number}")
        feature.claim = Claim.of(other if number % 2 else caller, NOON, deliberate=True)
    world.repository.put(project)
    summaries = [FeatureSummary.of(each) for each in world.repository.get(ROOT).features]
    decoded: list[str] = []
    by_id = FeatureList.by_id

    def counted(features: FeatureList, feature_id: str) -> Feature | None:
        decoded.append(feature_id)
        return by_id(features, feature_id)

    monkeypatch.setattr(FeatureList, "by_id", counted)
    monkeypatch.setattr(FeatureList, "summaries", lambda _: summaries)
    lanes = board(world)["lanes"]
    assert [(each["id"], each["count"]) for each in lanes if each["count"]] == [
        ("working", 125),
        ("ready", 125),
    ]
    assert len(decoded) == sum(len(each["cards"]) for each in lanes) == 2 * CARDS // 4
    assert {card["lane"] for each in lanes for card in each["cards"]} == {"working", "ready"}


def test_a_card_has_the_beginning_of_what_a_person_is_asked_for(world: World) -> None:
    world.callers.become_person()
    known = world.workflows.packaged.workflows["standard"]
    first, second = known.phases
    long = replace(second, description="Build it. " * 10_000)
    world.workflows.own = catalog(replace(known, phases=(first, long)), packaged=False)
    world.run(StartFeature(prompt="Add search", name="search"))
    submit_spec(world, "search")

    (card,) = cards(world, "waiting")
    assert len(card["asks"]) == WORDS
    assert card["asks"].startswith("Build it. Build it. ")
    lanes = board(world, by="standard")["lanes"]
    assert [len(each["description"]) for each in lanes][1:] == [WORDS, 0]


def test_a_broken_workflow_file_leaves_the_board_standing(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    project = world.project
    older_feature(project)
    world.repository.put(project)
    world.workflows.failure = ValidationError.of("E310", path="workflow.yml", reason="broken")

    assert names(world) == {"ready": ["login", "older"]}
    assert names(world, by="standard") == {"define": ["login"]}
    [login, older] = cards(world, "ready")
    assert (login["steps"], older["steps"], older["last_attempt"]) == (2, 0, 0)


def test_a_feature_that_cannot_be_read_is_a_problem_and_no_empty_board(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))

    def broken(*_: object) -> None:
        raise StateError.of("E202", path="state.json", reason="broken")

    monkeypatch.setattr(FeatureList, "by_id", broken)

    reply = world.run(ShowDashboard())
    assert (reply["board"], reply["problem"] and reply["problem"]["code"]) == (None, "E202")


def test_the_last_check_is_on_the_card(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    submit_spec(world, "login")
    world.checks.exit_codes = [1]
    with suppress(CDEError):
        world.run(
            SubmitWork(feature_id="login", phase_id="build", results={"report": "Nothing new\n"})
        )

    [card] = cards(world, "waiting")
    assert card["check"] == {"at": NOON.isoformat(), "phase": "build", "passed": False}


def test_a_card_tells_who_works_and_what_happened_last(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    assert cards(world, "ready")[0]["event"]["kind"] == "entered"
    world.clock.advance()
    world.run(ResumeFeature(feature_id="login", agent="ada"))
    world.run(SaveProgress(feature_id="login", note="half\n done  now", agent="ada"))
    [card] = cards(world, "working")
    assert card["claim"] is not None
    assert card["claim"]["agent"] == "ada"
    assert card["event"] == {
        "at": (NOON + timedelta(minutes=1)).isoformat(),
        "kind": "saved",
        "text": "half done now",
        "by": "ada",
    }
    world.clock.advance()
    world.run(FailPhase(feature_id="login", phase_id="define", reason="x" * 900, agent="ada"))
    [card] = cards(world, "working")
    assert (card["event"]["kind"], len(card["event"]["text"])) == ("failed", 160)
    assert card["attempts"] == 2
    world.clock.advance()
    world.run(CloseFeature(feature_id="login", outcome="failed", reason="enough", takeover=True))
    assert cards(world, "done")[0]["event"]["kind"] == "failed"
    assert cards(world, "done")[0]["event"]["text"] == "enough"


def test_a_folder_without_a_project_is_told_and_fails_nothing(folder: World) -> None:
    reply = folder.run(ShowDashboard())

    assert (reply["project"], reply["board"]) == (None, None)
    assert reply["problem"] is not None
    assert reply["problem"]["code"] == "E004"
    assert str(ROOT) in reply["problem"]["fixes"][0]["command"]


def test_what_to_do_is_told_for_each_code_that_a_check_or_an_alert_names(world: World) -> None:
    alert: AlertView = {
        "name": "read_only",
        "title": "Read-only",
        "severity": "critical",
        "state": "firing",
        "since": None,
        "figure": None,
        "fired_figure": None,
        "threshold": 0,
        "unit": "",
        "message": "",
        "error_code": "E206",
    }
    unknown: AlertView = {**alert, "error_code": "E000"}
    health = ScriptedHealth("E921", [alert, unknown])

    reply = show(world, ShowDashboard(), health=health)

    assert set(reply["advice"]) == {"E206", "E921"}
    words = ("doctor --fix", "state compact")
    commands = [f"cde {each} --project {ROOT}" for each in words]
    assert reply["advice"]["E921"]["commands"] == commands
    assert all("?" not in each for each in reply["advice"]["E206"]["suggestions"])


def test_advice_that_differs_from_case_to_case_is_left_to_the_explanation(world: World) -> None:
    told = show(world, ShowDashboard(), health=ScriptedHealth("E903"))["advice"]["E903"]

    assert told["suggestions"] == ["See why it failed: cde errors list"]
    assert told["commands"] == []


def test_the_pulse_is_another_one_after_each_kind_of_change_and_only_then(world: World) -> None:
    seen = [world.run(GetPulse())["mark"]]
    assert world.run(GetPulse())["mark"] == seen[0]

    world.clock.advance()
    world.run(StartFeature(prompt="Add login", name="login"))
    seen.append(world.run(GetPulse())["mark"])
    world.clock.advance()
    world.run(SaveProgress(feature_id="login", note="half"))
    seen.append(world.run(GetPulse())["mark"])
    world.reports.reports["1"] = {"code": "E101"}
    seen.append(world.run(GetPulse())["mark"])
    world.repository.read_only_reason = "the disk is full"
    seen.append(world.run(GetPulse())["mark"])
    world.repository.folders.clear()
    seen.append(world.run(GetPulse())["mark"])

    assert len(set(seen)) == len(seen)


class NoHistory:
    """A past that takes long to read."""

    def __init__(self) -> None:
        self.read = 0

    def history(self, *_: Any) -> list[HistoryEntry]:
        """One change, and the renewal of a claim, which is no news."""
        self.read += 1
        at, told = NOON.isoformat(), ("ada", "c", "login")
        return [
            HistoryEntry(2, at, "get_feature_status", *told, f"work.claim.until: {at}"),
            HistoryEntry(1, at, "start_feature", *told, "added"),
        ]


def test_a_features_page_reads_the_past_again_only_when_there_is_more_of_it(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    past = NoHistory()

    first = show(world, ShowFeature(feature_id="login"), recovery=past)
    known = first["latest"]
    same = show(world, ShowFeature(feature_id="login", known=known), recovery=past)
    world.clock.advance()
    world.run(SaveProgress(feature_id="login", note="half"))
    later = show(world, ShowFeature(feature_id="login", known=known), recovery=past)

    assert past.read == 2
    assert first["changes"] == later["changes"] != same["changes"] is None
    assert first["changes"] is not None
    assert [each["operation"] for each in first["changes"]] == ["start_feature"]
    assert later["status"]["work"]["define"]["progress"][0]["note"] == "half"
    assert first["status"]["goal"] == "Add login"
    project = world.project
    project.features[0].note("committed", at=world.clock.advance().isoformat(), by="ann@desk")
    world.repository.put(project)
    noted = show(world, ShowFeature(feature_id="login", known=later["latest"]), recovery=past)
    assert noted["changes"] is not None


def test_a_features_page_has_its_criteria_before_anything_proves_them(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    asked = ShowFeature(feature_id="shop")
    assert show(world, asked, recovery=NoHistory())["criteria"] == []

    many = "".join(f"- AC{number}: It sells {number}\n" for number in range(1, CRITERIA + 21))
    results = {"spec": f"{SPEC.partition('- AC1')[0]}{many}"}
    world.run(SubmitWork(feature_id="shop", phase_id="define", results=results))
    reply = show(world, asked, recovery=NoHistory())

    assert (len(reply["criteria"]), reply["criteria_total"]) == (CRITERIA, CRITERIA + 20)
    first = reply["criteria"][0]
    assert (first["id"], first["text"], first["state"]) == ("AC1", "It sells 1", "unproven")
    assert first["proofs"] == []


def test_a_feature_that_is_not_there_is_e102(world: World) -> None:
    with pytest.raises(FeatureError) as refused:
        show(world, ShowFeature(feature_id="nothing"), recovery=NoHistory())

    assert refused.value.code == "E102"


def test_a_state_that_cannot_be_read_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise StateError.of("E202", path="state.json", reason="broken")

    monkeypatch.setattr(world.repository, "get", broken)

    problem = world.run(ShowDashboard())["problem"]
    assert problem is not None
    assert problem["code"] == "E202"


@pytest.mark.parametrize(
    ("use_case", "routine"),
    [
        (ShowDashboard(), True),
        (ShowOperations(), True),
        (ShowFeature(feature_id="login"), True),
        (GetPulse(), True),
        (ListChanges(), False),
    ],
)
def test_what_the_page_asks_for_again_and_again_is_routine(
    use_case: UseCase[Any], routine: bool
) -> None:
    assert use_case.routine is routine


def test_a_card_tells_why_a_phase_was_returned_to(world: World) -> None:
    world.callers.become_person()
    world.run(StartFeature(prompt="Add login", name="login"))
    spec = {"spec": "## Goal\nLog in\n"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=spec))
    world.clock.advance()
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason="Wrong\nway"))
    [card] = cards(world, "ready")

    assert (card["event"]["kind"], card["event"]["text"]) == ("returned", "Wrong way")
