"""Health: what the tool answers, and the same as JSON text for programs in Python."""

from __future__ import annotations

import json

from cde_orchestrator.application.ports.health import HealthReply, slowest
from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import suggestions_on
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.text import counted

OPERATIONS_SHOWN = 10
"""Operations in an answer about health, slowest first; all of them would not fit."""


def shortened(health: HealthReply) -> HealthReply:
    """Health of whose operations only the slowest are kept."""
    operations = slowest(health["metrics"]["operations"], OPERATIONS_SHOWN)
    return {**health, "metrics": {**health["metrics"], "operations": operations}}


def health_words(health: HealthReply) -> str:
    """The verdict in a line, and what to do about each check that is not well."""
    metrics = health["metrics"]
    wrong = [name for name, verdict in health["checks"].items() if verdict != "ok"]
    firing = [each["title"] for each in health["alerts"] if each["state"] == "firing"]
    well, checks = len(health["checks"]) - len(wrong), len(health["checks"])
    verdict = [
        f"{health['status'].capitalize()}: {_of_checks(well, checks)}",
        f"{counted(metrics['active_features'], 'feature')} open",
        f"{100 * metrics['error_rate']:.1f} % of calls failed lately",
        f"p95 {metrics['p95_ms']:.0f} ms",
        *([f"alerts: {', '.join(firing)}"] if firing else []),
    ]
    lines = [", ".join(verdict) + "."]
    for name in wrong:
        found = health["details"][name]
        code = found["error_code"]
        lines.append(f"- {name}: {plain(found['message'])}" + (f" ({code})" if code else ""))
        if code is not None:
            advice = suggestions_on(code, found["context"], Reader.AGENT)
            lines += [f"  To do: {each}" for each in advice[:1]]
    return "\n".join(lines)


def _of_checks(well: int, checks: int) -> str:
    if not checks:
        return counted(checks, "check")
    return f"{well} of {counted(checks, 'check')} {'is' if checks == 1 else 'are'} well"


def cde_getHealth() -> str:  # noqa: N802 - the name of the tool
    """What the tool of this name answers about the nearest project."""
    from cde_orchestrator.infrastructure.health import get_health_status

    return json.dumps(shortened(get_health_status()), indent=2)
