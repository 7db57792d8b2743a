"""What happened to the alerts, kept for all processes of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.application.ports.health import AlertEvent, AlertState
from cde_orchestrator.infrastructure.monitoring.alerts import store as alert_store
from cde_orchestrator.infrastructure.monitoring.alerts.state import AlertStatus
from cde_orchestrator.infrastructure.monitoring.alerts.store import AlertStore
from cde_orchestrator.infrastructure.monitoring.telemetry.store import RETRY_SECONDS, TelemetryStore


def event(state: AlertState = "firing") -> AlertEvent:
    return {
        "at": "2025-11-10T12:00:00+00:00",
        "name": "read_only",
        "title": "The project is read-only",
        "severity": "critical",
        "state": state,
        "figure": 1.0,
        "message": "It is.",
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a project in it, as far as the history cares."""
    (tmp_path / ".cde").mkdir()
    return tmp_path


def test_a_change_of_an_alert_happens_once_whoever_judges(root: Path) -> None:
    def judge(before: object) -> tuple[dict[str, AlertStatus], list[AlertEvent]]:
        if before == {}:
            return {"read_only": AlertStatus("firing", 5.0, None, None, 1.0)}, [event()]
        return {}, []

    first, second = AlertStore(TelemetryStore(root)), AlertStore(TelemetryStore(root))

    assert [*first.transition(judge)] == [event()]
    assert [*second.transition(judge)] == []
    assert second.states() == {"read_only": AlertStatus("firing", 5.0, None, None, 1.0)}
    assert second.events() == [event()]


def test_events_are_newest_first_and_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_store, "EVENTS_KEPT", 2)
    alerts = AlertStore(TelemetryStore(root))
    alerts.note([event("pending"), event("firing")])
    alerts.note([event("resolved")])

    assert [each["state"] for each in alerts.events(1)] == ["resolved"]
    assert [each["state"] for each in alerts.events()] == ["resolved", "firing"]


@pytest.mark.parametrize(("in_memory", "kept"), [(4.0, 5.0), (6.0, 6.0)])
def test_what_was_judged_in_memory_gives_way_to_what_was_judged_later(
    tmp_path: Path, in_memory: float, kept: float
) -> None:
    now = 0.0
    history = TelemetryStore(tmp_path, monotonic=lambda: now)
    alerts = AlertStore(history)
    alerts.transition(lambda _: ({"read_only": AlertStatus("firing", in_memory)}, [event()]))
    (tmp_path / ".cde").mkdir()
    other = AlertStore(TelemetryStore(tmp_path))
    other.transition(lambda _: ({"read_only": AlertStatus("resolved", 5.0)}, [event("resolved")]))

    now += RETRY_SECONDS

    since = {name: each.since for name, each in alerts.states().items()}
    assert since == {"read_only": kept}
    assert [each["state"] for each in alerts.events()] == ["firing", "resolved"]
