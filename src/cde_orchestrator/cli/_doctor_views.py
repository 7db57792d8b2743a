"""What examining the project shows to people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.diagnose import DiagnoseReply
from cde_orchestrator.cli._layout import done, spaced
from cde_orchestrator.cli._output import Look
from cde_orchestrator.cli._wording import clean, counted
from cde_orchestrator.domain.errors.formatter import ErrorPayload

_STYLES = {"INFO": "cyan", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


def diagnosed(reply: DiagnoseReply, _: Look, *, fixing: bool = False) -> RenderableType:
    """What was found, worst first, each with what mends it; what was mended."""
    worst_first = sorted(
        reply["findings"], key=lambda found: -list(_STYLES).index(found["severity"])
    )
    mended = [done(clean(text)) for text in reply["mended"]]
    if not worst_first:
        return spaced(*mended, done("Nothing is wrong with ", (clean(reply["path"]), "bold")))
    title = f"{counted(len(worst_first), 'finding')} in {clean(reply['path'])}"
    head = Text(title + (", before anything is mended" if fixing else ""), "bold")
    return spaced(Group(*mended) if mended else None, head, *map(_finding, worst_first))


def _finding(found: ErrorPayload) -> RenderableType:
    style = _STYLES[found["severity"]]
    head = Text.assemble(
        (f"{found['severity']:<8} ", style), (f"{found['code']} ", style), clean(found["title"])
    )
    return Group(
        head,
        Text(f"  {clean(found['message'])}"),
        Text.assemble(("  $ ", "dim"), (clean(found["fixes"][0]["command"]), "cyan")),
    )
