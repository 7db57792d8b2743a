"""What people should know before they say yes, in lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from cde_orchestrator.application.caveats import CaveatView, caveat_lines
from cde_orchestrator.cli.console.layout import note


def caveats(found: Sequence[CaveatView]) -> RenderableType | None:
    """A line each; None where there are none."""
    return Group(*map(note, caveat_lines(found))) if found else None
