"""For whom something is rendered, and what renders it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cde_orchestrator.domain.clock import utc_now

if TYPE_CHECKING:
    from rich.console import RenderableType

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class RenderTarget:
    """For whom something is rendered.

    Attributes:
        terminal: a person looks at a terminal; otherwise a file or a program reads.
        width: columns of that terminal.
        project: what ``--project`` was, so that commands can be shown with it.
    """

    terminal: bool
    width: int = 80
    now: datetime = field(default_factory=utc_now)
    project: Path | None = None


Render: TypeAlias = "Callable[[Reply, RenderTarget], RenderableType | None]"
"""Renders a reply for people; None if there is nothing to show."""
