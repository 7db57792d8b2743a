"""Health where nothing is watched."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.application.ports.health import (
    AlertEvent,
    AlertsReply,
    AlertTestReply,
    HealthMetrics,
    HealthReply,
    HistoryReply,
    Span,
)


class NoHealth:
    """The port without anything behind it."""

    def get_status(self) -> HealthReply:
        """Healthy, for nothing is known to be otherwise."""
        figures: Any = dict.fromkeys(
            HealthMetrics.__annotations__.keys() - {"operations", "active_features"}, 0.0
        )
        return {
            "status": "healthy",
            "version": "",
            "uptime_seconds": 0.0,
            "checked_at": "",
            "metrics": figures | {"operations": [], "active_features": 0},
            "checks": {},
            "details": {},
            "alerts": [],
        }

    def history(self, span: Span) -> HistoryReply:
        """Empty."""
        return {"span": span, "step_seconds": 60, "points": [], "operations": []}

    def alerts(self, limit: int = 50) -> AlertsReply:
        """None."""
        return {"alerts": [], "history": []}

    def test_alert(self) -> AlertTestReply:
        """An event that was sent to nobody."""
        event: AlertEvent = {
            "at": "",
            "name": "test",
            "title": "Test",
            "severity": "warning",
            "state": "resolved",
            "figure": None,
            "message": "",
        }
        return {"event": event, "notices": []}

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Empty."""
        return b"", "text/plain"

    def watch(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
