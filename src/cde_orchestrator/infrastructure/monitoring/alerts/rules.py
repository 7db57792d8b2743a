"""What an alert is about: the one table behind the engine, the docs and the rules of Prometheus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure.monitoring import metric_names as names
from cde_orchestrator.infrastructure.settings.settings import Settings

ERROR_PERCENT = "error_percent"
"""Of 100 operations of all processes in five minutes, those that failed; 0 below 20."""
SLOWEST_MS = "slowest_ms"
"""How long the slowest operation of all processes in the last minute took."""
DISK_FREE_MB = "disk_free_mb"
MEMORY_PERCENT = "memory_percent"
READ_ONLY = "read_only"
"""1 while the project takes no changes, else 0."""
BREAKERS_OPEN = "breakers_open"
RECOVERIES = "recoveries"
"""How often in the last ten minutes the stored state was damaged and repaired."""
BACKUP_AGE_HOURS = "backup_age_hours"
"""Age of the newest backup; 0 where nothing was changed since it was made."""
CLAIMS_EXPIRED = "claims_expired"
"""Claims on phases whose time ran out, of features that are open."""

ERROR_WINDOW_SECONDS = 300.0
ERROR_LEAST_CALLS = 20
SLOW_WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """When an alert is fired, and when it is over.

    Attributes:
        name: as ``high_error_rate``.
        title: a few words for people.
        measure: the figure that it watches.
        unit: of the figure.
        message: what is said, with ``{figure}`` and ``{threshold}``.
        expression: what it watches in terms of Prometheus, in the same unit.
        error_code: the catalogue's entry that says what to do.
        breach: whether a figure ``above`` or ``below`` the threshold is a breach.
        threshold: of the figure; a figure that equals it is no breach.
        threshold_setting: what gives the threshold; without one it is 0.
        clear_factor: times the threshold it is the figure that is fine again: the threshold
            itself, or further from a breach, so that a figure at the edge does not toggle.
        hold_seconds: how long the breach must last before the alert fires.
        hold_setting: what gives ``hold_seconds``.
        clear_seconds: how long the figure must be fine before the alert is resolved.
        off: whether it is not watched.
    """

    name: str
    title: str
    severity: Literal["warning", "critical"]
    measure: str
    unit: str
    message: str
    expression: str
    error_code: str | None = None
    breach: Literal["above", "below"] = "above"
    threshold: float = 0.0
    threshold_setting: str = ""
    clear_factor: float = 1.0
    hold_seconds: float = 0.0
    hold_setting: str = "alert_event_hold_seconds"
    clear_seconds: float = 0.0
    off: bool = False

    def is_breached(self, figure: float) -> bool:
        """Whether the figure is worse than the threshold."""
        return figure > self.threshold if self.breach == "above" else figure < self.threshold

    def is_clear(self, figure: float) -> bool:
        """Whether the figure is fine again."""
        clear = self.threshold * self.clear_factor
        return figure <= clear if self.breach == "above" else figure >= clear

    def describe(self, figure: float | None) -> str:
        """What is said of the figure, which is None where it is not known."""
        return self.message.format(
            figure=shown_figure(figure), threshold=shown_figure(self.threshold)
        )


_ERROR_WINDOW = f"[{ERROR_WINDOW_SECONDS / 60:.0f}m]"
# Two evaluations see it, also where both they and the scrapes are a minute apart.
_SLOW_WINDOW = f"[{2 * SLOW_WINDOW_SECONDS / 60:.0f}m]"

_RULES = (
    AlertRule(
        name="high_error_rate",
        title="Many operations fail",
        severity="warning",
        measure=ERROR_PERCENT,
        error_code="E925",
        threshold_setting="alert_error_percent",
        clear_factor=0.8,
        unit="%",
        hold_setting="alert_error_hold_seconds",
        message="{figure} % of the operations of the last 5 minutes failed; "
        "the limit is {threshold} %.",
        expression=(
            f'100 * sum by (job, instance) (increase({names.OPERATIONS}{{outcome="failed"}}'
            f"{_ERROR_WINDOW})) / (sum by (job, instance) (increase({names.OPERATIONS}"
            f"{_ERROR_WINDOW})) >= {ERROR_LEAST_CALLS})"
        ),
    ),
    AlertRule(
        name="slow_operations",
        title="An operation is slow",
        severity="warning",
        measure=SLOWEST_MS,
        error_code="E926",
        threshold_setting="alert_slow_operation_ms",
        unit="ms",
        hold_setting="alert_slow_hold_seconds",
        message="The slowest operation of the last minute took {figure} ms; "
        "the limit is {threshold} ms.",
        expression=f"1000 * max_over_time({names.SLOWEST_OPERATION}{_SLOW_WINDOW})",
    ),
    AlertRule(
        name="disk_space_low",
        title="Low disk space",
        severity="warning",
        measure=DISK_FREE_MB,
        breach="below",
        threshold_setting="alert_disk_free_mb",
        clear_factor=1.2,
        unit="MB",
        hold_setting="alert_disk_hold_seconds",
        message="{figure} MB are free on the project's disk; {threshold} MB are wanted.",
        error_code="E921",
        expression=f"{names.DISK_FREE_BYTES} / 1048576",
    ),
    AlertRule(
        name="memory_high",
        title="Low memory",
        severity="warning",
        measure=MEMORY_PERCENT,
        threshold_setting="alert_memory_percent",
        clear_factor=0.95,
        unit="%",
        hold_setting="alert_memory_hold_seconds",
        message="{figure} % of the machine's memory is in use; the limit is {threshold} %.",
        error_code="E930",
        expression=f"100 * {names.MEMORY_USED_RATIO}",
    ),
    AlertRule(
        name="read_only",
        title="The project is read-only",
        severity="critical",
        measure=READ_ONLY,
        unit="",
        message="The project accepts no changes until writing works again.",
        error_code="E206",
        expression=names.READ_ONLY,
    ),
    AlertRule(
        name="breaker_open",
        title="A circuit breaker is open",
        severity="warning",
        measure=BREAKERS_OPEN,
        unit="breakers",
        message="Circuit breakers that are open because what they guard keeps failing: {figure}.",
        error_code="E903",
        expression=f"count by (job, instance) ({names.BREAKER_STATE} == 1)",
    ),
    AlertRule(
        name="state_recovered",
        title="The state repaired itself",
        severity="warning",
        measure=RECOVERIES,
        unit="recoveries",
        message="Damage to the stored state was repaired recently: {figure} times. "
        "Nothing was lost; the disk may be failing.",
        error_code="E215",
        expression=names.RECOVERIES,
    ),
    AlertRule(
        name="backups_stale",
        title="Backups are old",
        severity="warning",
        measure=BACKUP_AGE_HOURS,
        error_code="E927",
        threshold_setting="alert_backup_age_hours",
        unit="h",
        message="The newest backup is {figure} hours old and there are changes since; "
        "the limit is {threshold} hours.",
        expression=f"{names.BACKUP_AGE_SECONDS} / 3600",
    ),
    AlertRule(
        name="claims_expired",
        title="Work was abandoned",
        severity="warning",
        measure=CLAIMS_EXPIRED,
        error_code="E928",
        unit="claims",
        message="Phases whose agent let its claim expire: {figure}. Others may take them over.",
        expression=names.CLAIMS_EXPIRED,
    ),
)


def alert_rules(settings: Settings) -> tuple[AlertRule, ...]:
    """Every rule, as the settings want it."""
    off = {name.strip() for name in settings.alerts_off.split(",")}
    return tuple(
        replace(
            rule,
            threshold=getattr(settings, rule.threshold_setting, 0.0),
            hold_seconds=getattr(settings, rule.hold_setting),
            clear_seconds=settings.alert_clear_seconds,
            off=rule.name in off,
        )
        for rule in _RULES
    )


def error_of(rule: AlertRule, figure: float | None) -> CDEError | None:
    """What an alert that fired at a figure means; None where other checks find it themselves."""
    shown, most = shown_figure(figure), shown_figure(rule.threshold)
    if rule.measure == ERROR_PERCENT:
        return CDESystemError.of("E925", percent=shown, most=most)
    if rule.measure == SLOWEST_MS:
        return CDESystemError.of("E926", milliseconds=shown, most=most)
    if rule.measure == BACKUP_AGE_HOURS:
        return CDESystemError.of("E927", hours=shown, most=most)
    if rule.measure == CLAIMS_EXPIRED:
        return CDESystemError.of("E928", count=shown)
    return None


def shown_figure(figure: float | None) -> str:
    """The figure with as many digits as people want to read."""
    if figure is None:
        return "?"
    return f"{figure:.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.1f}"
