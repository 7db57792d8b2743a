"""Excerpts of a document: each of its sections, by its heading, as far as there is room."""

from __future__ import annotations

from collections.abc import Collection

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


def sections_of(
    data: bytes, limit: int = SECTIONS_LIMIT, apart: Collection[str] = ()
) -> list[Section]:
    """The sections of a Markdown document; of any other, its lines as one.

    A short section is whole; those that are longer share the room that is left. Those whose key
    is ``apart`` share a room of their own, so that they take nothing from the others.
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
        (heading, _key(heading), _body(lines[start:end]))
        for (heading, start), end in zip(found, ends, strict=True)
    ]
    kept = [each for each in bodies if each[2]]
    lengths: dict[bool, list[int]] = {True: [], False: []}
    for _, key, body in kept:
        lengths[key in apart].append(sum(map(len, body)) + len(body))
    rooms = {is_apart: _share(found, limit) for is_apart, found in lengths.items()}
    return [_section(heading, key, body, rooms[key in apart]) for heading, key, body in kept]


def _key(heading: str) -> str:
    return markdown.unnumbered(markdown.folded(heading))


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


def _section(heading: str, key: str, body: list[str], room: int) -> Section:
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
