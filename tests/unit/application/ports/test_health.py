"""What the whole says of its parts."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.ports.health import NoHealth, Verdict, overall


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ({}, "healthy"),
        ({"journal": "ok"}, "healthy"),
        ({"journal": "ok", "memory": "warning"}, "degraded"),
        ({"journal": "critical", "memory": "warning"}, "unhealthy"),
    ],
)
def test_the_worst_part_decides(checks: dict[str, Verdict], status: str) -> None:
    assert overall(checks) == status


def test_where_nothing_is_watched_nothing_is_wrong() -> None:
    health = NoHealth()
    assert health.get_status()["status"] == "healthy"
    assert health.history("day")["points"] == []
    assert health.alerts()["alerts"] == []
    assert health.test_alert()["notices"] == []
    assert health.exposition("")[0] == b""
