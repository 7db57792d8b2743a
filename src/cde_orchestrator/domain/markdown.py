"""Just enough of Markdown to tell headings, prose and code apart.

In time proportional to the text, whatever stands in it: a gate judges what strangers wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_HEADING = re.compile(r" {0,3}(#{1,6})(|[ \t].*)")
_RULE = re.compile(r"[-*_=|:\s]*")
_TICKS = re.compile(r"`+")
LINES_LIMIT = 200_000
"""Lines of a document that are judged: each costs time during which nothing else runs."""
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Kind(Enum):
    """What a line is."""

    HEADING = "heading"
    PROSE = "prose"
    CODE = "code"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a document, without comments.

    Attributes:
        number: from 1.
        level: of a heading, else 0.
        text: a heading's words; of prose the line without code spans and outer blanks; of
            code the line.
        written: prose as it was written.
    """

    number: int
    kind: Kind
    text: str
    level: int = 0
    written: str = ""

    @property
    def is_content(self) -> bool:
        """Whether it says something: prose or code."""
        return self.kind is Kind.PROSE or self.kind is Kind.CODE

    @property
    def says(self) -> bool:
        """Whether it is the document's own word: prose or a heading, no code."""
        return self.kind is Kind.PROSE or self.kind is Kind.HEADING


def read(text: str) -> list[Line]:
    """The lines of a document; blank ones, rules and fences count as nothing."""
    without_comments = _COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    return list(_lines(without_comments.splitlines()))


def headings(lines: list[Line]) -> dict[str, list[int]]:
    """Indexes of the headings of each kind, as ``## Goal``, among the lines."""
    found: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.kind is Kind.HEADING:
            found.setdefault(f"{'#' * line.level} {line.text}", []).append(index)
    return found


def normal(heading: str) -> str:
    """A heading as ``headings`` has it: one blank after the marks, none at the end."""
    match = _HEADING.fullmatch(heading.strip())
    return f"{match[1]} {_words(match[2])}" if match else heading.strip()


def section(lines: list[Line], index: int) -> list[Line]:
    """The content under the heading at ``index``, that of its subsections too."""
    level, found = lines[index].level, []
    for after in range(index + 1, len(lines)):  # a slice would copy all that follows
        line = lines[after]
        if line.kind is Kind.HEADING and line.level <= level:
            break
        if line.is_content:
            found.append(line)
    return found


def without_code_spans(text: str) -> str:
    """A line of prose with each span of code replaced by a word for it, without outer blanks."""
    if "`" not in text:
        return text.strip()
    runs = [match.span() for match in _TICKS.finditer(text)]
    later: dict[int, list[int]] = {}
    for index, (start, end) in reversed([*enumerate(runs)]):
        later.setdefault(end - start, []).append(index)
    parts, taken, index = [], 0, 0
    while index < len(runs):
        start, end = runs[index]
        same = later[end - start]
        while same and same[-1] <= index:
            same.pop()
        if same:  # a run of the same length closes the span
            parts += [text[taken:start], "`code`"]
            index = same[-1]
            taken = runs[index][1]
        index += 1
    return "".join([*parts, text[taken:]]).strip()


def _lines(texts: list[str]) -> Iterator[Line]:
    fence = ""
    for number, text in enumerate(texts, start=1):
        marks = _FENCE.fullmatch(text)
        if fence:
            closing = marks and marks[1].startswith(fence) and not marks[2].strip()
            if closing:
                fence = ""
            kind = Kind.NOTHING if closing or not text.strip() else Kind.CODE
            yield Line(number, kind, text)
        elif marks and not (marks[1][0] == "`" and "`" in marks[2]):
            fence = marks[1]
            yield Line(number, Kind.NOTHING, text)
        else:
            yield _line(number, text)


def _line(number: int, text: str) -> Line:
    heading = _HEADING.fullmatch(text)
    if heading:
        return Line(number, Kind.HEADING, _words(heading[2]), len(heading[1]))
    if _RULE.fullmatch(text):
        return Line(number, Kind.NOTHING, text)
    return Line(number, Kind.PROSE, without_code_spans(text), written=text)


def _words(rest: str) -> str:
    """A heading's words, without closing marks, with one blank between them."""
    words = rest.rstrip(" \t")
    without_marks = words.rstrip("#")
    if without_marks.endswith((" ", "\t")):
        words = without_marks
    return " ".join(words.split())
