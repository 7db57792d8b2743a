"""Advice about a case at hand has no placeholder left in it, whatever shows it, for each code."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from cde_orchestrator.application.logs.error_reports import ShowErrorReport
from cde_orchestrator.application.monitoring.show_dashboard import ShowDashboard
from cde_orchestrator.application.ports.health import AlertsReply, AlertView, HealthReply, detail
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.views.health import alert_list, health_page
from cde_orchestrator.cli.views.project import diagnosed
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.monitoring.alerts.rules import alert_rules
from cde_orchestrator.infrastructure.settings.settings import Settings
from tests.fakes import World
from tests.health_fakes import NoHealth

LOOK = RenderTarget(terminal=False)
LEFT = re.compile(r"\{[a-z][a-z0-9_]*(\|shell)?\}|<[a-z][a-z0-9_]*>")


class OneProblem(NoHealth):
    """A project in which a check found this code, and an alert fires for it."""

    def __init__(self, code: str) -> None:
        self.code = code

    def get_status(self) -> HealthReply:
        """Unhealthy."""
        found = detail("It is not well.", error_code=self.code, context={"path": "/shop"})
        at = datetime(2026, 3, 1, tzinfo=UTC).isoformat()
        reply = super().get_status()
        reply |= {"status": "unhealthy", "checked_at": at}
        reply["checks"], reply["details"] = {"workflow": "critical"}, {"workflow": found}
        reply["metrics"]["refusals_by_phase"] = {}
        return reply

    def alerts(self, limit: int = 50) -> AlertsReply:
        """One that fires."""
        view: AlertView = {
            "name": "workflow",
            "title": "It is not well",
            "severity": "critical",
            "state": "firing",
            "since": None,
            "figure": 1.0,
            "fired_figure": 1.0,
            "threshold": 0.0,
            "unit": "",
            "message": "It is not well.",
            "error_code": self.code,
        }
        return {"alerts": [view], "history": []}


class OneReport:
    """Reports, of which one is about this code."""

    def __init__(self, code: str) -> None:
        self.code = code

    def load(self, *_: object) -> dict[str, Any]:
        """The report."""
        return {"code": self.code, "context": {"path": "/shop"}}


def seen(page: RenderableType) -> str:
    console = Console(width=1_000, no_color=True)
    with console.capture() as capture:
        console.print(page)
    return capture.get()


def health(code: str, _: World) -> str:
    return seen(health_page(OneProblem(code).get_status(), LOOK))


def alerts(code: str, _: World) -> str:
    return seen(alert_list(OneProblem(code).alerts(), LOOK))


def doctor(code: str, world: World) -> str:
    error = CDEError.of(code)
    found: Any = {
        "path": "/shop",
        "findings": [ErrorFormatter.payload(error)],
        "repaired": [],
        "versions": {},
    }
    return seen(diagnosed(found, LOOK))


def page(code: str, world: World) -> str:
    world.health = OneProblem(code)
    reply = world.run(ShowDashboard())
    assert code in reply["advice"]
    return str(reply["advice"])


def report_on_the_page(code: str, world: World) -> str:
    reports: Any = OneReport(code)
    reply = ShowErrorReport(report_id="1")(root=world.root, reports=reports)
    assert reply["advice"] is not None
    return str(reply["advice"])


@pytest.mark.parametrize("place", [health, alerts, doctor, page, report_on_the_page])
@pytest.mark.parametrize("code", sorted(ERROR_MESSAGES))
def test_no_placeholder_is_left(code: str, place: Callable[[str, World], str]) -> None:
    assert LEFT.findall(place(code, World.active())) == []


def test_what_is_known_of_the_case_is_in_the_advice() -> None:
    known = detail("No.", error_code="E311", context={"remedy": "Write version: 1"})
    reply = OneProblem("E311").get_status()
    reply["details"]["workflow"] = known

    told = seen(health_page(reply, LOOK))

    assert "  Write version: 1\n" in told


@pytest.mark.parametrize("rule", alert_rules(Settings()), ids=lambda rule: rule.name)
def test_the_words_of_an_alert_are_filled_in(rule: Any) -> None:
    assert LEFT.findall(rule.describe(1.0)) == []
