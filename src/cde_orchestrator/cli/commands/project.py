"""Commands about the project as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.install_merge_driver import InstallMergeDriver
from cde_orchestrator.application.projects.onboard_project import OnboardProject, SetProjectStatus
from cde_orchestrator.cli.console.output import say, say_json
from cde_orchestrator.cli.session.application import answer, ask, logged, project_root
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption, folder_named
from cde_orchestrator.cli.views.error import settings as table
from cde_orchestrator.cli.views.error import settings_payload
from cde_orchestrator.cli.views.project import changed, onboarded, project_info
from cde_orchestrator.infrastructure.settings.settings import settings_states
from cde_orchestrator.infrastructure.system.project_path import folder_at

top_level = command_group()
group = command_group(
    "project",
    help="Show, activate or archive the project.",
    epilog=examples("cde project info", "cde project archive"),
)


@top_level.command(
    epilog=examples("cde init", "cde init shop --create --name 'The shop'"),
)
def init(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            parser=folder_named,
            help="The folder. Default: the current one.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", "-n", help="The project's name. Default: the folder's.", show_default=False
        ),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create the folder if it is missing.")
    ] = False,
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Create an empty project even if the state of an earlier one is lost."
        ),
    ] = False,
    git_merge_driver: Annotated[
        bool,
        typer.Option(
            "--git-merge-driver", help="Let git merge *.cde.json (cde state export) by feature."
        ),
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set up cde in this project: create .cde, detect languages and tests, activate it.

    Repeating it changes nothing.
    """
    if path is not None and project is not None:
        raise typer.BadParameter("give the folder only once", param_hint="PATH and --project")
    with boundary(as_json=as_json):
        folder = folder_at(path or project or Path(), create=create)
        reply = ask(OnboardProject(name=name, new=new), folder)
        if git_merge_driver:
            reply["created"] += ask(InstallMergeDriver(), folder)["changed"]
        # The steps that are shown name the folder only where the person had to.
        say(reply, onboarded, project=path or project, as_json=as_json)


@group.command(epilog=examples("cde project info --json"))
def info(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show the project: status, languages and tests, features by status, workflows."""
    with boundary(as_json=as_json):
        answer(GetProjectInfo(), project_info, project=project, as_json=as_json)


@group.command(epilog=examples("cde project settings"))
def settings(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show every setting, the source of its value and what is wrong with it."""
    with boundary(as_json=as_json):
        root = project_root(project)
        states = logged("list_settings", root, lambda: settings_states(root))
        if as_json:
            say_json(settings_payload(states))
        else:
            say(states, table, project=project, as_json=False)


@group.command(epilog=examples("cde project activate"))
def activate(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Activate the project: features can be started and worked on."""
    _set_status("active", project, as_json=as_json)


@group.command(epilog=examples("cde project archive"))
def archive(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Archive the project; nothing is deleted, and cde project activate undoes it."""
    _set_status("archived", project, as_json=as_json)


def _set_status(status: str, project: Path | None, *, as_json: bool) -> None:
    with boundary(as_json=as_json):
        answer(SetProjectStatus(status=status), changed, project=project, as_json=as_json)
