"""How two texts differ, in lines, for people; bounded, whatever the texts are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypedDict

CONTEXT_LINES = 3
LINES_COMPARED = 4_000
"""Lines of each side that are compared, without equal ones at both ends; longer, all differ."""
LINES_SHOWN = 1_500
CHARACTERS_SHOWN = 1_000
"""Characters of a line."""

Opcode = tuple[str, int, int, int, int]


class HunkView(TypedDict):
    """Lines that differ with some around them; each begins with a blank, ``+`` or ``-``.

    ``before`` and ``after`` are the numbers of the first line on either side, from 1.
    """

    before: int
    after: int
    lines: list[str]


class ComparedView(TypedDict):
    """How a text became another one; ``partial`` where not all that differs is shown.

    ``problem`` says why nothing can be shown of what differs.
    """

    hunks: list[HunkView]
    partial: bool
    problem: str | None


def compared(before: bytes | None, after: bytes | None) -> ComparedView:
    """How the one became the other; None is no file."""
    texts = (_text(before), _text(after))
    if texts[0] is None or texts[1] is None:
        same = before == after
        problem = None if same else "it is not text, so its lines cannot be shown"
        return {"hunks": [], "partial": False, "problem": problem}
    old, new = _split(texts[0]), _split(texts[1])
    hunks: list[HunkView] = []
    left = LINES_SHOWN
    for group in _grouped(list(_opcodes(old, new))):
        if left <= 0:
            return {"hunks": hunks, "partial": True, "problem": None}
        lines = [line for opcode in group for line in _lines(opcode, old, new)]
        is_cut = len(lines) > left
        hunks.append({"before": group[0][1] + 1, "after": group[0][3] + 1, "lines": lines[:left]})
        left -= len(lines)
        if is_cut:
            return {"hunks": hunks, "partial": True, "problem": None}
    problem = None
    if not hunks and before != after:
        problem = "only the ends of lines differ, or whether there is a file"
    return {"hunks": hunks, "partial": False, "problem": problem}


def _text(data: bytes | None) -> str | None:
    """The text; None where it is none."""
    if data is None:
        return ""
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _split(text: str) -> list[str]:
    """The lines, as git counts them."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[Opcode]:
    """What is equal, and what differs, by places of lines, as of ``SequenceMatcher``."""
    least = min(len(old), len(new))
    head = next((at for at in range(least) if old[at] != new[at]), least)
    left = least - head
    tail = next((at for at in range(left) if old[-1 - at] != new[-1 - at]), left)
    ends = (len(old) - tail, len(new) - tail)
    if head:
        yield ("equal", 0, head, 0, head)
    if max(ends) - head > LINES_COMPARED:
        yield ("replace", head, ends[0], head, ends[1])
    else:
        matcher = SequenceMatcher(None, old[head : ends[0]], new[head : ends[1]])
        for kind, low, high, new_low, new_high in matcher.get_opcodes():
            yield (kind, low + head, high + head, new_low + head, new_high + head)
    if tail:
        yield ("equal", ends[0], len(old), ends[1], len(new))


def _grouped(opcodes: Sequence[Opcode]) -> Iterator[list[Opcode]]:
    """What differs, with some lines around, in groups that have more lines between them."""
    group: list[Opcode] = []
    for kind, *places in opcodes:
        low, high, new_low, new_high = places
        if kind != "equal":
            group.append((kind, low, high, new_low, new_high))
            continue
        if any(each[0] != "equal" for each in group):
            if high - low <= 2 * CONTEXT_LINES:
                group.append((kind, low, high, new_low, new_high))
                continue
            yield [*group, (kind, low, low + CONTEXT_LINES, new_low, new_low + CONTEXT_LINES)]
        begin = max(low, high - CONTEXT_LINES)
        group = [("equal", begin, high, new_high - (high - begin), new_high)]
    if any(each[0] != "equal" for each in group):
        yield group


def _lines(opcode: Opcode, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    kind, low, high, new_low, new_high = opcode
    if kind == "equal":
        yield from (_line(" ", each) for each in old[low:high])
        return
    yield from (_line("-", each) for each in old[low:high])
    yield from (_line("+", each) for each in new[new_low:new_high])


def _line(mark: str, line: str) -> str:
    line = line.removesuffix("\r")
    cut = "…" if len(line) > CHARACTERS_SHOWN else ""
    return f"{mark}{line[:CHARACTERS_SHOWN]}{cut}"
