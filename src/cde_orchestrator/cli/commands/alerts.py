"""Commands about the alerts: what is wrong now, what was, and who is notified."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.application.monitoring.alerts import ListAlerts, SendTestAlert
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.health import alert_history, alert_list, alert_tried

group = Commands("alerts", help="Show alerts, and test that they arrive.")


@group.callback("cde alerts", "cde alerts --history", "cde alerts test")
def alerts(
    call: Call,
    history: Annotated[
        bool, typer.Option("--history", help="Show the alert history, newest first.")
    ] = False,
    limit: Annotated[int, typer.Option(help="The maximum number of events.")] = 50,
) -> None:
    """Show every alert: its state and since when, its value and its threshold."""
    render = alert_history if history else alert_list
    call.answer(ListAlerts(limit=limit), render)


@group.command("cde alerts test", "cde alerts test --json", name="test")
def fire_test(call: Call) -> None:
    """Fire and resolve a test alert, and show where it was sent."""
    call.answer(SendTestAlert(), alert_tried)
