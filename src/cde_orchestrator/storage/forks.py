"""Two histories of one project in its files: a fork, which is no damage.

A copy of a project that was used on its own, then put back over it or merged by git, leaves two
whole records with one number. One side is followed; the others are kept whole, until a person
chooses one or merges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.history import OtherSide
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    read_file,
    replace_file,
    set_times,
    stamp_of,
)
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import GENESIS, Record, Scan, scan
from cde_orchestrator.storage.format.json_patch import Document, apply

log = get_logger(__name__)

Place = tuple[int, str]
"""A change: its number and the checksum of its record."""
_BEGINNING: Place = (0, GENESIS)
_TRAIL = 1_000
"""How many of a side's newest changes are recognized as its own."""


class Side(Value):
    """A whole state, and the history that led to it.

    Attributes:
        trail: checksums of its own changes, the newest first, as far as they are known.
        origin: the last change that it shares with the side that is followed; None if unknown.
    """

    document: Document
    sequence: int
    checksum: str
    trail: tuple[str, ...] = ()
    origin: Place | None = None


class Fork(Value):
    """What two histories leave in the files.

    Attributes:
        followed: the side that stays in force.
        others: those that do not, as far as whole records and checkpoints give their state.
        moved: files of the others alone.
        rewritten: files that have more of the followed side, and what is left of them.
    """

    followed: Side
    others: list[Side]
    moved: list[Path]
    rewritten: dict[Path, bytes]


class _Evidence(Value, frozen=False):
    """Every whole record and checkpoint, and the files that have it."""

    scans: dict[Path, Scan]
    records: dict[Place, Record] = field(default_factory=dict)
    states: dict[Place, Checkpoint] = field(default_factory=dict)
    found_in: dict[Place, set[Path]] = field(default_factory=dict)
    known: dict[Place, Checkpoint] = field(default_factory=dict)

    def chains(self) -> list[list[Place]]:
        """Each history, the newest change first."""
        parents = {_before(record) for record in self.records.values()}
        ends = [place for place in {**self.records, **self.states} if place not in parents]
        return [list(self._back_from(place)) for place in ends]

    def is_whole(self, place: Place) -> bool:
        """Whether the change itself is there, not only one that names it."""
        return place in self.records or place in self.states

    def is_usable(self, chain: list[Place]) -> bool:
        """Whether a history leads to a whole state."""
        return any(map(self._is_state, chain))

    def side(self, chain: list[Place], shared: Iterable[Place] = ()) -> Side:
        """The state at the end of a chain."""
        base = next(filter(self._is_state, chain))
        state = self.states.get(base) or self.known.get(base)
        document: Document = state.document if state is not None else {}
        for place in reversed(chain[: chain.index(base)]):
            document = apply(document, self.records[place].change.changes)
        common = set(shared)
        own = tuple(_short(place[1]) for place in chain if place not in common)
        origin = next((place for place in chain if place in common), None)
        return Side(document, *chain[0], own[:_TRAIL], origin)

    def _back_from(self, place: Place) -> Iterator[Place]:
        yield place
        while (record := self.records.get(place)) is not None:
            place = _before(record)
            yield place

    def _is_state(self, place: Place) -> bool:
        return place in self.states or place in self.known or place == _BEGINNING


def find_fork(files: StateFiles, ops: FileOps) -> Fork | None:
    """The fork in the files; None where no number was given to two different changes.

    What somebody put into ``.cde`` is followed, unless it is a side that was found before. Where
    git merged both into one file, the side that the vault has is followed.
    """
    evidence = _evidence_in(files, ops)
    chains = evidence.chains()
    usable = [chain for chain in chains if evidence.is_usable(chain)]
    if len(chains) < 2 or not usable:
        return None
    followed = max(usable, key=lambda chain: _rank(files, evidence, chain, chains))
    try:
        others = [chain for chain in chains if _is_another(evidence, chain, followed)]
        if not others:
            return None
        sides = [evidence.side(chain, followed) for chain in others if chain in usable]
        fork = Fork(evidence.side(followed), sides, [], {})
    except ValueError:  # a record does not fit: that is damage
        return None
    foreign = {place for chain in others for place in _own_part(chain, followed)}
    _part_files(files, evidence, followed, foreign, fork)
    return fork


