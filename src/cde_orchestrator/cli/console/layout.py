"""The shapes that all commands share: facts, panels, marks, what to do next."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, OverflowMethod, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from cde_orchestrator.cli.console.wording import RenderTarget, clean
from cde_orchestrator.domain.patterns import pattern

PANEL_WIDTH = 100
"""Columns of a panel at most: longer lines read badly."""
FILES_NAMED = 3
"""Files that a line before fixes names."""

_MARKS = {
    "completed": ("✓", "green"),
    "pending": ("○", "dim"),
    "failed": ("✗", "red"),
    "cancelled": ("-", "dim"),
    "rolled_back": ("↺", "magenta"),
    "waits_for_person": ("!", "bold yellow"),
}
_AT_WORK = ("●", "yellow")
_CODE = pattern(r"[^`]*(?<![^\s(])`([^`\s]|[^`\s][^`]*[^`\s])`(?!\w)[^`]*")


def mark(status: str) -> Text:
    """The sign of a feature's or a phase's status."""
    return Text(*_MARKS.get(status, _AT_WORK))


def status_style(status: str) -> str:
    """The style of a status."""
    return _MARKS.get(status, _AT_WORK)[1]


def done(*parts: str | tuple[str, str]) -> Text:
    """A line that says what succeeded."""
    return Text.assemble(("✓ ", "bold green"), *parts)


class Prose(Text):
    """Words with a command or a name in backticks, which a terminal shows in colour instead.

    With more backticks than one pair it is not sure which ones are of a command: all are shown.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Segment]:
        """As Rich draws it."""
        shown = self._in_colour() if options.is_terminal else self
        return Text.__rich_console__(shown, console, options)

    def _in_colour(self) -> Text:
        found = _CODE.fullmatch(self.plain)
        if found is None:
            return self
        start, end = found.span(1)
        whole = Text(style=self.style, no_wrap=self.no_wrap, overflow=self.overflow)
        code = self[start:end]
        code.stylize("cyan")
        return whole.append_text(self[: start - 1]).append_text(code).append_text(self[end + 1 :])


def note(text: str) -> Text:
    """A line that people should know of."""
    return Prose.assemble(("! ", "bold yellow"), clean(text))


def notes(texts: Sequence[str]) -> Group | None:
    """Lines that people should know of; None where there are none."""
    return Group(*map(note, texts)) if texts else None


def said(text: str | None) -> Text | None:
    """A line from outside; None where nothing is said."""
    return Text(clean(text)) if text else None


def bullets(texts: Iterable[str], style: str = "", dot: str = "•") -> Table:
    """Texts, each with a dot before it."""
    rows = Table.grid(padding=(0, 1))
    for text in texts:
        rows.add_row(Text(dot, style), Text(text))
    return rows


def table(*titles: str, no_wrap: Container[str] = (), overflow: OverflowMethod = "fold") -> Table:
    """An empty table with these titles; the columns in ``no_wrap`` stay on one line."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        rows.add_column(title, no_wrap=title in no_wrap, overflow=overflow)
    return rows


def facts(rows: Iterable[tuple[str, RenderableType | None]]) -> Table:
    """Names and values, one a line; those without a value are omitted."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, ""):
            grid.add_row(name, value)
    return grid


def remarked(
    titles: Sequence[str], rows: Sequence[tuple[Sequence[Text | str], str]]
) -> RenderableType:
    """Rows in columns for a terminal, each with a remark of any length beneath it."""
    lined = [titles, *(cells for cells, _ in rows)]
    widths = [max(_width(cells[place]) for cells in lined) for place in range(len(titles))]

    def line(cells: Sequence[Text | str], style: str = "") -> Text:
        whole = Text(style=style)
        for cell, width in zip(cells, widths, strict=True):
            whole.append(cell if isinstance(cell, Text) else Text(cell))
            whole.append(" " * (width - _width(cell) + 2))
        whole.rstrip()
        return whole

    lines: list[RenderableType] = [line(titles, "dim")]
    for cells, remark in rows:
        lines += [line(cells), Padding(Text(remark, "dim"), (0, 0, 0, 4), expand=False)]
    return Group(*lines)


def _width(cell: Text | str) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def section(
    title: Text, body: RenderableType, look: RenderTarget, style: str = "cyan"
) -> RenderableType:
    """A titled part: a panel on a terminal, indented elsewhere."""
    if look.terminal:
        panel = Panel(body, title=title, title_align="left", border_style=style, padding=(0, 1))
        return Constrain(panel, PANEL_WIDTH)
    return Group(title, Padding(body, (0, 0, 0, 2), expand=False))


def advised(
    known: Mapping[str, Any],
    look: RenderTarget,
    text: str,
    more: Table | None = None,
    sign: str = "",
) -> Group:
    """What an error or a code means, and what fixes it; commands are outside the panel."""
    style = {"INFO": "blue", "WARNING": "yellow"}.get(known["severity"], "red")
    title = Text.assemble((sign + known["title"], f"bold {style}"), "  ", (known["code"], "dim"))
    body = spaced(Text(text), bullets(known["suggestions"], style), more)
    panel = section(title, body, look, style)
    fixes = [fix["command"] for fix in known["fixes"] if not is_explanation(fix["command"], known)]
    if not fixes:
        return Group(panel)
    return Group(panel, Text(before_fixes(known), style="dim"), *map(to_type, fixes))


def is_explanation(command: str, known: Mapping[str, Any]) -> bool:
    """Whether a fix is the explanation of its own code: it leads to what is read already."""
    return command == f"cde explain {known['code']}"


def before_fixes(known: Mapping[str, Any]) -> str:
    """What leads to the fixes: the files to edit first, where outputs are then submitted again."""
    first = known["fixes"][0]
    is_submission = first["tool"] == "cde_submitWork" and "restore" not in first["arguments"]
    rows = (known.get("context", {}).get("outputs") or ()) if is_submission else ()
    paths = [each["path"] for each in rows if isinstance(each, Mapping) and each.get("path")]
    names = [clean(path) for path in dict.fromkeys(paths)]
    if not names:
        return "To fix it"
    more = f" and {len(names) - FILES_NAMED} more" if len(names) > FILES_NAMED else ""
    return f"To fix it, edit {', '.join(names[:FILES_NAMED])}{more}, then"


def next_steps(steps: Sequence[tuple[str, str]]) -> RenderableType:
    """Commands to go on with, each with what it is for."""
    width = max(cell_len(shown) for shown, _ in steps)
    return Group(
        *(
            to_type(shown, " " * (width - cell_len(shown)), (f"   # {purpose}", "dim"))
            for shown, purpose in steps
        )
    )


def to_type(command: str, *rest: str | tuple[str, str]) -> Text:
    """A command, never wrapped, so that it can be copied."""
    return unbroken(Text.assemble(("  $ ", "dim"), (command, "cyan"), *rest))


def unbroken(text: Text) -> Text:
    """The line, never wrapped."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


def spaced(*parts: RenderableType | None) -> Group:
    """Parts with an empty line between them; None is omitted."""
    present = [part for part in parts if part is not None]
    return Group(*[each for part in present for each in (Text(""), part)][1:])
