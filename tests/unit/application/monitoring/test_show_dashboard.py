"""The dashboard's one answer: whole, small, and there when nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.rollback_feature import RollbackFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import CLOSED_SHOWN, OPEN_SHOWN, Card
from cde_orchestrator.application.monitoring.show_dashboard import (
    GetPulse,
    ShowDashboard,
    ShowFeature,
)
from cde_orchestrator.application.ports.health import (
    AlertsReply,
    AlertView,
    HealthReply,
    HistoryReply,
    Span,
    detail,
)
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import FeatureError, StateError, ValidationError
from cde_orchestrator.domain.history import HistoryEntry
from tests.fakes import NOON, ROOT, World, older_feature
from tests.health_fakes import NoHealth

Reply = TypeVar("Reply")


@dataclass
class ScriptedHealth(NoHealth):
    """Health as a test wants it."""

    code: str | None = None
    present: list[AlertView] = field(default_factory=list)
    points: list[Any] = field(default_factory=list)

    def get_status(self) -> HealthReply:
        """Degraded, when there is a code."""
        reply = super().get_status()
        if self.code is not None:
            reply["status"] = "degraded"
            reply["checks"] = {"disk_space": "warning"}
            reply["details"] = {"disk_space": detail("little space", error_code=self.code)}
        return reply

    def history(self, span: Span) -> HistoryReply:
        """The points, and twenty operations."""
        figures: Any = {
            "calls": 1,
            "errors": 0,
            "refusals": 0,
            "average_ms": 1,
            "p50_ms": 1,
            "p99_ms": 1,
        }
        operations: Any = [
            {"operation": f"operation_{number}", "p95_ms": number, "max_ms": 1, **figures}
            for number in range(20)
        ]
        return {"span": span, "step_seconds": 60, "points": self.points, "operations": operations}

    def alerts(self, limit: int = 50) -> AlertsReply:
        """What a test gave."""
        return {"alerts": self.present, "history": []}


def show(world: World, use_case: UseCase[Reply], **others: Any) -> Reply:
    """The reply, with other fakes than the world's."""
    return world.run(use_case, **others)


def cards(world: World, column: str) -> list[Card]:
    """The cards in a column of the board."""
    board = world.run(ShowDashboard())["board"]
    assert board is not None
    return next(each["cards"] for each in board["columns"] if each["id"] == column)


