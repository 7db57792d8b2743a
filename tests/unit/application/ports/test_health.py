"""What the whole says of its parts."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.ports.health import Verdict, overall


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
