"""Places with the edits that knock them out, and texts that are edited."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from cde_orchestrator.domain.proofs import HowKnockedOut

Kind = Literal["function", "hunk"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What replaces the bytes of a text from ``start`` to ``end``."""

    start: int
    end: int
    text: bytes


Edits = Mapping[HowKnockedOut, tuple[Edit, ...]]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a text, with its edits."""

    name: str
    kind: Kind
    edits: Edits
    is_last_resort: bool = False


def replaced(start: int, end: int, nothing: bytes, other: bytes | None = None) -> Edits:
    """Edits that put something in the place of bytes; the control changes nothing."""
    return {
        "nothing": (Edit(start, end, nothing),),
        "other": (Edit(start, end, nothing if other is None else other),),
        "control": (),
    }


def in_conditions(at: int, nothing: str, other: str, end: str) -> Edits:
    """Edits that end a function of Go or Rust where a condition holds; in the control none does.

    After a condition, no tool complains of code that never runs.
    """
    holds: Mapping[HowKnockedOut, tuple[str, str]] = {
        "nothing": ("true", "false"),
        "other": ("false", "true"),
        "control": ("false", "false"),
    }
    return {
        how: (Edit(at, at, f" if {one} {{ {nothing} }}{end} if {two} {{ {other} }}{end}".encode()),)
        for how, (one, two) in holds.items()
    }


def with_unique_names(sites: Iterable[Site]) -> list[Site]:
    """The same sites; the second of a name ends in ``#2``, and so on."""
    seen: dict[str, int] = {}
    unique = []
    for site in sites:
        count = seen[site.name] = seen.get(site.name, 0) + 1
        name = site.name if count == 1 else f"{site.name}#{count}"
        unique.append(replace(site, name=name))
    return unique


def edited(text: bytes, edits: Iterable[Edit]) -> bytes:
    """The text with all edits made; of those that overlap, the ones that begin first."""
    parts, position = [], 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if edit.start >= position:
            parts += [text[position : edit.start], edit.text]
            position = edit.end
    return b"".join([*parts, text[position:]])


def knocked_out(
    text: bytes,
    sites: Sequence[Site],
    names: Collection[str],
    how: HowKnockedOut,
    is_valid: Callable[[bytes], bool],
) -> bytes:
    """The text with the sites of these names knocked out.

    Where the syntax does not allow for all of them, those are made that it allows for.
    """
    chosen = [site.edits.get(how, ()) for site in sites if site.name in names]
    whole = edited(text, (edit for edits in chosen for edit in edits))
    if whole == text or is_valid(whole):
        return whole
    made: list[Edit] = []
    for edits in chosen:
        if edits and is_valid(edited(text, [*made, *edits])):
            made += edits
    return edited(text, made)


def one_by_one(text: bytes, sites: Sequence[Site], is_valid: Callable[[bytes], bool]) -> list[Site]:
    """Sites whose edits the syntax allows for; hunks that need each other become one."""
    everything = (edit for site in sites for edit in site.edits["nothing"])
    if not sites or is_valid(edited(text, everything)):
        return list(sites)
    alone = [site for site in sites if is_valid(edited(text, site.edits["nothing"]))]
    rest = [site for site in sites if site not in alone]
    if len(rest) < 2:
        return alone
    edits = tuple(edit for site in rest for edit in site.edits["nothing"])
    if not is_valid(edited(text, edits)):
        return alone
    control = tuple(edit for site in rest for edit in site.edits["control"])
    name = ", ".join(site.name for site in rest)
    return [*alone, Site(name, "hunk", {"nothing": edits, "other": edits, "control": control})]


class Lines:
    """Lines of a text, and where they begin; a line ends with LF, CR or both."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.lines = text.splitlines(keepends=True)
        self.starts = [0, *accumulate(len(line) for line in self.lines)]

    def number(self, offset: int) -> int:
        """Number of the line in which the byte at this offset is, from 1."""
        return max(1, bisect_right(self.starts[:-1], offset))

    def named(self, start: int, end: int) -> str:
        """Name of a hunk from one offset to another."""
        first, last = self.number(start), self.number(max(start, end - 1))
        return f"line {first}" if first == last else f"lines {first}-{last}"
