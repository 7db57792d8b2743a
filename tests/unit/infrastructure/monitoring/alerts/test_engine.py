"""Alerts as processes judge them together: each change happens once, and is told once."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.monitoring.alerts import rules
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher
from cde_orchestrator.infrastructure.monitoring.alerts.engine import AlertEngine
from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore
from cde_orchestrator.infrastructure.observability.operations import note
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.testing import ManualClock

SETTINGS = Settings(alert_error_hold_seconds=20.0, alert_clear_seconds=20.0)


class Ear:
    """A notifier that remembers what it is sent."""

    name = "ear"

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str | None]] = []

    def send(self, payload: bytes) -> None:
        content: dict[str, Any] = orjson.loads(payload)
        alert = content["alert"]
        self.heard.append((alert["name"], alert["state"], content["error_code"]))


class Stage:
    """A project's alerts, judged at times that the test chooses."""

    def __init__(self, root: Path, settings: Settings = SETTINGS) -> None:
        (root / ".cde").mkdir(exist_ok=True)
        self.clock, self.ear = ManualClock(), Ear()
        self.dispatcher = AlertDispatcher(root, lambda: [self.ear])
        self.settings = settings
        self.root = root
        self.engine = self.another()

    def another(self) -> AlertEngine:
        """The engine of a process that starts now."""
        rules = alert_rules(self.settings)
        return AlertEngine(rules, self.store(), self.dispatcher, self.clock)

    def store(self) -> AlertStore:
        return AlertStore(TelemetryStore(self.root))

    @property
    def heard(self) -> list[tuple[str, str, str | None]]:
        """What was sent: name, state and the catalogue's entry."""
        self.dispatcher.close(60)
        return self.ear.heard

    @property
    def states(self) -> list[str]:
        """The states that alerts took, newest first."""
        return [event["state"] for event in self.store().events()]

    def look(self, seconds: float, **measures: float | None) -> list[str]:
        """What happens when the figures are looked at after so many seconds."""
        self.clock.advance(seconds)
        return [f"{each['name']} {each['state']}" for each in self.engine.evaluate(measures)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(
    ("name", "measure", "bad", "good"),
    [
        ("high_error_rate", rules.ERROR_PERCENT, 5.1, 3.9),
        ("slow_operations", rules.SLOWEST_MS, 1_001.0, 1_000.0),
        ("disk_space_low", rules.DISK_FREE_MB, 99.0, 120.0),
        ("memory_high", rules.MEMORY_PERCENT, 80.1, 76.0),
        ("read_only", rules.READ_ONLY, 1.0, 0.0),
        ("breaker_open", rules.BREAKERS_OPEN, 1.0, 0.0),
        ("state_recovered", rules.RECOVERIES, 1.0, 0.0),
        ("backups_stale", rules.BACKUP_AGE_HOURS, 48.5, 0.0),
        ("claims_expired", rules.CLAIMS_EXPIRED, 2.0, 0.0),
    ],
)
def test_each_alert_is_pending_fires_and_is_resolved(
    tmp_path: Path, name: str, measure: str, bad: float, good: float
) -> None:
    stage = Stage(tmp_path, Settings(alert_event_hold_seconds=0.0, alert_clear_seconds=20.0))
    hold = next(rule.hold_seconds for rule in alert_rules(stage.settings) if rule.name == name)

    happened = stage.look(0, **{measure: bad})
    for _ in range(int(hold // 10)):
        happened += stage.look(10, **{measure: bad})
    for _ in range(4):
        happened += stage.look(10, **{measure: good})

    assert happened == [f"{name} pending", f"{name} firing", f"{name} resolved"]
    assert [state for _, state, _ in stage.heard] == ["firing", "resolved"]
    assert stage.states == ["resolved", "firing", "pending"]


def test_a_process_that_starts_again_does_not_fire_again(stage: Stage) -> None:
    assert stage.look(0, read_only=1.0) == ["read_only pending", "read_only firing"]

    stage.engine = stage.another()

    assert stage.look(10, read_only=1.0) == []
    assert len(stage.heard) == 1


def test_a_hold_goes_on_in_another_process(stage: Stage) -> None:
    assert stage.look(0, error_percent=9.0) == ["high_error_rate pending"]
    stage.look(10, error_percent=9.0)
    stage.engine = stage.another()

    assert stage.look(10, error_percent=9.0) == ["high_error_rate firing"]


def judge_often(root: Path, out: Connection) -> None:
    stage = Stage(root)
    happened = []
    for number in range(40):
        happened += stage.look(10, read_only=float(number // 10 % 2))
    out.send(happened)


def test_of_many_processes_one_makes_each_change(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    AlertStore(TelemetryStore(tmp_path)).states()
    # Not forked: threads of this process may hold locks that no thread of a copy gives back.
    context, pipes, processes = multiprocessing.get_context("spawn"), [], []
    for _ in range(3):
        here, there = context.Pipe()
        processes.append(context.Process(target=judge_often, args=(tmp_path, there)))
        pipes.append(here)
    for process in processes:
        process.start()
    happened = [event for pipe in pipes for event in pipe.recv()]
    for process in processes:
        process.join()

    kept = AlertStore(TelemetryStore(tmp_path)).events(1_000)
    assert sorted(happened) == sorted(f"{each['name']} {each['state']}" for each in kept)
    states = [event["state"] for event in reversed(kept)]
    cycle = ["pending", "firing", "resolved"]
    assert states == [cycle[number % 3] for number in range(len(states))]


def test_a_view_shows_the_newest_figure_and_since_when(stage: Stage) -> None:
    stage.look(0, read_only=1.0, memory_percent=40.0)
    since = stage.clock.now.isoformat()
    stage.look(10, read_only=1.0, memory_percent=41.0)

    views = {view["name"]: view for view in stage.engine.views()}

    assert len(views) == 9
    assert (views["read_only"]["state"], views["read_only"]["since"]) == ("firing", since)
    assert views["read_only"]["error_code"] == "E206"
    assert (views["memory_high"]["state"], views["memory_high"]["figure"]) == ("inactive", 41.0)
    assert (views["memory_high"]["threshold"], views["memory_high"]["unit"]) == (80.0, "%")
    assert {view["name"]: view["state"] for view in stage.another().views()} == {
        name: view["state"] for name, view in views.items()
    }


def test_an_alert_that_fires_shows_the_figure_that_fired_and_the_present_one(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, Settings(alert_slow_hold_seconds=0.0, alert_clear_seconds=75.0))
    stage.look(0, slowest_ms=1_188.3, recoveries=2.0)
    for _ in range(8):
        stage.look(10, slowest_ms=0.0, recoveries=0.0)

    views = {view["name"]: view for view in stage.engine.views()}
    slow, repaired = views["slow_operations"], views["state_recovered"]
    assert (slow["state"], slow["fired_figure"], slow["figure"]) == ("firing", 1_188.3, 0.0)
    assert slow["message"] == (
        "The slowest operation of the last minute took 1188 ms; the limit is 1000 ms. Now: 0 ms."
    )
    assert "repaired recently: 2 times" in repaired["message"]
    assert views["memory_high"]["fired_figure"] is None

    stage.look(10, slowest_ms=0.0, recoveries=0.0)
    over = {event["name"]: event for event in stage.store().events() if event["figure"] == 0.0}
    assert over["slow_operations"]["state"] == "resolved"
    assert over["slow_operations"]["message"] == (
        "Back to normal after 90 s. When it fired: "
        "The slowest operation of the last minute took 1188 ms; the limit is 1000 ms."
    )


def test_an_alert_that_is_switched_off_is_not_said_to_be_normal_again(stage: Stage) -> None:
    stage.look(0, read_only=1.0)
    stage.settings = replace(stage.settings, alerts_off="read_only")
    stage.engine = stage.another()

    assert stage.look(10, read_only=1.0) == ["read_only resolved"]
    assert stage.store().events()[0]["message"].startswith("No longer watched after 10 s.")


def test_the_notifiers_are_told_which_entry_of_the_catalogue_helps(stage: Stage) -> None:
    stage.look(0, breakers_open=1.0)

    assert stage.heard == [("breaker_open", "firing", "E903")]


def test_what_happens_is_logged_with_the_call_that_it_is_about(stage: Stage) -> None:
    note("submit_work", "abc", 4.0, "E110")
    note("list_features", "def", 1.0)

    with capture_logs() as logs:
        stage.look(0, error_percent=50.0)
        stage.look(20, error_percent=50.0)

    events = {entry["event"]: entry for entry in logs}
    sent = "alert_sent"  # by the dispatcher, in its own time
    assert set(events) - {sent} == {"alert_pending", "alert_firing"}
    assert events["alert_firing"]["log_level"] == "warning"
    assert events["alert_firing"]["alert"] == "high_error_rate"
    assert events["alert_firing"]["operation"] == "submit_work"
    assert events["alert_firing"]["correlation_id"] == "abc"


def test_an_alert_on_trial_goes_the_whole_way_and_changes_no_other(stage: Stage) -> None:
    reply = stage.engine.fire_test()

    assert (reply["event"]["name"], reply["event"]["state"]) == ("test", "resolved")
    notified = [(each["notifier"], each["sent"]) for each in reply["notices"]]
    assert notified == [("log", True), ("ear", True)]
    assert [state for _, state, _ in stage.heard] == ["firing", "resolved"]
    assert stage.states == ["resolved", "firing", "pending"]
    assert {view["state"] for view in stage.engine.views()} == {"inactive"}
