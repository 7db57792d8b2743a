"""Just enough of Markdown to distinguish headings, prose and code.

In time proportional to the text, whatever stands in it: a gate judges what strangers wrote.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.value import Value

_FENCE = pattern(r" {0,3}(`{3,}|~{3,})(.*)")
_HEADING = pattern(r" {0,3}(#{1,6})(|[ \t].*)")
_UNDERLINE = pattern(r" {0,3}(=+|-+)[ \t]*")
_NO_PARAGRAPH = pattern(r" {0,3}(?:(?:[-+*]|\d{1,9}[.)])(?:[ \t]|\Z)|[|>])|\t| {4}")
"""A list, a table, a quotation or indented code, which no underline makes a heading."""
_RULE = pattern(r"[-*_=|:\s]*")
_TICKS = pattern(r"`+")
_NUMBER = pattern(r"\d{1,4}(?:\.\d{1,4}){0,5}[.):]? +(?=\S)")
_EMPHASIS = str.maketrans("", "", "*`~")
_MARKS = "#-+>:*_`~ \t"
"""What may surround words that somebody took for a heading."""
LINES_LIMIT = 200_000
"""Lines of a document that are judged: each costs time during which nothing else runs."""
_COMMENT = pattern(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BLANK = pattern(r"\A\s*+\Z")
_TEXT_TAGS = "pre|script|style|textarea"
_BLOCK_TAGS = (
    "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details"
    "|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head"
    "|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p"
    "|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_HTML_BLOCKS = tuple(
    (pattern(rf" {{0,3}}<{start}", re.IGNORECASE), pattern(end, re.IGNORECASE))
    for start, end in (
        (rf"(?:{_TEXT_TAGS})(?:[ \t>]|\Z)", rf"</(?:{_TEXT_TAGS})>"),
        (r"\?", r"\?>"),
        (r"![a-z]", ">"),
        (r"!\[CDATA\[", r"\]\]>"),
        (rf"/?(?:{_BLOCK_TAGS})(?:[ \t]|/?>|\Z)", _BLANK.pattern),
    )
)
"""How a block of HTML begins and ends (CommonMark 0.31, 4.6), but for comments."""
_LONE_TAG = pattern(
    r" {0,3}<(?:/[a-z][a-z0-9-]*+|[a-z][a-z0-9-]*+(?:\s++[a-z_:][\w.:-]*+"
    r"(?:\s*+=\s*+(?:[^\s\"'=<>`]++|'[^']*+'|\"[^\"]*+\"))?)*\s*+/?)\s*+>\s*+",
    re.IGNORECASE,
)
"""Any other tag alone in its line, which begins a block too, but not within a paragraph."""


class Kind(Enum):
    """What a line is."""

    HEADING = "heading"
    PROSE = "prose"
    CODE = "code"
    NOTHING = "nothing"


class Line(Value):
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
    """The lines of a document; blank ones, rules, underlines and fences count as nothing.

    A heading may be underlined instead of marked, where it is a paragraph of one line: more
    lines above dashes are more often a text that lacks a blank line before a rule. HTML is
    prose, and no line in it is a heading.
    """
    without_comments = _COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    return _lines(without_comments.splitlines())


def headings(lines: list[Line]) -> dict[str, list[int]]:
    """Indexes of the headings of each kind, as ``normal`` has them, among the lines.

    A heading with a number is found without it, too.
    """
    found: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.kind is Kind.HEADING:
            words = folded(line.text)
            for each in {words, unnumbered(words)}:
                found.setdefault(f"{'#' * line.level} {each}", []).append(index)
    return found


def normal(heading: str) -> str:
    """A heading as it is compared: its marks, one blank, and its words as ``folded``."""
    match = _HEADING.fullmatch(heading.strip())
    return f"{match[1]} {folded(_words(match[2]))}" if match else folded(heading)


def folded(words: str) -> str:
    """Words as a person compares them: without case, emphasis and a colon at the end."""
    plain = unicodedata.normalize("NFKC", words).casefold().translate(_EMPHASIS)
    return " ".join(word.strip("_") for word in plain.split()).rstrip(": ")


def unnumbered(words: str) -> str:
    """The words of a heading without a number before them."""
    number = _NUMBER.match(words)
    return words[number.end() :] if number else words


def nearest(lines: list[Line], heading: str) -> Line | None:
    """The first line that was probably meant to be a heading, but is another, or none.

    One with its words on another level comes before one with similar words, and that before
    a line that has the words and no marks.
    """
    wanted = normal(heading).lstrip("# ")
    found: dict[int, Line] = {}
    for line in lines:
        if line.kind is Kind.HEADING:
            words = unnumbered(folded(line.text))
            if words == wanted:
                found.setdefault(0, line)
            elif words.startswith(f"{wanted} ") or _are_similar(words, wanted):
                found.setdefault(1, line)
        elif line.kind is Kind.PROSE and _is_meant(line.written, wanted):
            found.setdefault(2, line)
    return found[min(found)] if wanted and found else None


def _is_meant(written: str, wanted: str) -> bool:
    """Whether a line of prose has a heading's words alone; one with its marks is within HTML."""
    if len(written) > 2 * len(wanted) + 20 or _HEADING.fullmatch(written):
        return False
    return unnumbered(folded(written.strip(_MARKS))) == wanted


