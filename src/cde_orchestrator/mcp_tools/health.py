"""Health as JSON text: what the tool answers, for programs in Python as well."""

from __future__ import annotations

import json

from cde_orchestrator.application.ports.health import HealthReply, slowest

OPERATIONS_SHOWN = 10
"""Operations in an answer about health, slowest first; all of them would not fit."""


def health_text(health: HealthReply) -> str:
    """Health as text; of its operations, only the slowest are kept."""
    figures = health["metrics"]
    figures["operations"] = slowest(figures["operations"], OPERATIONS_SHOWN)
    return json.dumps(health, indent=2)


def cde_getHealth() -> str:  # noqa: N802 - the name of the tool
    """What the tool of this name answers about the nearest project."""
    from cde_orchestrator.infrastructure.health import get_health_status

    return health_text(get_health_status())
