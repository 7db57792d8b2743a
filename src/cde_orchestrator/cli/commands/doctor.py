"""The command that examines the project."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.cli.console.output import say, show_beside
from cde_orchestrator.cli.session.application import ask
from cde_orchestrator.cli.session.boundary import FINDINGS, boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.doctor import diagnosed, planned

top_level = command_group()


@top_level.command(epilog=examples("cde doctor", "cde doctor --fix"))
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what is safe to repair.", show_default=False)
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the project, however broken; exit code 1 if something needs attention.

    Nothing is changed unless --fix is given: then it lists the repairs, makes them and checks
    the project again.
    """
    with boundary(as_json=as_json):
        if fix and not as_json:
            before = ask(Diagnose(), project)
            show_beside(partial(planned, before), project=project)
        reply = ask(Diagnose(fix=fix), project)
        say(reply, diagnosed, project=project, as_json=as_json)
        if not reply["healthy"]:
            raise typer.Exit(FINDINGS)
