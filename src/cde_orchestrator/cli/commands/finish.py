"""The command that commits a completed feature, and offers it for review."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.features.finish_feature import (
    FinishFeature,
    FinishReply,
    OpenPullRequest,
)
from cde_orchestrator.cli.console.output import show
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.session import options
from cde_orchestrator.cli.session.call import Call, Commands, confirmed
from cde_orchestrator.cli.views import finish as view
from cde_orchestrator.infrastructure.trust.person import terminal_problem

top_level = Commands()

Also = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH...",
        help="Also commit these files: others, or those that another feature changed too.",
    ),
]
Message = Annotated[
    str | None,
    typer.Option(
        "--message", "-m", help="The commit's message. Default: made from goal, proof and review."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Commit without asking, as in a script.")]
PullRequest = Annotated[
    bool | None,
    typer.Option(
        "--pr/--no-pr",
        help="Push the branch and open a pull request with gh, or do not. Default: ask; with "
        "--yes do not.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only show what would be committed.")]


@top_level.command(
    "cde finish add-a-login-page",
    "cde finish add-a-login-page --dry-run",
    "cde finish add-a-login-page --yes --pr",
)
def finish(
    call: Call,
    feature: options.TheCompletedFeature = None,
    also: Also = None,
    message: Message = None,
    yes: Yes = False,
    pull_request: PullRequest = None,
    dry_run: DryRun = False,
) -> None:
    """Commit the files of a completed feature, and offer them as a pull request.

    You are shown what is committed, and asked; so you are before a push. With it go the project's
    own files in .cde that git does not know yet, but not config.toml. Your git runs with your
    hooks; if one refuses, everything stays as it was.
    """
    wanted = FinishFeature(
        feature_id=call.feature(feature, completed=True),
        also=_in_project(call, also or []),
        message=message,
        dry_run=True,
    )
    with call.application() as application:
        plan = application.handle(wanted)
        reply = plan
        if plan["commit"] is None and not dry_run:
            if not yes:
                _require_terminal()
                show(view.plan(plan), on_stderr=True)
                call.require_yes("Commit this?", "Nothing was committed.", aside=True)
            feature_id, shown = plan["feature"]["id"], plan["digest"]
            agreed = replace(wanted, feature_id=feature_id, dry_run=False, shown=shown)
            reply = application.handle(agreed)
        opened = None
        if reply["commit"] is not None and _wants_review(reply, pull_request, ask=not yes):
            opened = application.handle(OpenPullRequest(feature_id=reply["feature"]["id"]))
    if call.as_json:
        call.say({**reply, "pull_request": opened}, _nothing)
    else:
        call.say((reply, opened), view.finished)


def _require_terminal() -> None:
    problem = terminal_problem([sys.stdin, sys.stderr])
    if problem is not None:
        reason = f"it is missing, and {problem}; --dry-run shows what would be committed"
        raise typer.BadParameter(reason, param_hint="'--yes'")


def _wants_review(reply: FinishReply, wanted: bool | None, *, ask: bool) -> bool:
    """Whether the branch is pushed now and a pull request opened; asked where nobody said it."""
    if wanted is not None or not ask or not reply["can_open"] or reply["is_default"]:
        return bool(wanted)
    push = "" if reply["is_pushed"] else f"Push {reply['branch']} to {reply['remote']} and open"
    question = f"{push or 'Open'} a pull request?"
    return confirmed(question, err=True)


def _in_project(call: Call, paths: list[str]) -> list[str]:
    """The paths as the project has them, from how they are typed in the current folder."""
    root = call.root
    typed = (os.path.relpath(Path.cwd() / path, root) for path in paths)
    return [Path(each).as_posix() for each in typed]


def _nothing(_reply: object, _look: RenderTarget) -> None:
    return None
