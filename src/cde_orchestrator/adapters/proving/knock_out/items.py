"""Parts of source code, and which of them changed, in any language that has a syntax."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cde_orchestrator.adapters.proving.knock_out.sites import (
    Edit,
    Edits,
    Lines,
    Site,
    one_by_one,
    replaced,
    with_unique_names,
)

NONE: Edits = {"nothing": (), "other": (), "control": ()}


def joined(one: Edits, other: Edits) -> Edits:
    """Edits that are made together."""
    return {how: one[how] + other[how] for how in NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A part of source code that is compared as a whole.

    Attributes:
        key: what finds its counterpart in the other version.
        name: of a function, with those of what it is in.
        shape: its code without comments and format; of functions in it only their names.
        frame: what of its code must be the same for the old text to be put in its place.
        start: its first byte.
        end: the byte after its last.
        edits: what knocks it out; of what is no function, where it has no counterpart.
        last_resort: the same where nothing else of the file can be knocked out.
        room: what holds it; a removed function is put back at the end of its room.
        body: of a function that can be defined once more the first byte of its body, else 0.
        parameters: names of a function's parameters.
        uses: those of them that are read in it.
        head: of a value all but the value itself, which is at ``value``.
        instead: what lets it have another value, given as text, where only that differs.
        is_import: whether it only names what is elsewhere.
    """

    kind: Literal["function", "value", "statement"]
    key: str
    name: str
    shape: str
    frame: str = ""
    start: int
    end: int
    column: int = 0
    edits: Edits = field(default_factory=lambda: NONE)
    last_resort: Edits = field(default_factory=lambda: NONE)
    comment: Edit | None = None
    room: str = ""
    body: int = 0
    parameters: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    head: str = ""
    value: tuple[int, int] | None = None
    instead: Callable[[bytes], Edits] | None = None
    is_import: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A module or class to which what was removed is put back.

    Attributes:
        end: where.
        names: what it holds already.
    """

    end: int
    column: int
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """A version of a file.

    Attributes:
        rooms: those whose removed names nothing else provides.
    """

    text: bytes
    items: tuple[Item, ...]
    rooms: Mapping[str, Room] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Hunk:
    """What is put back, or taken out."""

    start: int
    end: int
    edits: Edits
    label: str = ""


def changed_sites(
    before: Reading | None, after: Reading, is_valid: Callable[[bytes], bool]
) -> list[Site]:
    """What differs between two versions beyond order and format, in the order of the text."""
    left: dict[str, list[Item]] = defaultdict(list)
    for item in before.items if before else ():
        left[item.key].append(item)
    changed = [item for item in after.items if not _unchanged(item, left[item.key])]
    found: list[tuple[int, Site]] = []
    hunks: list[_Hunk] = []
    resorts: list[_Hunk] = []
    imports: list[_Hunk] = []
    for item in changed:
        old = left[item.key].pop(0) if left[item.key] else None
        (imports if item.is_import else resorts).extend(_hunk(item, item.last_resort))
        if item.kind != "function":
            hunks += _hunks(item, old, before)
        elif item.edits["nothing"]:
            edits = {**item.edits, "before": _as_before(item, old, before, after)}
            found.append((item.start, Site(item.name, "function", edits)))
    if before:
        removed = [item for items in left.values() for item in items]
        hunks += _put_back(removed, before, after)
    is_last_resort = not (found or hunks)
    lines = Lines(after.text)
    of_hunks = [
        (hunk.start, _site(hunk, lines, is_last_resort=is_last_resort))
        for hunk in _merged((resorts or imports) if is_last_resort else hunks, lines)
    ]
    allowed = one_by_one(after.text, [site for _, site in sorted(of_hunks, key=_first)], is_valid)
    starts = {site.name: start for start, site in of_hunks}
    found += [(starts.get(site.name, 0), site) for site in allowed]
    return with_unique_names(site for _, site in sorted(found, key=_first))


def _as_before(
    item: Item, old: Item | None, before: Reading | None, after: Reading
) -> tuple[Edit, ...]:
    """Define a function once more, with the body that it had before.

    Its text stays as it is, so that a test that looks at the source sees it. Its head is that of
    before, too, where this takes all present parameters: what was removed is a change. Else it is
    the present one, since no call may fail for a parameter alone. Nothing is done where the body
    needs a parameter that is there no longer, or is not indented alike.
    """
    if old is None or before is None or not (item.body and old.body) or item.frame != old.frame:
        return ()
    if old.column != item.column:
        return ()
    if old.parameters and item.parameters <= old.parameters:
        head = before.text[old.start - old.column : old.body]
    elif old.uses <= item.parameters:
        head = after.text[item.start - item.column : item.body]
    else:
        return ()
    body = before.text[old.body : old.end]
    return (Edit(item.end, item.end, b"\n" + head + body),)


def _first(pair: tuple[int, Site]) -> int:
    return pair[0]


def _unchanged(item: Item, left: list[Item]) -> bool:
    """Whether it has an equal counterpart, which then is nobody else's."""
    for old in left:
        if old.shape == item.shape:
            left.remove(old)
            return True
    return False


def _hunks(item: Item, old: Item | None, before: Reading | None) -> Iterator[_Hunk]:
    """How what is no function is knocked out: as it was, or as if it were not there."""
    edits = item.edits
    if old is not None and before is not None:
        text = before.text[old.start : old.end]
        fits = old.frame == item.frame and (old.column == item.column or b"\n" not in text)
        edits = replaced(item.start, item.end, text) if fits else NONE
        if item.instead and item.head == old.head and old.value:
            edits = item.instead(before.text[slice(*old.value)])
    yield from _hunk(item, edits)


def _hunk(item: Item, edits: Edits) -> Iterator[_Hunk]:
    if edits["nothing"]:
        comment = () if item.comment is None else (item.comment,)
        control = edits["control"] or comment
        yield _Hunk(item.start, item.end, {**edits, "control": control})


def _put_back(removed: list[Item], before: Reading, after: Reading) -> Iterator[_Hunk]:
    """Functions that are there no longer, where no other one of the name took their place."""
    for item in removed:
        room = after.rooms.get(item.room)
        name = item.name.rpartition(".")[2]
        is_private = name.startswith("_") and not name.endswith("__")
        if item.kind != "function" or room is None or is_private or name in room.names:
            continue
        if room.column == item.column:
            text = b"\n" + before.text[item.start - item.column : item.end] + b"\n"
            edits = replaced(room.end, room.end, text)
            yield _Hunk(room.end, room.end, edits, f"removed {item.name}")


def _merged(hunks: list[_Hunk], lines: Lines) -> list[_Hunk]:
    """Hunks in order; those of lines that touch are one."""
    merged: list[_Hunk] = []
    for hunk in sorted(hunks, key=lambda each: each.start):
        last = merged[-1] if merged else None
        if last and not (last.label or hunk.label) and _touch(last, hunk, lines):
            merged[-1] = _Hunk(last.start, hunk.end, joined(last.edits, hunk.edits))
        else:
            merged.append(hunk)
    return merged


def _touch(one: _Hunk, other: _Hunk, lines: Lines) -> bool:
    return lines.number(other.start) - lines.number(max(one.start, one.end - 1)) <= 1


def _site(hunk: _Hunk, lines: Lines, *, is_last_resort: bool) -> Site:
    name = hunk.label or lines.named(hunk.start, hunk.end)
    return Site(name, "hunk", hunk.edits, is_last_resort)
