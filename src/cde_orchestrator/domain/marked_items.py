"""Items of a Markdown text that begin with an id, such as AC1 or T1, and all that belongs to each.

One is the first word of a list item, a heading or a row of a table; neither in code nor in
quotations nor in comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.markdown import Kind, Line
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value

Form = Literal["item", "heading", "row"]

NAMES_LIMIT = 100
"""Places of a text in which an id is named that are considered, and ids that one may name."""
_BULLET = r"(?:[-*+]|[0-9]{1,9}[.)])"
_FENCE = pattern(rf"[ \t]*(?:{_BULLET}[ \t]+)?(`{{3,}}[^`]*|~{{3,}}.*)")
"""One within a list item, further to the right than a document's own."""
_NEW_BLOCK = pattern(rf"[ \t]*{_BULLET}[ \t]|[ \t]*[|>]")
_LIST_MARK = pattern(rf"[ \t]*{_BULLET}[ \t]+(?:\[[ xX]\][ \t]+)?")
_CLOSING = {"[": "]", "(": ")"}
_MARKS = " \t*_~`])([:|.,;\u2013\u2014-"


class Item(Value):
    """What begins with an id.

    Attributes:
        id: as ``AC1``.
        words: in one line: a heading's, or those below it; a row's first cell; a list item's.
        index: of its first line among the document's.
        form: a list item or a heading defines what a row only lists.
        box: whether its box is ticked; None where it has none.
    """

    id: str
    words: str
    index: int
    form: Form
    box: bool | None = None


class Mark:
    """What the ids of one kind of item begin with, as ``AC``."""

    def __init__(self, prefix: str) -> None:
        number = "([1-9][0-9]{0,3})(?![0-9])"
        link = rf"[ \t]*(?:[-\u2013\u2014\u2026]|\.{{2,3}}|to|through)[ \t]*{prefix}|[-\u2013]"
        self._named = pattern(rf"(?<!\w){prefix}{number}(?:(?:{link}){number})?(?!\w)")
        identity = rf"[*_~`\[(]*({prefix}[1-9][0-9]{{0,3}})(?!\w|[.-]\w)"
        self._prefix = prefix
        self._item = pattern(rf"[ \t]*{_BULLET}[ \t]+(?:\[([ xX])\][ \t]+)?{identity}(.*)")
        self._row = pattern(rf"[ \t]*+(?:\|[ \t]*+)?{identity}([^|]*\|.*)")
        self._title = pattern(rf"{identity}(.*)")
        self._near = pattern(
            rf"(?:[ \t>|]|{_BULLET}(?=[ \t])|\[[ xX]\])*"
            rf"[*_~`\[(]*({prefix}[ \t._-]?0*([0-9]{{1,4}}))(?!\w)",
            re.IGNORECASE,
        )

    def all_in(self, lines: Sequence[Line]) -> list[Item]:
        """Every item of a document, in its order."""
        found: list[Item] = []
        fenced = False
        for index, line in enumerate(lines):
            if line.kind is Kind.PROSE and _FENCE.fullmatch(line.written):
                fenced = not fenced
            item = None if fenced else self._item_at(lines, index, line)
            if item is not None:
                found.append(item)
        return found

    def overlooked_in(self, lines: Sequence[Line], topic: str) -> list[tuple[int, str]]:
        """Lines under a heading about the topic that seem to begin with an id and are no item.

        Each with what it begins with: ``AC-3``, ``ac4``, a paragraph or a quotation.
        """
        counted = {item.id for item in self.all_in(lines)}
        found: dict[str, tuple[int, str]] = {}
        level = 0
        for line in lines:
            if line.kind is Kind.HEADING and (not level or line.level <= level):
                level = line.level if topic in line.text.lower() else 0
            near = self._near.match(line.written) if level and line.kind is Kind.PROSE else None
            if near and (identity := f"{self._prefix}{int(near[2])}") not in counted:
                found.setdefault(identity, (line.number, near[1]))
        return list(found.values())

    def named_in(self, text: str) -> list[str]:
        """The first ids that a text names, each once; ``AC2-AC4`` and ``AC2-4`` name three."""
        found: dict[str, None] = {}
        for match in islice(self._named.finditer(text), NAMES_LIMIT):
            first, last = int(match[1]), int(match[2] or match[1])
            numbers = (
                range(first, last + 1) if first <= last < first + NAMES_LIMIT else (first, last)
            )
            found |= {f"{self._prefix}{number}": None for number in numbers}
        return list(found)

    def _item_at(self, lines: Sequence[Line], index: int, line: Line) -> Item | None:
        if line.kind is Kind.HEADING:
            if title := self._title.fullmatch(markdown.unnumbered(line.text)):
                return Item(
                    title[1], _whole_words(title[2]) or _below(lines, index), index, "heading"
                )
        elif line.kind is Kind.PROSE:
            if item := self._item.fullmatch(line.written):
                words = _whole_words(" ".join([item[3], *_rest(lines, index)]))
                box = item[1] in "xX" if item[1] else None
                return Item(item[2], words, index, "item", box)
            if row := self._row.fullmatch(line.written):
                cells = (_whole_words(cell) for cell in row[2].split("|"))
                return Item(row[1], next((cell for cell in cells if cell), ""), index, "row")
        return None


