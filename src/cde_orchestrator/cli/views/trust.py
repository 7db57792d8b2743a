"""What a person trusts in a project, as people see it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.projects.trust_commands import (
    CheckRow,
    FileRow,
    GrantRow,
    TrustReply,
)
from cde_orchestrator.cli.console.layout import done, mark, next_steps, spaced
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.domain.standing import ACTING, NOT_SHOWN
from cde_orchestrator.domain.text import command_words, counted

_LINES = 200
_PLACES = 5


def checks(reply: TrustReply, look: RenderTarget) -> RenderableType:
    """The folder, the commands, which are trusted, and what else is."""
    rows = _rows(reply["checks"]) if reply["checks"] else Text("This project runs no commands.")
    folder = _folder(reply)
    pending = folder is not None or not all(row["trusted"] for row in reply["checks"])
    waits = pending and not any(map(_is_unreadable, reply["folder"]["files"]))
    steps = next_steps([(command(look, "trust"), "review and trust them")]) if waits else None
    return spaced(folder, rows, _others(reply["others"]), steps)


def to_review(reply: TrustReply) -> RenderableType:
    """What would come into force, before a person decides; of a long difference, the start."""
    folder = _folder(reply, _LINES)
    if not reply["checks"]:
        return spaced(folder)
    intro = Text("Submitting work, or an alert, does this for the project, as you:")
    if any("state" in row["used_by"] for row in reply["checks"]):
        intro.append("\n(connect is not a command: the project's state is kept in that database)")
    return spaced(folder, intro, _rows(reply["checks"]), _others(reply["others"]))


def lines_not_shown(reply: TrustReply) -> int:
    """How many lines of the differences are missing in what a person reviews."""
    if reply["folder"]["trust"] in ACTING:
        return 0
    lengths = [len(row["difference"].splitlines()) for row in reply["folder"]["files"]]
    return sum(max(length - _LINES, 0) for length in lengths)


def differences(reply: TrustReply) -> dict[str, str]:
    """What is other than it was trusted: the start of each file's difference, new commands."""
    files = {
        row["path"]: "\n".join(row["difference"].splitlines()[:_LINES])
        for row in reply["folder"]["files"]
        if row["difference"]
    }
    commands = {
        f"$ {command_words(row['command'])}{_reads(row['reads'])}": ", ".join(row["used_by"])
        for row in reply["checks"]
        if not row["trusted"]
    }
    return {**files, **commands}


def changed_places(reply: TrustReply) -> str:
    """What is other than it was trusted: files, each with its first line that is, and commands."""
    found = [
        clean(row["path"]) + _first_line(row["difference"])
        for row in reply["folder"]["files"]
        if row["difference"]
    ]
    found += [
        f"the command {command_words(row['command'])}"
        for row in reply["checks"]
        if not row["trusted"]
    ]
    more = f" and {len(found) - _PLACES} more" if len(found) > _PLACES else ""
    return ", ".join(found[:_PLACES]) + more or "what acts there"


def _first_line(difference: str) -> str:
    """The number of the first line that differs, of a unified difference; empty where none says."""
    line: int | None = None
    for each in difference.splitlines():
        if begun := re.match(r"@@ -\S+ \+(\d+)", each):
            line = int(begun[1])
        elif line is not None and each[:1] in {"+", "-"}:
            return f" (line {line})"
        elif line is not None:
            line += 1
    return ""


def trusted(reply: TrustReply, _look: RenderTarget) -> RenderableType:
    """What is trusted now."""
    intro = done(f"Trusted from now on: {clean(reply['folder']['path'])}")
    return spaced(intro, _rows(reply["checks"]), _others(reply["others"]))


def _folder(reply: TrustReply, most: int | None = None) -> RenderableType | None:
    """Why the folder is not trusted, and what would come into force by its files."""
    folder = reply["folder"]
    if folder["trust"] in ACTING:
        return None
    reasons = {
        "not_yet": "This folder is not trusted yet.",
        "changed": "This folder changed since you trusted it.",
        "foreign_owner": f"This folder belongs to {clean(folder['owner'])}.",
    }
    intro = Text(f"{clean(folder['path'])}\n{reasons[folder['trust']]}")
    is_changed = folder["trust"] == "changed"
    files = [_file(row, most) for row in folder["files"] if row["difference"] or not is_changed]
    if files:
        intro.append(" These files come into force with your yes:")
    return Group(intro, *files)


def _is_unreadable(row: FileRow) -> bool:
    """Whether no yes can bring the file into force; its lines say why, and what to do."""
    return not row["digest"] and row["difference"].startswith(NOT_SHOWN)


def _file(row: FileRow, most: int | None) -> Text:
    lines = row["difference"].splitlines()
    text = Text.assemble((clean(row["path"]), "bold"))
    if not row["digest"]:
        said = "it cannot be trusted" if _is_unreadable(row) else "it is gone"
        text.append(f"  {said}", "yellow")
    elif not lines:
        text.append("  as the product has it", "dim")
    for line in lines[:most]:
        style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
        text.append(f"\n    {clean(line)}", style)
    if most is not None and len(lines) > most:
        rest = f"... and {counted(len(lines) - most, 'more line')}, which cde trust --list shows"
        text.append(f"\n    {rest}", "yellow")
    return text


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
                row["reads"],
            )
            for row in rows
        )
    )


def _reads(paths: Sequence[str]) -> str:
    """What decides how a run of the project's own runner of tests ended, and what its tests are."""
    return f"  reads {clean(', '.join(paths))}" if paths else ""


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
    words: Sequence[str],
    directory: str,
    used: str,
    trusted: bool,
    executor: str = "",
    reads: Sequence[str] = (),
) -> Text:
    where = ("" if directory == "." else f"  in {clean(directory)}") + _reads(reads)
    shown = clean(command_words(words))
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
