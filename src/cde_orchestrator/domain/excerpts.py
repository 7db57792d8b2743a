"""Excerpts of a document: each of its sections, by its heading, as far as there is room."""

from __future__ import annotations

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.markdown import Kind
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.text import harmless
from cde_orchestrator.domain.value import Value

SECTIONS_LIMIT = 2_400
"""Characters of all sections of a document together."""
READ_BYTES = 256 * 1024
"""Bytes of a document that are looked at."""
_DEEPEST = 2
_UNDERLINE = pattern(r" {0,3}(?:=+|-+)[ \t]*")


class Section(Value):
    """What is under a heading of the first two levels.

    Attributes:
        heading: as it is written; empty for what is before the first one.
        key: the heading as it is compared, without a number.
        text: whole lines, as many as there is room for.
        more: lines that were left out.
    """

    heading: str
    key: str
    text: str
    more: int


def sections_of(data: bytes, limit: int = SECTIONS_LIMIT) -> list[Section]:
    """The sections of a Markdown document; of any other, its lines as one.

    A short section is whole; those that are longer share the room that is left.
    """
    text = harmless(data[:READ_BYTES].decode("utf-8-sig", errors="replace"))
    lines = text.split("\n")
    found = [("", 0)] + [
        (line.text, line.number)
        for line in markdown.read(text)
        if line.kind is Kind.HEADING and line.level <= _DEEPEST
    ]
    ends = [number - 1 for _, number in found[1:]] + [len(lines)]
    bodies = [
        (heading, _body(lines[start:end]))
        for (heading, start), end in zip(found, ends, strict=True)
    ]
    kept = [(heading, body) for heading, body in bodies if body]
    room = _share([sum(map(len, body)) + len(body) for _, body in kept], limit)
    return [_section(heading, body, room) for heading, body in kept]


def _body(lines: list[str]) -> list[str]:
    """The lines without an underline before them and blank ones around them."""
    if lines and _UNDERLINE.fullmatch(lines[0]):
        lines = lines[1:]
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


def _share(lengths: list[int], limit: int) -> int:
    """Up to which length each is whole, so that all together are at most ``limit``."""
    left = limit
    for number, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - number)
        if length > share:
            return share
        left -= length
    return limit


def _section(heading: str, body: list[str], room: int) -> Section:
    key = markdown.unnumbered(markdown.folded(heading))
    shown: list[str] = []
    for line in body:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    if not shown:  # rather the beginning of a line than nothing
        cut = body[0][: max(room + len(body[0]), 0)]
        return Section(heading, key, f"{cut}…", len(body) - 1)
    return Section(heading, key, "\n".join(shown).rstrip(), len(body) - len(shown))
