"""Commands about the alerts: what is wrong now, what was, and who is told."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.application.monitoring.alerts import ListAlerts, SendTestAlert
from cde_orchestrator.cli.session.application import answer
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.alert import alert_history, alert_list, alert_tried

group = command_group(
    "alerts",
    help_without_command=False,
    help="Show alerts, and test that they arrive.",
)


@group.callback(
    invoke_without_command=True,
    epilog=examples("cde alerts", "cde alerts --history", "cde alerts test"),
)
def alerts(
    context: typer.Context,
    history: Annotated[
        bool, typer.Option("--history", help="Show the alert history, newest first.")
    ] = False,
    limit: Annotated[int, typer.Option(help="The maximum number of events.")] = 50,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every alert: its state and since when, its value and its threshold."""
    if context.invoked_subcommand is not None:
        return
    with boundary(as_json=as_json):
        render = alert_history if history else alert_list
        answer(ListAlerts(limit=limit), render, project=project, as_json=as_json)


@group.command("test", epilog=examples("cde alerts test", "cde alerts test --json"))
def fire_test(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Fire and resolve a test alert, and show where it was sent."""
    with boundary(as_json=as_json):
        answer(SendTestAlert(), alert_tried, project=project, as_json=as_json)
