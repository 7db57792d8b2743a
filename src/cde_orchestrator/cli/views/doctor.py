"""What examining the project shows to people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.projects.diagnose import DiagnoseReply
from cde_orchestrator.cli.console.layout import done, spaced, unbroken
from cde_orchestrator.cli.console.target import RenderTarget
from cde_orchestrator.cli.console.wording import clean, counted
from cde_orchestrator.domain.errors.formatter import ErrorPayload

_STYLES = {"INFO": "cyan", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_INDENT = (0, 0, 0, 2)


def planned(reply: DiagnoseReply, _: RenderTarget) -> RenderableType | None:
    """What is going to be repaired; None when there is nothing."""
    if not reply["repairable"]:
        return None
    steps = Table.grid(padding=(0, 1))
    for step in reply["repairable"]:
        steps.add_row(" •", Text(clean(step)))
    return Group(Text("To be repaired now", "bold"), steps)


def diagnosed(reply: DiagnoseReply, _: RenderTarget) -> RenderableType:
    """What was repaired; what was found, worst first, each with what helps."""
    repaired = (
        Group(*[done(clean(text)) for text in reply["repaired"]]) if reply["repaired"] else None
    )
    versions = Text(", ".join(f"{name} {it}" for name, it in reply["versions"].items()), "dim")
    worst_first = sorted(
        reply["findings"], key=lambda found: -list(_STYLES).index(found["severity"])
    )
    if not worst_first:
        well = done("No problems in ", (clean(reply["path"]), "bold"))
        return spaced(repaired, Group(well, Padding(versions, _INDENT, expand=False)))
    head = Text.assemble(
        (counted(len(worst_first), "finding"), "bold"), f" in {clean(reply['path'])}"
    )
    return spaced(repaired, Group(head, versions), *map(_finding, worst_first))


def _finding(found: ErrorPayload) -> RenderableType:
    style = _STYLES[found["severity"]]
    head = Text.assemble(
        (f"{found['severity']:<8} ", style), (f"{found['code']} ", style), clean(found["title"])
    )
    fix = Text.assemble(("  $ ", "dim"), (clean(found["fixes"][0]["command"]), "cyan"))
    message = Padding(Text(clean(found["message"])), _INDENT, expand=False)
    return Group(head, message, unbroken(fix))
