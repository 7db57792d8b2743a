"""Commands that show features: one, all of them, or the project at a glance."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from cde_orchestrator.application.features.feature_filter import AWAITED, OPEN, PERSON
from cde_orchestrator.application.features.find_feature import FindFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import DEFAULT_LIMIT, ListFeatures
from cde_orchestrator.application.ports.health import NOT_SET_UP
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.cli.console.output import say_raw
from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.boundary import boundary
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views import feature as view
from cde_orchestrator.cli.views.project import glance, welcome
from cde_orchestrator.cli.views.status import feature_status
from cde_orchestrator.discovery import is_set_up
from cde_orchestrator.domain.exceptions import CDEError

top_level = Commands()

_MYSELF = {"me", "you"}
"""What people also call the person that a feature waits for."""
GLANCE_LIMIT = 20
"""Open features that ``cde status`` shows."""

OfWorkflow = Annotated[
    str | None,
    typer.Option(
        "--workflow",
        "-w",
        help="Only features that follow this workflow.",
        autocompletion=completion.workflows,
    ),
]
WaitingFor = Annotated[
    str | None,
    typer.Option(
        metavar="WHOM",
        help="Only features that wait for a person, or for an agent.",
        autocompletion=lambda: list(AWAITED),
    ),
]
OfAgent = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only features that this agent works on now.")
]


@top_level.command(
    "cde status",
    "cde status add-a-login-page --full",
    "cde status add-a-login-page --prompt | claude -p",
)
def status(
    call: Call,
    feature: Annotated[
        str | None,
        typer.Argument(
            help="The feature's name, id or the beginning of its id. Default: the whole project; "
            "with --full or --prompt, the only open feature.",
            autocompletion=completion.features,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also show the full goal and the times.")
    ] = False,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Print only the current phase's prompt.")
    ] = False,
) -> None:
    """Show a feature's status; without a feature, the project and its open features.

    With --json and no feature, the answer is that of cde project info.
    """
    if prompt and (full or call.as_json):
        raise typer.BadParameter("it allows neither --full nor --json", param_hint="--prompt")
    if feature is None and not (full or prompt):
        _glance(call)
        return
    if feature is None:
        feature = call.ask(FindFeature())["name"]
    detail = "brief" if prompt or (call.as_json and not full) else "full"
    use_case = GetFeatureStatus(
        feature_id=feature,
        detail=detail,
        to_work=prompt or call.as_json,
        to_do=prompt,
        compare=full,
    )
    if prompt:
        phase = call.ask(use_case)["phase"]
        say_raw(phase["prompt"] if phase is not None else "")
    else:
        call.answer(use_case, partial(feature_status, full))


@top_level.command("cde list --status open", "cde list login --waits-for person", name="list")
def list_features(
    call: Call,
    word: Annotated[
        str | None, typer.Argument(help="Only features with this word in their name or goal.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="Only features with this status; open means all that are unfinished.",
            autocompletion=completion.statuses,
        ),
    ] = None,
    workflow: OfWorkflow = None,
    waits_for: WaitingFor = None,
    agent: OfAgent = None,
    limit: Annotated[
        int | None, typer.Option(help="Features on a page; 50 by default, at most 100.")
    ] = None,
    cursor: Annotated[
        str | None,
        typer.Option(
            "--cursor",
            "--after",
            metavar="FEATURE",
            help="Only what comes after this feature, or next_cursor of the previous page.",
            autocompletion=completion.features,
        ),
    ] = None,
) -> None:
    """List features, newest first."""
    wanted = DEFAULT_LIMIT if limit is None else limit
    use_case = ListFeatures(
        status=status,
        limit=wanted,
        cursor=cursor,
        word=word,
        workflow=workflow,
        waits_for=PERSON if waits_for in _MYSELF else waits_for,
        agent=agent,
    )
    reply = call.ask(use_case)
    call.say(reply, view.feature_list)
    if not call.as_json:
        given = {
            "--status": status,
            "--workflow": workflow,
            "--waits-for": waits_for,
            "--agent": agent,
            "--limit": limit,
        }
        asked = [word] if word else []
        asked += [part for name, value in given.items() if value for part in (name, str(value))]
        call.remark(partial(view.list_remark, reply, asked))


def at_a_glance(context: Any) -> None:
    """Show the project that the current folder is in; where there is none, how to begin."""
    with boundary(context):
        call = Call()
        if is_set_up(call.root):
            try:
                _glance(call)
            except CDEError as error:
                if error.code != NOT_SET_UP:
                    raise
            else:
                return
        call.say(str(call.root), welcome)


def _glance(call: Call) -> None:
    with call.application() as application:
        info = application.handle(GetProjectInfo())
        wanted = ListFeatures(status=OPEN, limit=GLANCE_LIMIT, waiting_first=True)
        listed = application.handle(wanted)
    call.say(info, partial(glance, listed))
