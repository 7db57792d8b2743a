"""The points of a review that are still open."""

from __future__ import annotations

from collections.abc import Iterator

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.markdown import Kind, Line
from cde_orchestrator.domain.patterns import pattern

HEADINGS = ("follow-ups", "findings", "open points")
SHOWN = 5
POINT_LIMIT = 200
"""Characters of a point that are shown."""
_ITEM = pattern(r"(?:[-+*]|\d{1,4}[.)])[ \t]+(?:\[(?P<box>[ xX])\][ \t]+)?(?P<words>\S.*)")
_ROW = pattern(r"\|.*")
_PARTS = pattern(r"[,;:()|.]| - |[\u2013\u2014]")
_DONE = pattern(
    r"(?:now |already |was |is )?(?:done|fixed|resolved|closed|obsolete|settled)"
    r"(?: (?:at|before|during|here|in|now|since|with)\b.*)?"
)
_OPEN = pattern(
    r"\b(?:open|not (?:yet )?(?:done|fixed|resolved)|unfixed|unresolved)\b"
    r"|\b(?:done|fixed|resolved|closed|settled)[ :|-]+(?:no|not(?: yet)?|never|false)"
    r"[ ]*(?:[,;.|)]|$)"
)
_NOTHING = pattern(
    r"(?:none|nothing|no (?:open |further |other )?(?:findings?|follow-ups?|points?)|n/a)"
    r"(?: (?:at all|else|found|for now|known|left|open|so far|to (?:add|do|fix|report)|yet))?"
    r"(?:[ ]*(?:[,;:()|.\u2013\u2014]|$)| - )"
)
"""Nothing, where a point or its first part says no more."""


def open_points(text: str, most: int = SHOWN) -> list[str]:
    """The points of a review that are not marked as done, each in a line.

    A point is an item of a list, a row of a table or a paragraph. Beside an open item or row, a
    paragraph is one only where it says that something is open, for else it is about them. One is
    done where its box is ticked, where it is
    struck through, or where a part of it begins with ``done``, ``fixed`` or the like and none says
    that it is open.
    """
    lines = markdown.read(text)
    known = markdown.headings(lines)
    found: list[str] = []
    for heading in HEADINGS:
        for index in known.get(f"## {heading}", ())[:1]:
            points = [*_points(markdown.section(lines, index))]
            if any(map(_is_listed, points)):  # what leads to a list is no point
                points = [each for each in points if _is_listed(each) or not each.endswith(":")]
            points = [each for each in points if _is_open(each)]
            if any(map(_is_listed, points)):
                points = [each for each in points if _is_listed(each) or _is_said_open(each)]
            found += map(_shown, points)
    return [*dict.fromkeys(each for each in found if each)][:most]


def _points(lines: list[Line]) -> Iterator[str]:
    """The points as they are written, each with the lines that continue it."""
    point, last, row = "", 0, -2
    for line in lines:
        if line.kind is not Kind.PROSE:
            continue
        written = line.written.strip()
        if _ROW.fullmatch(written):
            is_head, row = line.number > row + 2, line.number
            if is_head:
                continue
        begins = _is_listed(written) or line.number != last + 1
        if begins and point:
            yield point
            point = ""
        point, last = f"{point} {written}".strip(), line.number
    if point:
        yield point


def _is_listed(point: str) -> bool:
    """Whether it is an item of a list, or a row of a table."""
    return bool(_ITEM.fullmatch(point) or _ROW.fullmatch(point))


def _words(point: str) -> str:
    item = _ITEM.fullmatch(point)
    return item["words"] if item else point


def _says_something(point: str) -> bool:
    return not _NOTHING.match(markdown.folded(_words(point)).lstrip("|( "))


def _is_said_open(paragraph: str) -> bool:
    return bool(_OPEN.search(markdown.folded(paragraph)))


def _is_open(point: str) -> bool:
    item = _ITEM.fullmatch(point)
    if item and (item["box"] or " ") != " ":
        return False
    if not _says_something(point) or _words(point).strip().startswith("~~"):
        return False
    words = markdown.folded(_words(point))
    if _OPEN.search(words):
        return True
    return not any(_DONE.fullmatch(part.strip()) for part in _PARTS.split(words))


def _shown(point: str) -> str:
    cells = _words(point).strip().strip("|").split("|")
    return plain(" | ".join(cell.strip() for cell in cells), POINT_LIMIT)
