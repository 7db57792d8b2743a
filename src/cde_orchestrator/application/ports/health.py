"""Health as the use cases see it: the port, and the objects that every surface shows.

Figures carry their unit in their name: ``_ms`` milliseconds, ``_mb`` 2**20 bytes, ``_percent``
0 to 100; ``error_rate`` and ``refusal_rate`` are shares, 0 to 1, of all operations: those that
failed, for the state or the system did, and those that were refused, which is the product at work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypedDict

from cde_orchestrator.domain.errors.template import jsonable, shown
from cde_orchestrator.domain.secrets import data_without_secrets

Verdict = Literal["ok", "warning", "critical"]
NOT_SET_UP = "E004"
"""What the first check says of a folder that is no project yet, so that nothing is broken."""
HealthStatus = Literal["healthy", "degraded", "unhealthy"]
AlertState = Literal["inactive", "pending", "firing", "resolved"]
Span = Literal["hour", "day", "week", "month"]


class OperationFigures(TypedDict):
    """How one operation did lately; the latencies are those of its own calls."""

    operation: str
    calls: int
    errors: int
    refusals: int
    average_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class HealthMetrics(TypedDict):
    """Figures of this process and of the project that it works on.

    Rates and latencies are of the last five minutes of all processes of the project, the
    commands and those that ended too: what the history holds, to within ten seconds, and what
    this process has yet to add to it. What another server did in its last ten seconds comes
    with its next sample. The percentiles are exact within 2 %; ``operations_per_second`` is the
    mean of the five minutes.

    ``refusals_by_phase`` has the phases, as ``workflow/phase``, at which work was refused most
    often, and how often.

    ``memory_mb`` is what this process occupies, ``memory_percent`` what is in use of the
    machine's memory, ``disk_mb`` what ``.cde/`` takes up.
    """

    memory_mb: float
    memory_percent: float
    disk_mb: float
    state_mb: float
    disk_free_mb: float
    active_features: int
    error_rate: float
    refusal_rate: float
    refusals_by_phase: dict[str, int]
    operations_per_second: float
    average_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    operations: list[OperationFigures]


class CheckDetail(TypedDict):
    """What a check found; ``error_code`` is the catalogue's entry that says what to do.

    ``context`` are the facts that fill its words in.
    """

    message: str
    figure: float | None
    unit: str
    threshold: float | None
    error_code: str | None
    context: dict[str, Any]


class AlertView(TypedDict):
    """An alert as it is; ``since`` is when it took this state, ISO 8601, UTC.

    ``figure`` is the present one, ``fired_figure`` the one with which a firing alert began to.
    """

    name: str
    title: str
    severity: Literal["warning", "critical"]
    state: AlertState
    since: str | None
    figure: float | None
    fired_figure: float | None
    threshold: float
    unit: str
    message: str
    error_code: str | None


class AlertEvent(TypedDict):
    """An alert took another state."""

    at: str
    name: str
    title: str
    severity: Literal["warning", "critical"]
    state: AlertState
    figure: float | None
    message: str


class HealthReply(TypedDict):
    """How the project and this process are.

    ``checks`` holds plain words, ``details`` what is behind them by the same names;
    ``alerts`` are those that are pending or firing.
    """

    status: HealthStatus
    version: str
    uptime_seconds: float
    checked_at: str
    metrics: HealthMetrics
    checks: dict[str, Verdict]
    details: dict[str, CheckDetail]
    alerts: list[AlertView]


class Point(TypedDict):
    """One step of the history: all processes of the project together.

    Latencies are None where nothing ran.
    """

    at: str
    operations: int
    errors: int
    refusals: int
    operations_per_second: float
    error_rate: float
    refusal_rate: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    memory_mb: float | None
    active_features: int | None
    disk_mb: float | None


class HistoryReply(TypedDict):
    """The figures of a span of time, oldest first, at steps of equal length.

    ``operations`` are the whole span's, slowest p95 first.
    """

    span: Span
    step_seconds: int
    points: list[Point]
    operations: list[OperationFigures]


class AlertsReply(TypedDict):
    """Every alert as it is, and what happened, newest first."""

    alerts: list[AlertView]
    history: list[AlertEvent]


class Notice(TypedDict):
    """What became of notifying somebody."""

    notifier: str
    sent: bool
    message: str


class AlertTestReply(TypedDict):
    """The alert that was fired on trial, and who was notified."""

    event: AlertEvent
    notices: list[Notice]


class Health(Protocol):
    """Knows how the project and this process are; no method fails for what it finds."""

    def get_status(self) -> HealthReply:
        """Everything checked now."""

    def history(self, span: Span) -> HistoryReply:
        """What all processes of the project measured, those that ended too."""

    def alerts(self, limit: int = 50) -> AlertsReply:
        """The alerts, and the newest events of their past."""

    def test_alert(self) -> AlertTestReply:
        """Fire an alert for real, resolve it, and notify everybody who is to be notified."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in a format of Prometheus, as ``accept`` asks, and its media type."""

    def watch(self) -> None:
        """Keep a history and judge the alerts from now on, until it is closed."""

    def close(self) -> None:
        """Keep what was counted so far, and end."""


class Telemetry(Protocol):
    """What operations report as they end; it never fails and costs microseconds."""

    def ended(
        self,
        operation: str,
        outcome: str,
        error_code: str | None,
        duration_ms: float,
        lock_wait_ms: float,
    ) -> None:
        """An operation ended; ``outcome`` is ``ok``, ``refused`` or ``failed``."""


Probe = tuple[Verdict, CheckDetail]
"""What one check says, and what is behind it."""


def detail(
    message: str,
    *,
    figure: float | None = None,
    unit: str = "",
    threshold: float | None = None,
    error_code: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> CheckDetail:
    """What a check found."""
    return {
        "message": message,
        "figure": figure,
        "unit": unit,
        "threshold": threshold,
        "error_code": error_code,
        "context": data_without_secrets(jsonable(context or {}, shown)),
    }


def overall(checks: Mapping[str, Verdict]) -> HealthStatus:
    """Unhealthy when anything is critical, degraded when anything else is not ok."""
    found = set(checks.values())
    if "critical" in found:
        return "unhealthy"
    return "degraded" if "warning" in found else "healthy"


def slowest(operations: Sequence[OperationFigures], count: int) -> list[OperationFigures]:
    """The operations with the greatest p95, worst first."""
    return sorted(operations, key=lambda each: -each["p95_ms"])[:count]
