"""Commands about errors: what a code means, and what errors have left."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.application.logs.error_reports import ListErrorReports, ShowErrorReport
from cde_orchestrator.application.logs.explain_error import explain as explained
from cde_orchestrator.application.logs.explain_error import explain_all
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.error import catalog, explanation, report, reports
from cde_orchestrator.infrastructure.observability.operations import EXPLAIN_ERROR

top_level = Commands()
group = Commands(
    "errors", "cde errors list", "cde explain E101", verb="list", help="Show error reports."
)


@top_level.command("cde explain E101", "cde explain", in_project=False)
def explain(
    call: Call,
    code: Annotated[
        str | None, typer.Argument(help="The error code, for example E101. Default: all.")
    ] = None,
) -> None:
    """Explain an error code and how to fix it; without a code, list all codes."""
    if code is None:
        call.say(call.logged(EXPLAIN_ERROR, lambda _: explain_all()), catalog)
    else:
        call.say(call.logged(EXPLAIN_ERROR, lambda _: explained(code)), explanation)


@group.command("cde errors list --limit 5", name="list")
def list_reports(
    call: Call,
    limit: Annotated[int, typer.Option(min=1, help="The maximum number of reports.")] = 20,
) -> None:
    """List error reports, newest first."""
    call.answer(ListErrorReports(limit=limit), reports)


@group.command("cde errors show 20251110T120000000000-0a1b2c3d")
def show(
    call: Call,
    report_id: Annotated[str, typer.Argument(metavar="ID", help="The report's id from the list.")],
) -> None:
    """Show an error report: the stack, the events before it and the state at the time."""
    call.answer(ShowErrorReport(report_id=report_id), report)
