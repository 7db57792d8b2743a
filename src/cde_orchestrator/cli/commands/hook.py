"""What the hooks of agents' programs call."""

from __future__ import annotations

from typing import Annotated

import typer

from cde_orchestrator.cli.session.help import CommandGroup, PlainCommand, examples
from cde_orchestrator.domain.hooks import CLIENT_NAMES
from cde_orchestrator.hooks.command import answer_hook

top_level = CommandGroup()


@top_level.command(
    cls=PlainCommand,
    epilog=examples("cde hook Stop < event.json", "cde hook BeforeTool --client gemini"),
)
def hook(
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="Such as SessionStart, Stop or PreToolUse.")
    ],
    client: Annotated[
        str, typer.Option(help=f"Whose event it is: {', '.join(CLIENT_NAMES)}.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say on standard error why there is no answer.")
    ] = False,
) -> None:
    """Answer a hook of Claude Code, Codex or Gemini CLI: hold an agent to its phase.

    Reads the event's JSON from standard input. Ends with 0, whatever fails, and without a
    word where there is nothing to say.
    """
    answer_hook(event, client, explain=explain)