def _evidence_in(files: StateFiles, ops: FileOps) -> _Evidence:
    paths = (files.journal, *files.segments().values())
    evidence = _Evidence({path: scan(read_file(ops, path) or b"") for path in paths})
    for path, found in evidence.scans.items():
        if found.header is not None:
            before = found.header.first - 1, found.header.previous
            evidence.found_in.setdefault(before, set()).add(path)
        for record in found.records:
            place = record.sequence, record.checksum
            evidence.records[place] = record
            evidence.found_in.setdefault(place, set()).add(path)
    for path in (*files.checkpoints().values(), files.state):
        state = checkpoints.decode(read_file(ops, path) or b"")
        if isinstance(state, Checkpoint):
            place = state.sequence, state.record_checksum
            evidence.states[place] = state
            evidence.found_in.setdefault(place, set()).add(path)
    for path in files.sides():
        state = checkpoints.decode(read_file(ops, path) or b"")
        if isinstance(state, Checkpoint):
            evidence.known[state.sequence, state.record_checksum] = state
    return evidence


def _rank(
    files: StateFiles, evidence: _Evidence, chain: list[Place], chains: list[list[Place]]
) -> tuple[object, ...]:
    """What speaks for following a history: where the part is that only this one has."""
    elsewhere = {place for each in chains if each is not chain for place in each}
    own = [place for place in chain if place not in elsewhere]
    paths = {path for place in own for path in evidence.found_in.get(place, ())}
    vault = paths - {files.journal, files.state}
    last = evidence.records.get(chain[0])
    return (
        chain[0] not in evidence.known,
        files.journal in paths,
        bool(vault),
        files.state in paths,
        chain[0][0],
        last.change.at if last else "",
        chain[0][1],
    )


def _is_another(evidence: _Evidence, chain: list[Place], followed: list[Place]) -> bool:
    """Whether one number has different changes in both, or one cannot have led to the other.

    Where nothing links an earlier state to a later one, what was between may be lost; but a later
    state that lacks features of the earlier one is another history, unless it was restarted.
    """
    checksums = dict(followed)
    differing = ((n, checksums[n]) for n, c in chain if n in checksums and checksums[n] != c)
    whole = {place[0] for place in chain if evidence.is_whole(place)}
    if any(place[0] in whole and evidence.is_whole(place) for place in differing):
        return True
    restarted = any(number and not checksum for number, checksum in (chain[-1], followed[-1]))
    if restarted or not checksums.items().isdisjoint(chain):
        return False
    if not evidence.is_usable(chain):
        return False
    earlier, later = sorted((chain, followed), key=lambda each: each[0][0])
    lacking = evidence.side(earlier).document["features"].keys()
    return bool(lacking - evidence.side(later).document["features"].keys())


def _own_part(chain: list[Place], followed: list[Place]) -> Iterator[Place]:
    """What a history does not share with the other one, as far as that can be known."""
    shared = set(followed)
    lowest = min(number for number, _ in followed)
    for place in chain:
        if place in shared:
            return
        if place[0] >= lowest:
            yield place


def _part_files(
    files: StateFiles,
    evidence: _Evidence,
    followed: list[Place],
    foreign: set[Place],
    fork: Fork,
) -> None:
    """Which files go, and which are rewritten without what is of another side."""
    kept = set(files.checkpoints().values())
    for place in sorted(foreign & evidence.states.keys(), reverse=True):
        fork.moved.extend(sorted(evidence.found_in[place] & kept))
    chain = {place: evidence.records[place] for place in followed if place in evidence.records}
    end = 2**62
    for path, found in reversed(evidence.scans.items()):
        header = found.header
        is_foreign = header is not None and (header.first - 1, header.previous) in foreign
        records = {(record.sequence, record.checksum): record for record in found.records}
        if not is_foreign and foreign.isdisjoint(records):
            end = header.first if header is not None and path != files.journal else end
            continue
        first = header.first if header is not None else end
        last = end if path != files.journal else 2**62
        own = {place: record for place, record in chain.items() if first <= place[0] < last}
        kept_records = {place: each for place, each in records.items() if place not in foreign}
        if header is None or is_foreign or not (own or kept_records):
            fork.moved.append(path)
            continue
        lines = [record.line for _, record in sorted({**kept_records, **own}.items())]
        fork.rewritten[path] = b"".join([header.line, *lines])
        end = first if path != files.journal else end
    _complete(files, evidence, followed, fork)


