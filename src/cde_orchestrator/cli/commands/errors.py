"""Commands about errors: what a code means, and what errors have left."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.application.logs.error_reports import ListErrorReports, ShowErrorReport
from cde_orchestrator.application.logs.explain_error import explain as explained
from cde_orchestrator.application.logs.explain_error import explain_all
from cde_orchestrator.cli.console.output import say
from cde_orchestrator.cli.session.application import answer, logged, project_root
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.error import catalog, explanation, report, reports

top_level = command_group()
group = command_group(
    "errors",
    help="Show error reports.",
    epilog=examples("cde errors list", "cde explain E101"),
)


@top_level.command(
    epilog=examples("cde explain E101", "cde explain"),
)
def explain(
    code: Annotated[
        str | None,
        typer.Argument(help="The error code, for example E101. Default: all.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain an error code and how to fix it; without a code, list all codes."""
    with boundary(as_json=as_json):
        root = project_root(None)
        if code is None:
            every = logged("explain_error", root, explain_all)
            say(every, catalog, project=None, as_json=as_json)
        else:
            one = logged("explain_error", root, lambda: explained(code))
            say(one, explanation, project=None, as_json=as_json)


@group.command("list", epilog=examples("cde errors list --limit 5"))
def list_reports(
    limit: Annotated[int, typer.Option(min=1, help="The maximum number of reports.")] = 20,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """List error reports, newest first."""
    with boundary(as_json=as_json):
        answer(ListErrorReports(limit=limit), reports, project=project, as_json=as_json)


@group.command(epilog=examples("cde errors show 20251110T120000000000-0a1b2c3d"))
def show(
    report_id: Annotated[str, typer.Argument(metavar="ID", help="The report's id from the list.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show an error report: the stack, the events before it and the state at the time."""
    with boundary(as_json=as_json):
        answer(ShowErrorReport(report_id=report_id), report, project=project, as_json=as_json)
