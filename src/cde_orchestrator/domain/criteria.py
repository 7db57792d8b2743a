"""The acceptance criteria of a specification: what must be proven before a feature is done."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.markdown import Kind, Line

TEXT_LIMIT = 500

_ID = r"[*_~`\[(]*(AC[1-9][0-9]{0,3})(?!\w|[.-]\w)"
_ITEM = re.compile(rf"[ \t]*(?:[-*+]|[0-9]{{1,9}}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?{_ID}(.*)")
_ROW = re.compile(rf"[ \t]*\|?[ \t]*{_ID}([^|]*\|.*)")
_TITLE = re.compile(rf"{_ID}(.*)")
_NEAR = re.compile(
    r"(?:[ \t>|]|[-*+](?=[ \t])|[0-9]{1,9}[.)](?=[ \t])|\[[ xX]\])*"
    r"[*_~`\[(|]*(AC[ \t._-]?0*([0-9]{1,4}))(?!\w)",
    re.IGNORECASE,
)
"""What looks like the id of a criterion where one begins, however it is written."""
_FENCE = re.compile(r"[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)?(`{3,}[^`]*|~{3,}.*)")
"""One within a list item, further to the right than a document's own."""
_NEW_BLOCK = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]|[ \t]*[|>]")
_MARKS = " \t*_~`])([:|.,;\u2013\u2014-"


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something that a feature must fulfil, as its specification says it.

    Attributes:
        id: as ``AC1``.
        text: in one line, at most 500 characters; empty where nothing follows the id.
        line: where it is in the specification, from 1.
        digest: SHA-256 of all its words, of which ``text`` may be the beginning; empty where they
            are not known.
    """

    id: str
    text: str
    line: int
    digest: str = field(default="", compare=False)

    def says(self, text: str, digest: str) -> bool:
        """Whether it is one that was kept with a text, and a digest if it was kept with one."""
        if digest and self.digest:
            return digest == self.digest
        return " ".join(self.text.split()) == " ".join(text.split())


def criteria_of_file(data: bytes) -> list[Criterion]:
    """The criteria of a specification, whatever its bytes are; a mark of UTF-8 is no text of it."""
    return criteria_in(data.decode("utf-8-sig", "replace"))


def criteria_in(text: str) -> list[Criterion]:
    """The criteria of a Markdown text, each once, in the order of their first mention.

    One is the first word of a list item, a heading or a row of a table; neither in code nor in
    quotations nor in comments. A list item or a heading defines it rather than a row does.
    """
    lines = markdown.read(text)
    found: dict[str, tuple[Criterion, bool]] = {}
    fenced = False
    for index, line in enumerate(lines):
        if line.kind is Kind.PROSE and _FENCE.fullmatch(line.written):
            fenced = not fenced
        read = None if fenced else _criterion(lines, index, line)
        if read is None:
            continue
        criterion, defines = read
        known = found.get(criterion.id)
        if known is None or (defines and not known[1]):
            found[criterion.id] = read  # a key that is known keeps its place
    return [criterion for criterion, _ in found.values()]


def overlooked_in(text: str) -> list[tuple[int, str]]:
    """Lines under a heading about criteria that seem to begin with one that is not counted.

    Each with what it begins with: ``AC-3``, ``ac4``, a paragraph or a quotation.
    """
    counted = {criterion.id for criterion in criteria_in(text)}
    found: dict[str, tuple[int, str]] = {}
    level = 0
    for line in markdown.read(text):
        if line.kind is Kind.HEADING and (not level or line.level <= level):
            level = line.level if "criteri" in line.text.lower() else 0
        near = _NEAR.match(line.written) if level and line.kind is Kind.PROSE else None
        if near and (identity := f"AC{int(near[2])}") not in counted:
            found.setdefault(identity, (line.number, near[1]))
    return list(found.values())


def _criterion(lines: Sequence[Line], index: int, line: Line) -> tuple[Criterion, bool] | None:
    """The criterion that begins with a line, and whether it is defined rather than listed."""
    if line.kind is Kind.HEADING:
        if title := _TITLE.fullmatch(markdown.unnumbered(line.text)):
            words = _words(title[2]) or _below(lines, index)
            return _of_words(title[1], words, line), True
    elif line.kind is Kind.PROSE:
        if item := _ITEM.fullmatch(line.written):
            words = _words(" ".join([item[2], *_rest(lines, index)]))
            return _of_words(item[1], words, line), True
        if row := _ROW.fullmatch(line.written):
            cells = (_words(cell) for cell in row[2].split("|"))
            words = next((cell for cell in cells if cell), "")
            return _of_words(row[1], words, line), False
    return None


def _of_words(identity: str, words: str, line: Line) -> Criterion:
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return Criterion(identity, words[:TEXT_LIMIT], line.number, digest)


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
            return _words(line.written)
    return ""


def _words(text: str) -> str:
    return " ".join(text.lstrip(_MARKS).rstrip(" \t|").split())
