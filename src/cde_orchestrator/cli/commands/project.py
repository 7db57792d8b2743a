"""Commands about the project as a whole."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.install_merge_driver import InstallMergeDriver
from cde_orchestrator.application.projects.onboard_project import OnboardProject, SetProjectStatus
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.console.output import is_terminal
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.session.help import folder_named
from cde_orchestrator.cli.views.error import settings as table
from cde_orchestrator.cli.views.error import settings_payload
from cde_orchestrator.cli.views.project import changed, diagnosed, onboarded, planned, project_info
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.settings.settings import settings_states
from cde_orchestrator.infrastructure.system.project_path import folder_at, require_narrow

top_level = Commands()
group = Commands(
    "project",
    "cde project info",
    "cde project archive",
    verb="info",
    help="Show, activate or archive the project.",
)


@top_level.command("cde init", "cde init shop --create --name 'The shop'")
def init(
    call: Call,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH", parser=folder_named, help="The folder. Default: the current one."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="The project's name. Default: the folder's.")
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the folder if it is missing.")
    ] = False,
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Create an empty project in place of the one that is or was here."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --new: do not ask whether to replace it.")
    ] = False,
    git_merge_driver: Annotated[
        bool,
        typer.Option(
            "--git-merge-driver", help="Let git merge *.cde.json (cde state export) by feature."
        ),
    ] = False,
) -> None:
    """Set up cde in this project: create .cde, detect languages and tests, activate it.

    Repeating it changes nothing.
    """
    if path is not None and call.project is not None:
        raise typer.BadParameter("give the folder only once", param_hint="PATH and --project")
    folder = folder_at(path or call.project or Path(), create=create)
    if path is None and call.project is None:
        require_narrow(folder)
    there = Call(folder)
    if new and not yes:
        _ask_before_replacing(there)
    with there.application() as application:
        _review_what_came(application)
        reply = application.handle(OnboardProject(name=name, new=new))
    if git_merge_driver:
        reply["created"] += there.ask(InstallMergeDriver())["changed"]
    # The steps that are shown name the folder only where the person had to.
    shown = Call(path or call.project, call.as_json)
    shown.say(reply, onboarded)
    if not (call.as_json or reply["already_onboarded"]) and is_terminal(sys.stdin):
        from cde_orchestrator.cli.commands.connect import offer  # noqa: PLC0415 - for people alone

        offer(shown)


def _review_what_came(application: Application) -> None:
    """Have a person say yes to files that act and came with the folder, as with a clone.

    Raises:
        FeatureError: E128, the answer is no.
        ValidationError: E325, there is nobody to ask; E328, an agent wants it.
    """
    standing = application.standing
    if standing.kind != "not_yet" or not standing.files:
        return
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise standing.refusal()
    from cde_orchestrator.application.projects.trust_commands import ShowChecks  # noqa: PLC0415
    from cde_orchestrator.cli.commands.trust import review  # noqa: PLC0415 - for a clone alone

    review(application, application.handle(ShowChecks()), ask=True)


def _ask_before_replacing(there: Call) -> None:
    """Have a person say whether an empty project is to take the place of one with a state."""
    try:
        project = there.ask(GetProjectInfo())["project"]
        here, name = project["name"], f"{project['name']} at {project['path']}"
    except CDEError as error:
        if error.code not in {"E201", "E227", "E228"}:
            return
        here = name = f"a project with a state in files or elsewhere, at {there.root}"
    if not is_terminal(sys.stdin):
        reason = f"{here} is here, there is no terminal to ask in, and no --yes"
        raise typer.BadParameter(reason, param_hint="--new")
    question = f"Put an empty project in the place of {name}?"
    there.require_yes(question, f"Nothing was changed; {name} stays.", aside=True)


@top_level.command("cde doctor", "cde doctor --fix")
def doctor(
    call: Call,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what is safe to repair.")] = False,
) -> None:
    """Check the project, however broken; exit code 1 if something needs attention.

    Nothing is changed unless --fix is given: then it lists the repairs, makes them and checks
    the project again.
    """
    if fix and not call.as_json:
        call.remark(partial(planned, call.ask(Diagnose())))
    reply = call.ask(Diagnose(fix=fix))
    call.say(reply, diagnosed)
    if not reply["healthy"]:
        raise typer.Exit(FINDINGS)


@group.command("cde project info --json")
def info(call: Call) -> None:
    """Show the project: status, languages and tests, features by status, workflows."""
    call.answer(GetProjectInfo(), project_info)


@group.command("cde project settings")
def settings(call: Call) -> None:
    """Show every setting, the source of its value and what is wrong with it."""
    states = call.logged("list_settings", settings_states)
    call.say(settings_payload(states), table)


@group.command("cde project activate")
def activate(call: Call) -> None:
    """Activate the project: features can be started and worked on."""
    call.answer(SetProjectStatus(status="active"), changed)


@group.command("cde project archive")
def archive(call: Call) -> None:
    """Archive the project; nothing is deleted, and cde project activate undoes it."""
    call.answer(SetProjectStatus(status="archived"), changed)
