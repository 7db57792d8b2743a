"""What a person trusts in a project, as people see it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.projects.trust_commands import CheckRow, GrantRow, TrustReply
from cde_orchestrator.cli.console.layout import done, mark, next_steps, spaced
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command


def checks(reply: TrustReply, look: RenderTarget) -> RenderableType:
    """The commands, which are trusted, and what else is."""
    rows = _rows(reply["checks"]) if reply["checks"] else Text("This project runs no commands.")
    pending = not all(row["trusted"] for row in reply["checks"])
    steps = next_steps([(command(look, "trust"), "review and trust them")]) if pending else None
    return spaced(rows, _others(reply["others"]), steps)


def checks_to_read(reply: TrustReply) -> RenderableType:
    """The commands, before a person decides."""
    intro = Text("Submitting work, or an alert, does this for the project, as you:")
    if any("state" in row["used_by"] for row in reply["checks"]):
        intro.append("\n(connect is not a command: the project's state is kept in that database)")
    return spaced(intro, _rows(reply["checks"]))


def trusted(reply: TrustReply, _look: RenderTarget) -> RenderableType:
    """The commands that are trusted now."""
    return spaced(done("Trusted from now on"), _rows(reply["checks"]), _others(reply["others"]))


def revoked(reply: TrustReply, _look: RenderTarget) -> RenderableType:
    """That nothing is trusted any more."""
    rows = _rows(reply["checks"]) if reply["checks"] else None
    return spaced(done("Nothing is trusted in this project any more"), rows)


def _rows(rows: Sequence[CheckRow]) -> RenderableType:
    return Group(
        *(
            _line(
                row["command"],
                row["directory"],
                ", ".join(row["used_by"]),
                row["trusted"],
                row["executed_by"],
            )
            for row in rows
        )
    )


def _others(rows: Sequence[GrantRow]) -> RenderableType | None:
    """Agents by name; a check that no workflow has any more."""
    if not rows:
        return None
    lines = []
    for row in rows:
        used = f"agent {row['name']}" if row["kind"] == "agent" else "no workflow has it now"
        lines.append(_line(row["command"], row["directory"], used, True))
    return Group(Text("Also trusted:", style="dim"), *lines)


def _line(
    words: Sequence[str], directory: str, used: str, trusted: bool, executor: str = ""
) -> Text:
    where = "" if directory == "." else f"  in {clean(directory)}"
    shown = clean(shlex.join(words))
    if executor:
        shown, where = f"may {clean(' '.join(words))}", f", which {executor} executes"
    return Text.assemble(
        mark("completed" if trusted else "pending"),
        " ",
        (shown, "bold"),
        where,
        (f"  {clean(used)}", "dim"),
        ("" if trusted else "  not trusted", "yellow"),
    )
