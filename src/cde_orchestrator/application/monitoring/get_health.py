"""How the project and the process that serves it are, now and before."""

from __future__ import annotations

from typing import TypedDict

from cde_orchestrator.application.ports.health import Health, HealthReply
from cde_orchestrator.application.use_case import UseCase

DECISIVE = ("state_file_writable", "read_only", "database")
"""The checks without which no change can be made."""


class Reason(TypedDict):
    """Why something does not take changes; ``error_code`` is the catalogue's."""

    check: str
    error_code: str | None
    message: str


class ReadinessReply(TypedDict):
    """Whether the state loads and can be written."""

    ready: bool
    checked_at: str
    reasons: list[Reason]


class GetHealth(UseCase[HealthReply], operation="get_health", tolerant=True):
    """Verdicts, figures and alerts, however broken the project is."""

    def __call__(self, *, health: Health) -> HealthReply:
        """Check everything."""
        return health.get_status()


class WatchHealth(GetHealth, operation="watch_health", tolerant=True, routine=True):
    """The same, for whoever asks again and again."""


class ExposeMetrics(
    UseCase[tuple[bytes, str]], operation="expose_metrics", tolerant=True, routine=True
):
    """The metrics in a format of Prometheus, and its media type.

    Attributes:
        accept: the formats that the reader takes, as HTTP says it.
    """

    accept: str = ""

    def __call__(self, *, health: Health) -> tuple[bytes, str]:
        """Write them down."""
        return health.exposition(self.accept)


def readiness(health: HealthReply) -> ReadinessReply:
    """Whether changes can be made, and why not, by what was checked."""
    checks, details = health["checks"], health["details"]
    reasons: list[Reason] = [
        {
            "check": name,
            "error_code": details[name]["error_code"],
            "message": details[name]["message"],
        }
        for name in DECISIVE
        if checks.get(name) == "critical"
    ]
    return {"ready": not reasons, "checked_at": health["checked_at"], "reasons": reasons}