def test_the_board_has_a_column_for_each_phase_and_one_for_what_is_closed(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    world.run(StartFeature(prompt="Add logout", name="logout"))
    world.run(CloseFeature(feature_id="logout", outcome="cancelled", reason="not needed"))

    board = world.run(ShowDashboard())["board"]

    assert board is not None
    assert [(each["id"], each["count"]) for each in board["columns"]] == [
        ("define", 1),
        ("build", 0),
        ("closed", 1),
    ]
    assert board["counts"] == {"cancelled": 1, "defining": 1}
    assert (board["total"], board["open"], board["shown"]) == (2, 1, 1)
    [card] = cards(world, "define")
    assert (card["name"], card["step"], card["steps"], card["attempts"]) == ("login", 1, 2, 1)


def test_a_card_tells_who_works_and_what_happened_last(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    assert cards(world, "define")[0]["event"]["kind"] == "entered"
    world.clock.advance()
    world.run(ResumeFeature(feature_id="login", agent="ada"))
    world.run(SaveProgress(feature_id="login", note="half\n done  now", agent="ada"))
    [card] = cards(world, "define")
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
    [card] = cards(world, "define")
    assert (card["event"]["kind"], len(card["event"]["text"])) == ("failed", 160)
    assert card["attempts"] == 2
    world.clock.advance()
    world.run(CloseFeature(feature_id="login", outcome="failed", reason="enough"))
    assert cards(world, "closed")[0]["event"]["kind"] == "failed"
    assert cards(world, "closed")[0]["event"]["text"] == "enough"


def test_the_board_stays_small_and_counts_everything(world: World) -> None:
    project = world.project
    for number in range(OPEN_SHOWN + 50):
        feature = older_feature(project, id=f"open-{number:04}", name=f"open-{number}")
        feature.updated_at = feature.created_at = NOON + timedelta(seconds=number)
        older_feature(project, id=f"done-{number:04}", name=f"done-{number}", status="completed")
    world.repository.put(project)

    board = world.run(ShowDashboard())["board"]

    assert board is not None
    shown = {each["id"]: each for each in board["columns"]}
    assert sum(len(each["cards"]) for each in shown.values()) == OPEN_SHOWN + CLOSED_SHOWN
    assert shown["closed"]["count"] == board["open"] == OPEN_SHOWN + 50
    assert (board["total"], board["shown"]) == (2 * (OPEN_SHOWN + 50), OPEN_SHOWN)
    # The workflow of these features is unknown here, so that their phase is none of its own.
    assert shown["design"]["cards"][0]["name"] == f"open-{OPEN_SHOWN + 49}"


def test_a_folder_without_a_project_is_told_and_fails_nothing(folder: World) -> None:
    reply = folder.run(ShowDashboard())

    assert (reply["project"], reply["board"]) == (None, None)
    assert reply["problem"] is not None
    assert reply["problem"]["code"] == "E004"
    assert str(ROOT) in reply["problem"]["fixes"][0]["command"]


def test_a_broken_workflow_file_leaves_the_board_standing(world: World) -> None:
    world.run(StartFeature(prompt="Add login", name="login"))
    project = world.project
    older_feature(project)
    world.repository.put(project)
    world.workflows.failure = ValidationError.of("E310", path="workflow.yml", reason="broken")

    board = world.run(ShowDashboard())["board"]

    assert board is not None
    counts = {each["id"]: each["count"] for each in board["columns"]}
    assert (counts["define"], counts["design"], counts["closed"]) == (1, 1, 0)


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


def test_what_happened_lately_is_of_all_processes_and_of_minutes_that_had_calls(
    world: World,
) -> None:
    health = ScriptedHealth()
    assert show(world, ShowDashboard(), health=health)["lately"]["error_rate"] is None
    quiet = {
        "operations": 0,
        "errors": 0,
        "refusals": 0,
        "p50_ms": None,
        "p95_ms": None,
        "p99_ms": None,
    }
    busy = {
        "operations": 60,
        "errors": 6,
        "refusals": 12,
        "p50_ms": 1.0,
        "p95_ms": 2.0,
        "p99_ms": 3.0,
    }
    health.points = [busy, quiet, quiet, busy, quiet, quiet]

    for span in ("hour", "week"):
        assert show(world, ShowDashboard(span=span), health=health)["lately"] == {
            "operations_per_second": 0.2,
            "error_rate": 0.1,
            "refusal_rate": 0.2,
            "p50_ms": 1.0,
            "p95_ms": 2.0,
            "p99_ms": 3.0,
        }


def test_the_slowest_operations_are_the_worst_few_and_told_once(world: World) -> None:
    reply = show(world, ShowDashboard(span="week"), health=ScriptedHealth())

    assert [each["p95_ms"] for each in reply["slowest"]] == list(range(19, 11, -1))
    assert reply["history"]["span"] == "week"
    assert reply["history"]["operations"] == []


def test_an_error_comes_with_its_title(world: World) -> None:
    world.reports.reports = {"1": {"code": "E101"}, "2": {"code": "E000"}}

    told = [(each["code"], each["title"] != "") for each in world.run(ShowDashboard())["errors"]]

    assert told == [("E000", False), ("E101", True)]


@pytest.mark.parametrize("span", ["", "month", "Hour"])
def test_another_span_is_refused(world: World, span: str) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ShowDashboard(span=span))

    assert refused.value.code == "E305"


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
    known = first["status"]["updated_at"]
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
    world.run(StartFeature(prompt="Add login", name="login"))
    spec = {"spec": "## Goal\nLog in\n"}
    world.run(SubmitWork(feature_id="login", phase_id="define", results=spec))
    world.clock.advance()
    world.run(RollbackFeature(feature_id="login", to_phase="define", reason="Wrong\nway"))
    [card] = cards(world, "define")

    assert (card["event"]["kind"], card["event"]["text"]) == ("returned", "Wrong way")
