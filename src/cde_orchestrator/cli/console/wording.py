"""How values read, and for whom: harmless text, times, sizes, commands to type."""

from __future__ import annotations

import shlex
from dataclasses import field
from datetime import datetime
from pathlib import Path

from cde_orchestrator.domain.clock import parse_utc, to_the_second, utc_now
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value

_LINE_LIMIT = 30_000
_UNITS = (("day", 86_400), ("hour", 3_600), ("min", 60))


class RenderTarget(Value):
    """For whom something is rendered.

    Attributes:
        terminal: a person looks at a terminal; otherwise a file or a program reads.
        width: columns of that terminal.
        project: what ``--project`` was, so that commands can be shown with it.
        prompts: whether an agent or a program reads, which works by prompts.
    """

    terminal: bool
    width: int = 80
    now: datetime = field(default_factory=utc_now)
    project: Path | None = None
    prompts: bool = False


def clean(value: object) -> str:
    """One line that can neither forge lines nor move a terminal's cursor."""
    return plain(value, _LINE_LIMIT)


def clean_lines(text: str) -> str:
    """The same for a text of several lines; tabs become blanks."""
    return "\n".join(clean(line) for line in text.expandtabs(4).split("\n"))


def moment(iso: str, look: RenderTarget) -> str:
    """A time: ``5 min ago`` at a terminal, else ISO 8601 to the second; what is none as is."""
    try:
        at = parse_utc(iso)
    except ValueError:  # a report is a file that anybody may have changed
        return clean(iso)
    if not look.terminal:
        return to_the_second(iso)
    seconds = int((look.now - at).total_seconds())
    for unit, length in _UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 and unit != 'min' else ''} ago"
    return "just now"


def lasted(start: str, end: str) -> str:
    """How long something took: ``2d 3h``, ``3h 5m``, ``5m 10s``, ``8s``."""
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    seconds = max(int(passed.total_seconds()), 0)
    for length, part, names in ((86_400, 3_600, "dh"), (3_600, 60, "hm"), (60, 1, "ms")):
        if seconds >= length:
            return f"{seconds // length}{names[0]} {seconds % length // part}{names[1]}"
    return f"{seconds}s"


def took(milliseconds: float) -> str:
    """How long a call took: ``0.8 ms``, ``115 ms``, ``3.2 s``."""
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 999.5 else f"{milliseconds / 1000:.1f} s"


def size(count: int) -> str:
    """A number of bytes: ``312 bytes``, ``1.2 kB``, ``3.4 MB``."""
    if count < 1_000:
        return counted(count, "byte")
    return f"{count / 1_000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def command(look: RenderTarget, *words: str) -> str:
    """A command to type, for the same project."""
    project = [] if look.project is None else ["--project", str(look.project)]
    return clean(shlex.join(["cde", *words, *project]))
