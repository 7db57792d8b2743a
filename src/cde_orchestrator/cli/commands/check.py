"""Commands about the checks that gate phases."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cde_orchestrator.application.checks.set_check import SetCheck
from cde_orchestrator.application.checks.show_baseline import ShowBaseline, TryChecks
from cde_orchestrator.cli.console.output import print_to_stderr, show
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.check import baselines, changed, to_change
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name, terminal_problem

group = Commands(
    "check",
    help="Show, run and change the checks that gate phases.",
)

WorkflowOption = Annotated[
    str | None,
    typer.Option(
        "--workflow", "-w", help="Only this workflow.", autocompletion=completion.workflows
    ),
]


@group.callback("cde check", "cde check run", "cde check set -- npm test")
def show_checks(call: Call) -> None:
    """Show the checks of new and open features: trusted or not, and how each ended.

    What is not trusted waits for a person: cde trust.
    """
    call.answer(ShowBaseline(), baselines)


@group.command("cde check run")
def run(call: Call, workflow: WorkflowOption = None) -> None:
    """Run the trusted checks now; exit code 1 unless each passes.

    The results are kept: a feature that starts on the same source does not run the checks again.
    """
    watch = None if call.as_json else print_to_stderr
    reply = call.ask(TryChecks(workflow=workflow, watch=watch))
    call.say(reply, baselines)
    if any(each["outcome"] != "passed" for row in reply["rows"] for each in row["baseline"]):
        raise typer.Exit(FINDINGS)


@group.command("cde check set -- npm test", "cde check set --phase test -- make check", name="set")
def set_check(
    call: Call,
    command: Annotated[list[str], typer.Argument(help="The command's words, after --.")],
    workflow: WorkflowOption = None,
    phase: Annotated[
        str | None, typer.Option(help="The phase. Default: those that have the check.")
    ] = None,
) -> None:
    """Change the check, for features under way too: show it, and ask.

    Only a person at a terminal can do that. Nothing else in .cde/workflow.yml is changed, and
    with your yes the command is trusted.
    """
    asked = SetCheck(command=command, workflow=workflow, phase=phase, dry_run=True)
    with call.application() as application:
        application.require_trusted()
        shown = application.handle(asked)
        problem = terminal_problem([sys.stdin, sys.stdout])
        if problem is not None:
            raise FeatureError.of("E147", reason=problem)
        show(to_change(shown), on_stderr=call.as_json)
        call.require_yes("Let it gate these phases, and trust it?", "Nothing was changed.")
        with acting_as(person_name()):
            decided = SetCheck(command=command, workflow=workflow, phase=phase)
            reply = application.handle(decided)
    call.say(reply, changed)