def _are_similar(words: str, wanted: str) -> bool:
    """Whether a slip or two make one of the other: a letter too many, too few, or another."""
    return _within(words, wanted, min(2, len(wanted) // 3))


def _within(one: str, other: str, slips: int) -> bool:
    if abs(len(one) - len(other)) > slips:
        return False
    pairs = enumerate(zip(one, other, strict=False))
    same = next((at for at, (its, theirs) in pairs if its != theirs), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    if not (one and other and slips):
        return max(len(one), len(other)) <= slips
    if one[:2] == other[1::-1] and _within(one[2:], other[2:], slips - 1):
        return True
    return any(
        _within(one[skipped:], other[left:], slips - 1)
        for skipped, left in ((1, 1), (1, 0), (0, 1))
    )


def section(lines: list[Line], index: int) -> list[Line]:
    """The content under the heading at ``index``, that of its subsections too."""
    return [line for line in lines[index + 1 : end_of(lines, index)] if line.is_content]


def end_of(lines: list[Line], index: int) -> int:
    """Where what is under the heading at ``index`` ends: at the next one that is not below it."""
    level = lines[index].level
    for after in range(index + 1, len(lines)):  # a slice would copy all that follows
        line = lines[after]
        if line.kind is Kind.HEADING and line.level <= level:
            return after
    return len(lines)


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


def _lines(texts: list[str]) -> list[Line]:
    found: list[Line] = []
    fence, html_end, paragraph = "", None, 0
    for number, text in enumerate(texts, start=1):
        marks = _FENCE.fullmatch(text)
        before, paragraph = paragraph, 0
        if fence:
            closing = marks and marks[1].startswith(fence) and not marks[2].strip()
            if closing:
                fence = ""
            kind = Kind.NOTHING if closing or not text.strip() else Kind.CODE
            found.append(Line(number, kind, text))
        elif html_end := html_end or _html_end(text, within_paragraph=before > 0):
            found.append(_plain(number, text))
            if html_end.search(text):
                html_end = None
        elif marks and not (marks[1][0] == "`" and "`" in marks[2]):
            fence = marks[1]
            found.append(Line(number, Kind.NOTHING, text))
        elif before == 1 and (underline := _UNDERLINE.fullmatch(text)):
            level, words = 1 if underline[1][0] == "=" else 2, " ".join(found[-1].written.split())
            found[-1] = Line(number - 1, Kind.HEADING, words, level)
            found.append(Line(number, Kind.NOTHING, text))
        else:
            found.append(_line(number, text))
            if found[-1].kind is Kind.PROSE:  # a list is as good as a second line
                paragraph = before + (2 if _NO_PARAGRAPH.match(text) else 1)
    return found


def _html_end(text: str, *, within_paragraph: bool) -> re.Pattern[str] | None:
    """What ends the block of HTML that begins with a line; None where none begins."""
    if not text.lstrip(" ").startswith("<"):
        return None
    for start, end in _HTML_BLOCKS:
        if start.match(text):
            return end
    return None if within_paragraph or not _LONE_TAG.fullmatch(text) else _BLANK


def _line(number: int, text: str) -> Line:
    heading = _HEADING.fullmatch(text)
    if heading:
        return Line(number, Kind.HEADING, _words(heading[2]), len(heading[1]))
    return _plain(number, text)


def _plain(number: int, text: str) -> Line:
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