def defining(items: Iterable[Item]) -> list[Item]:
    """Each id once, where it is defined rather than listed, in the order of first mention."""
    found: dict[str, Item] = {}
    for item in items:
        known = found.get(item.id)
        if known is None or (known.form == "row" and item.form != "row"):
            found[item.id] = item  # a key that is known keeps its place
    return list(found.values())


def belonging_to(item: Item, lines: Sequence[Line], end: int) -> Iterator[Line]:
    """The lines that say something of an item, its own first; none from ``end`` on.

    To a list item belong the lines that it goes on in, and what is further to the right; to a
    heading all of its section.
    """
    first = lines[item.index]
    yield first
    margin, is_apart, is_code = _indent(first.written), False, False
    for line in [] if item.form == "row" else lines[item.index + 1 : end]:
        if line.kind is Kind.HEADING and (item.form == "item" or line.level <= first.level):
            return
        is_fence = line.kind is Kind.PROSE and _FENCE.fullmatch(line.written)
        if is_fence:
            is_code = not is_code
        if item.form == "item" and line.kind is Kind.PROSE and not is_code:
            is_new = is_apart or _NEW_BLOCK.match(line.written)
            if is_new and _indent(line.written) <= margin:
                return
        is_apart = line.kind is Kind.NOTHING
        if line.says and not is_fence and not is_code:
            yield line


def plain_words(text: str) -> str:
    """Words in one line, without any marks before them."""
    return " ".join(text.lstrip(_MARKS).rstrip(" \t|").split())


def item_words(line: Line) -> str:
    """What a line says, without the mark of a list item."""
    written = line.written or line.text
    mark = _LIST_MARK.match(written)
    return _whole_words(written[mark.end() :] if mark else written)


def _whole_words(text: str) -> str:
    """Words in one line, without the marks around them but for those that they close again."""
    words = text.lstrip(_MARKS)
    marks = text[: len(text) - len(words)]
    opening = marks[len(marks.rstrip("*_~`[(")) :]
    is_closed = all(_CLOSING.get(mark, mark) in words for mark in opening)
    return " ".join(f"{opening if is_closed else ''}{words}".rstrip(" \t|").split())


def _indent(written: str) -> int:
    return len(written.expandtabs(4)) - len(written.expandtabs(4).lstrip())


def _rest(lines: Sequence[Line], index: int) -> list[str]:
    """The lines that a list item goes on in."""
    rest: list[str] = []
    for after in range(index + 1, len(lines)):
        line = lines[after]
        if line.kind is not Kind.PROSE or _NEW_BLOCK.match(line.written):
            break
        rest.append(line.written)
    return rest


def _below(lines: Sequence[Line], index: int) -> str:
    """The first line under a heading, if it says anything before the next heading."""
    for after in range(index + 1, len(lines)):
        line = lines[after]
        if line.kind is Kind.HEADING:
            break
        if line.kind is Kind.PROSE:
            return _whole_words(line.written)
    return ""
