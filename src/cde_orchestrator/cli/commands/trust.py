"""The command by which a person trusts a project."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cde_orchestrator.application.projects import trust_commands
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.console.output import is_terminal, show
from cde_orchestrator.cli.session.call import Call, Commands, confirmed
from cde_orchestrator.cli.views.trust import (
    changed_places,
    checks,
    differences,
    lines_not_shown,
    revoked,
    to_review,
    trusted,
)
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.standing import ACTING
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.trust.person import require_person

top_level = Commands()


@top_level.command("cde trust", "cde trust --list", "cde trust --revoke")
def trust(
    call: Call,
    only_list: Annotated[
        bool,
        typer.Option("--list", help="Show what is trusted, and what would come into force."),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask; you have reviewed it all. Without a terminal, only the first time.",
        ),
    ] = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Revoke all trust in this project.")
    ] = False,
) -> None:
    """Trust this project: its settings, workflows and commands (review them first).

    Until then its folder is only viewed. Trust is stored in your configuration folder, for
    what is there now; when somebody changes it, you are asked again and shown the difference.
    Agents are trusted with cde agents trust; --list shows them too.
    """
    if only_list + yes + revoke > 1:
        raise typer.BadParameter("give one of --list, --yes and --revoke")
    with call.application() as application:
        if revoke:
            call.say(application.handle(trust_commands.RevokeTrust()), revoked)
            return
        reply = application.handle(trust_commands.ShowChecks())
        is_pending = reply["folder"]["trust"] not in ACTING
        is_pending = is_pending or any(not row["trusted"] for row in reply["checks"])
        if only_list or not is_pending:
            call.say(reply, checks)
            return
        reply = review(application, reply, ask=not yes)
    call.say(reply, trusted)


def review(
    application: Application, reply: trust_commands.TrustReply, *, ask: bool
) -> trust_commands.TrustReply:
    """Trust what a person was shown, asking them first.

    Raises:
        FeatureError: E128, nobody could be asked, the answer is no, or it changed meanwhile.
        ValidationError: E328, an agent wants it.
    """
    path = str(application.root)
    require_person(path)
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        if not _is_first(reply):
            show(to_review(reply), on_stderr=True)
            reason = (
                f"other than what was trusted before: {changed_places(reply)}; only a person at a "
                "terminal may trust the difference, with or without --yes"
            )
            raise FeatureError.of("E128", path=path, reason=reason, difference=differences(reply))
        if ask:
            reason = "there is no terminal to ask in, and --yes was not given"
            raise FeatureError.of("E128", path=path, reason=reason)
    if ask:
        show(to_review(reply), on_stderr=True)
        missing = lines_not_shown(reply)
        were = counted(missing, "line that was", "lines that were")
        more = f", and {were} not shown (cde trust --list)" if missing else ""
        if not confirmed(f"Trust all of this{more} from now on?", err=True):
            raise FeatureError.of("E128", path=path, reason="the answer was no")
    if reply["folder"]["trust"] not in ACTING or reply["folder"]["was_trusted"]:
        application.handle(trust_commands.TrustFolder.shown(reply["folder"]))
    digests = frozenset(row["digest"] for row in reply["checks"])
    return application.handle(trust_commands.TrustChecks(digests=digests))


def _is_first(reply: trust_commands.TrustReply) -> bool:
    """Whether nothing of this kind was trusted in the folder before."""
    folder = reply["folder"]
    is_granted = any(row["trusted"] for row in reply["checks"])
    is_granted = is_granted or any(row["kind"] != "agent" for row in reply["others"])
    # An earlier release wrote commands down, and no folders: to it, this is a first time.
    is_same = folder["is_remembered"] or folder["trust"] in ACTING
    return not folder["was_trusted"] and not (is_same and is_granted)
