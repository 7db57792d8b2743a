"""A failure, shown to people or to programs."""

from __future__ import annotations

from functools import partial

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.cli.console.layout import section, spaced, unbroken
from cde_orchestrator.cli.console.output import say_json, show_beside
from cde_orchestrator.cli.console.target import RenderTarget
from cde_orchestrator.domain.errors.formatter import ErrorFormatter, ErrorPayload
from cde_orchestrator.domain.exceptions import CDEError

_STYLES = {"INFO": "blue", "WARNING": "yellow"}


def print_error(error: CDEError, *, as_json: bool) -> None:
    """Print a failure: a panel on standard error, or ``{"error": ...}`` on standard output."""
    payload = ErrorFormatter.payload(error)
    if as_json:
        say_json({"error": payload})
    else:
        show_beside(partial(failure, payload), project=None)


def failure(payload: ErrorPayload, look: RenderTarget) -> RenderableType:
    """What happened and what helps; commands are outside the panel, so they can be copied."""
    style = _STYLES.get(payload["severity"], "red")
    title = Text.assemble(
        (f"✗ {payload['title']}", f"bold {style}"), ("  ", ""), (payload["code"], "dim")
    )
    ideas = Table.grid(padding=(0, 1))
    for idea in payload["suggestions"]:
        ideas.add_row(Text("•", style=style), Text(idea))
    commands = [
        unbroken(Text.assemble(("  $ ", "dim"), (fix["command"], "cyan")))
        for fix in payload["fixes"]
    ]
    report = payload["report_id"]
    return Group(
        section(title, spaced(Text(payload["message"]), ideas), look, style),
        Text("To fix it", style="dim"),
        *commands,
        *(
            [Text.assemble(("Report: ", "dim"), (f"cde errors show {report}", "cyan"))]
            if report
            else []
        ),
        Text.assemble(("Learn more: ", "dim"), (payload["docs"], "cyan")),
    )