def _complete(files: StateFiles, evidence: _Evidence, followed: list[Place], fork: Fork) -> None:
    """Both copies and the checkpoint of the side that is followed, which nothing damaged."""
    journal = evidence.scans[files.journal]
    if journal.header is not None and files.journal not in fork.moved:
        mirror = files.mirror(journal.header.first)
        own = b"".join([journal.header.line, *(record.line for record in journal.records)])
        if mirror not in evidence.scans or mirror in fork.moved:
            fork.rewritten[mirror] = fork.rewritten.get(files.journal, own)
    if not any(files.state in evidence.found_in.get(place, ()) for place in followed):
        side = fork.followed
        data = checkpoints.encode(side.document, side.sequence, side.checksum)
        fork.rewritten[files.state] = data


def _before(record: Record) -> Place:
    return record.sequence - 1, record.previous


def _short(checksum: str) -> str:
    return checksum[:8].ljust(8, "0")


# Sides that are kept


def keep_side(files: StateFiles, ops: FileOps, side: Side, followed_at: int) -> Path:
    """Keep a side whole in ``backups``; one that is there, or goes on from this one, is enough.

    Args:
        files: of the project.
        ops: the file operations.
        side: what is not followed.
        followed_at: the number of the change that the other side was at.
    """
    names, kept = files.sides(), kept_sides(files, ops)
    for path, found in kept.items():
        trail = (found.fork or {}).get("trail", ())
        if names[path].mark == _short(side.checksum) or _short(side.checksum) in trail:
            return path
    fork: dict[str, Any] = {
        "followed_at": followed_at,
        "found_at": utc_now().isoformat(),
        "origin": side.origin,
        "trail": side.trail,
    }
    path = path_of(files, side.sequence, side.checksum)
    ops.make_folder(files.backups)
    data = checkpoints.encode(side.document, side.sequence, side.checksum, fork)
    replace_file(ops, path, data)
    for earlier in kept:
        if names[earlier].is_open and names[earlier].mark in side.trail:  # it went on since
            ops.unlink(earlier)
    log.warning(
        "state_forked",
        error_code="E222",
        path=str(files.root),
        sequence=followed_at,
        other=side.sequence,
        kept=str(path),
    )
    return path


def path_of(files: StateFiles, sequence: int, checksum: str) -> Path:
    """Where a side is kept that ends with this change."""
    return files.side(sequence, _short(checksum))


def kept_sides(files: StateFiles, ops: FileOps) -> dict[Path, Checkpoint]:
    """The sides that are kept whole, oldest first."""
    judged = {path: checkpoints.decode(read_file(ops, path) or b"") for path in files.sides()}
    return {path: found for path, found in judged.items() if isinstance(found, Checkpoint)}


def notice(files: StateFiles, ops: FileOps) -> str | None:
    """What somebody still has to decide about, in a line; None where there is nothing."""
    open_sides = (path for path, side in files.sides().items() if side.is_open)
    each = (_words_about(path, stamp_of(path), ops) for path in open_sides)
    return next(filter(None, each), None)


@lru_cache(maxsize=64)
def _words_about(path: Path, _stamp: tuple[int, ...], ops: FileOps) -> str | None:
    """The same of one side, decoded once as long as its file is the same; None if damaged."""
    found = checkpoints.decode(read_file(ops, path) or b"")
    if not isinstance(found, Checkpoint):
        return None
    followed_at = side_in(path, found).followed_at
    return (
        f"fork: the project has two histories, this one at change {followed_at} "
        f"when the other was found, and one at change {found.sequence}; both are kept. "
        f"Merge them: cde state merge {path.name}, or see cde state backups"
    )


def close_side(files: StateFiles, ops: FileOps, name: str) -> bool:
    """Remember that somebody decided about a side, by its file's name; whether there is one."""
    for path, side in files.sides().items():
        if is_named(path, name):
            if side.is_open:
                closed = files.side(side.sequence, side.mark, is_open=False).name
                with suppress(PermissionError):  # another user's; it is as old as it was found
                    set_times(path)
                ops.replace(path, path.with_name(closed))
                ops.sync_folder(path.parent)
            return True
    return False


def is_named(path: Path, name: str) -> bool:
    """Whether a name is that of the side's file, before or after a decision."""
    return path.name.partition("-")[2] == Path(name).name.partition("-")[2]


def side_in(path: Path, found: Checkpoint) -> OtherSide:
    """What is known of a side that is kept."""
    fork = found.fork or {}
    origin = fork.get("origin")
    return OtherSide(
        after=origin[0] if origin else None,
        followed_at=fork.get("followed_at", 0),
        found_at=fork.get("found_at", ""),
        is_open=path.name.startswith("fork-"),
    )
