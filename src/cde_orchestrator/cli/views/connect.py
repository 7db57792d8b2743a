"""Clients, as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cde_orchestrator.application.clients.connect_client import ClientsReply, SnippetReply
from cde_orchestrator.cli.console.layout import mark, next_steps, spaced, table, unbroken
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.domain.text import counted

_OUTCOMES = {
    "connected": ("✓", "bold green"),
    "updated": ("✓", "bold green"),
    "unchanged": ("✓", "green"),
    "removed": ("✓", "bold green"),
    "absent": ("○", "dim"),
    "skipped": ("○", "dim"),
    "failed": ("✗", "bold red"),
}
_SAID = {
    "unchanged": "already connected",
    "absent": "was not connected",
    "failed": "not connected",
}


def client_list(reply: ClientsReply, look: RenderTarget) -> RenderableType:
    """Clients in columns: installed, and where each is connected."""
    rows = table("", "CLIENT", "HERE", "CONNECTED IN", no_wrap=("", "CLIENT", "HERE"))
    for each in reply["clients"]:
        places = [clean(_short(path)) for path in each["connected"].values()]
        problem = Text(clean(each["problem"]), "red") if each["problem"] else None
        is_here = each["present"]
        rows.add_row(
            mark("completed" if places else "pending"),
            Text(each["client"], "bold" if is_here else ""),
            "yes" if is_here else Text("-", "dim"),
            problem or Text("\n".join(places) or "-", "" if places else "dim"),
        )
    here = [each for each in reply["clients"] if each["present"] and not each["connected"]]
    steps = [
        (command(look, "connect", each["client"]), f"connect {each['title']}") for each in here
    ]
    if len(steps) > 1:
        steps.append((command(look, "connect", "--all"), "connect all that are installed"))
    return spaced(rows, next_steps(steps) if steps else None)


def done_about(reply: Any, look: RenderTarget) -> RenderableType:
    """A line for each client, and what is left to do below it."""
    rows: Sequence[dict[str, Any]] = reply["clients"]
    width = max((len(each["title"]) for each in rows), default=0)
    parts: list[RenderableType] = []
    for each in rows:
        outcome = str(each["outcome"])
        said = _SAID.get(outcome, outcome)
        line = Text.assemble(
            _OUTCOMES[outcome], " ", (each["title"].ljust(width), "bold"), f"  {said}"
        )
        below = []
        if "error" in each:
            below.append(f"{each['error']['message']} ({each['error']['code']})")
        else:
            if each["tools"] is not None:
                line.append(f"  {counted(each['tools'], 'tool')}", "dim")
            line.append(f"  {clean(_short(each['path']))}", "dim")
            if each["kept"] and each["outcome"] != "removed":
                below.append(f"your own settings in it stay: {', '.join(each['kept'])}")
            below += each["steps"]
        parts.append(unbroken(line))
        parts += [Padding(Text(clean(text)), (0, 0, 0, 4), expand=False) for text in below]
    for each in reply["guide"]:
        sign = Text.assemble(_OUTCOMES["connected"], f" {each['outcome']}")
        parts.append(unbroken(sign.append(f"  {clean(_short(each['path']))}", "dim")))
    new = [each["client"] for each in rows if each["outcome"] == "connected"]
    if reply["guide"] or not new:
        return Group(*parts)
    guide = (command(look, "connect", *new, "--guide"), "explain it in AGENTS.md, and add /cde")
    return spaced(Group(*parts), next_steps([guide]))


def to_connect(new: Sequence[SnippetReply]) -> RenderableType:
    """What a person is asked about: the clients that are installed, and the file of each."""
    width = max(len(each["title"]) for each in new)
    lines = [
        unbroken(
            Text.assemble(
                "  ",
                (each["title"].ljust(width), "bold"),
                (f"  {clean(_short(each['path']))}", "dim"),
            )
        )
        for each in new
    ]
    return Group(
        Text(""), Text("These clients are installed here, and an entry connects each:"), *lines
    )


def snippets(reply: dict[str, list[SnippetReply]], look: RenderTarget) -> RenderableType:
    """The file of each client, and what would be in it."""
    return spaced(
        *(
            Group(
                unbroken(Text(clean(each["path"]), "bold" if look.terminal else "")),
                *(unbroken(Text(clean(line))) for line in each["snippet"].splitlines()),
            )
            for each in reply["clients"]
        )
    )


def _short(path: str) -> str:
    """The path, with the home as ``~``."""
    try:
        return f"~/{Path(path).relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return path
