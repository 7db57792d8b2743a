"""The status of the alerts and what happened to them: tables in the file of the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import cast

from cde_orchestrator.application.ports.health import AlertEvent
from cde_orchestrator.infrastructure.monitoring.alerts.state import AlertStatus
from cde_orchestrator.infrastructure.monitoring.telemetry.database import TelemetryDatabase
from cde_orchestrator.infrastructure.monitoring.telemetry.store import TelemetryStore

EVENTS_KEPT = 1_000

Judge = Callable[
    [Mapping[str, AlertStatus]], tuple[Mapping[str, AlertStatus], Sequence[AlertEvent]]
]
"""From the alerts' statuses to those that change, and what is to be sent; pure."""

_ALERTS = """
CREATE TABLE IF NOT EXISTS alerts (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, since REAL, clearing_since REAL, seen REAL,
    figure REAL
) WITHOUT ROWID
"""
_EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,
    severity TEXT NOT NULL, state TEXT NOT NULL, figure REAL, message TEXT NOT NULL
)
"""


class AlertStore:
    """The alerts of a project, for all its processes; it fails no more than the history does."""

    def __init__(self, history: TelemetryStore) -> None:
        self._history = history
        history.on_return(_carry_newer)

    def states(self) -> Mapping[str, AlertStatus]:
        """The alerts by name; those that never stirred are omitted."""
        return self._history.ask(_statuses, {})

    def transition(self, judge: Judge) -> Sequence[AlertEvent]:
        """Change the alerts as ``judge`` says; what happened, which no other process is given."""

        def work(database: TelemetryDatabase) -> Sequence[AlertEvent]:
            events = _judge(database, judge)
            if events and database.in_memory:
                self._history.write_later(lambda file: _put_events(file, events))
            return events

        return self._history.ask(work, default=())

    def note(self, events: Sequence[AlertEvent]) -> None:
        """Keep what happened, without any change of the alerts."""
        self._history.write(lambda database: _put_events(database, events))

    def events(self, limit: int = 50) -> list[AlertEvent]:
        """What happened, newest first."""
        return self._history.ask(lambda database: _events(database, limit), [])


def _judge(database: TelemetryDatabase, judge: Judge) -> Sequence[AlertEvent]:
    """Change the alerts as they are judged, alone; what is to be sent."""
    if not judge(_statuses(database))[0]:
        return ()  # nothing changes: no need to keep others from writing
    with database.changing():
        changed, events = judge(_statuses(database))
        database.connection.executemany(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?)",
            [(name, *astuple(each)) for name, each in changed.items()],
        )
        _put_events(database, events)
    return events


def _statuses(database: TelemetryDatabase) -> dict[str, AlertStatus]:
    database.connection.execute(_ALERTS)
    rows = database.connection.execute(
        "SELECT name, state, since, clearing_since, seen, figure FROM alerts"
    ).fetchall()
    return {name: AlertStatus(*values) for name, *values in rows}


def _carry_newer(memory: TelemetryDatabase, file: TelemetryDatabase) -> None:
    """Keep in the file the statuses that were taken later than those of the same name there."""
    found = _statuses(memory)

    def newer(
        before: Mapping[str, AlertStatus],
    ) -> tuple[dict[str, AlertStatus], Sequence[AlertEvent]]:
        return {
            name: each
            for name, each in found.items()
            if name not in before or (each.since or 0.0) > (before[name].since or 0.0)
        }, ()

    _judge(file, newer)


def _put_events(database: TelemetryDatabase, events: Sequence[AlertEvent]) -> None:
    database.connection.execute(_EVENTS)
    database.connection.executemany(
        "INSERT INTO events (at, name, title, severity, state, figure, message)"
        " VALUES (:at, :name, :title, :severity, :state, :figure, :message)",
        events,
    )
    database.connection.execute(
        "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?", (EVENTS_KEPT,)
    )


def _events(database: TelemetryDatabase, limit: int) -> list[AlertEvent]:
    database.connection.execute(_EVENTS)
    rows = database.connection.execute(
        "SELECT at, name, title, severity, state, figure, message FROM events"
        " ORDER BY number DESC LIMIT ?",
        (limit,),
    ).fetchall()
    keys = AlertEvent.__annotations__
    return [cast("AlertEvent", dict(zip(keys, row, strict=True))) for row in rows]
