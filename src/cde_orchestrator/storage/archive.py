"""History, verification and backups of one stored state, read from its files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise, zip_longest
from pathlib import Path

import orjson

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.system.file_ops import FileOps, read_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.storage.forks import Fork, find_fork, is_named, kept_sides, path_of, side_in
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint, NotACheckpoint
from cde_orchestrator.storage.format.files import StateFiles, reason_at
from cde_orchestrator.storage.format.journal import GENESIS, Record, Scan, newest_records, scan
from cde_orchestrator.storage.format.json_patch import Document, pointer, replay
from cde_orchestrator.storage.history_entries import history_entries

_END = 2**62


class StateArchive:
    """The past of a project, as far as its files hold it; nothing here changes them.

    Attributes:
        newest_at: when the newest change was made that ``verify`` found, in ISO 8601.
    """

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops
        self.newest_at: str | None = None

    def history(
        self, document: Document, limit: int, feature_id: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        """The changes after one, newest first; those about one feature if its id is given.

        There are ``limit`` at the most; ``document``, the present state, has the features' names.
        """
        records = self._records(after + 1, mentioning=_mentions(feature_id))
        return history_entries(records, document, limit, feature_id)

    def state_at(self, sequence: int) -> Document:
        """The state right after the change with this sequence; E208 as ``checkpoint_at``."""
        return self.checkpoint_at(sequence)[0]

    def checkpoint_at(self, sequence: int) -> tuple[Document, str]:
        """The state right after a change, and the checksum of that change's record.

        Raises:
            StateError: E208, the files do not reach back to it, or not on to it.
        """
        base = self._checkpoint_before(sequence)
        document, checksum = base.document, base.record_checksum
        between = self._records(base.sequence + 1, sequence)
        wanted = {record.sequence: record for record in between}
        for number in range(base.sequence + 1, sequence + 1):
            record = wanted.get(number)
            if record is None or record.previous != checksum:
                raise self._unreachable(sequence)
            document, checksum = replay(document, record.change.changes), record.checksum
        if sequence < 1 or not document:
            raise self._unreachable(sequence)
        return document, checksum

    def backups(self) -> list[Backup]:
        """The checkpoints that are kept, oldest first, and the other sides of forks."""
        found = [
            backup_of(path.name, path.stat().st_size if path.exists() else 0, found)
            for path, found in self._checkpoints()
        ]
        for path, side in kept_sides(self._files, self._ops).items():
            kept = backup_of(path.name, side.size, side)
            found.append(replace(kept, fork=side_in(path, side)))
        return found

    def backup(self, name: str) -> Document:
        """The state in a backup, by the file's name as ``backups`` gives it.

        Raises:
            StateError: E209, there is no such backup or it is damaged.
        """
        for _, found in self._checkpoints(Path(name).name):
            if isinstance(found, Checkpoint):
                return found.document
        for path, side in kept_sides(self._files, self._ops).items():
            if is_named(path, name):
                return side.document
        kept = ", ".join(backup.file for backup in self.backups() if not backup.problem)
        raise StateError.of("E209", backup=name, backups=kept or "none")

    def fork_base(self, name: str) -> Document | None:
        """The state that a side of a fork and the present one grew from; None if not kept."""
        for path, side in kept_sides(self._files, self._ops).items():
            origin = (side.fork or {}).get("origin") if is_named(path, name) else None
            if origin is not None and origin[0]:
                with suppress(StateError):
                    document, checksum = self.checkpoint_at(origin[0])
                    return document if checksum == origin[1] else None
        return None

    def verify(self) -> list[Damage]:
        """Judge every file and every record; what is not as it should be.

        Of two histories, where each is kept. A file that retention may have removed is not missed.
        """
        findings = [
            self._damage(path, reason)
            for path, found in self._checkpoints()
            if (reason := checkpoints.problem_in(found)) is not None
        ]
        scans: dict[Path, Scan] = {}
        for path in self._journals():
            try:
                scans[path] = scan(self._ops.read(path))
            except OSError as error:
                scans[path] = Scan(damage=[reason_at(path, f"it cannot be read: {error.strerror}")])
        newest = max(
            (each for found in scans.values() for each in found.records),
            key=lambda record: record.sequence,
            default=None,
        )
        self.newest_at = newest.change.at if newest is not None else None
        for path, found in scans.items():
            findings += [self._damage(path, reason) for reason in found.damage[:3]]
        findings += [*self._copies(scans), *self._chain(scans)]
        missing = [self._files.backup(number) for number in self._missing(_lost(scans.values()))]
        findings += [self._damage(path, "it is missing") for path in missing]
        if not os.path.lexists(self._files.state) and (scans or findings):
            findings.append(self._damage(self._files.state, "it is missing"))
        with suppress(OSError):  # which is among the findings
            if findings and (fork := find_fork(self._files, self._ops)) is not None:
                return self._forked(fork)
        return findings

    def _forked(self, fork: Fork) -> list[Damage]:
        """Two histories, which are no damage; the next command keeps each by itself."""
        own = fork.followed.sequence
        return [
            Damage(
                self._files.shown(path_of(self._files, side.sequence, side.checksum)),
                f"a fork: this history is at change {own}, another one at change {side.sequence}",
            )
            for side in fork.others
        ]

    def _journals(self) -> list[Path]:
        paths = [*self._files.segments().values(), self._files.journal]
        return paths if os.path.lexists(self._files.journal) else paths[:-1]

    def _copies(self, scans: dict[Path, Scan]) -> list[Damage]:
        """Whether the active segment exists twice, and every later one is in use."""
        if self._files.journal not in scans:
            return [self._damage(self._files.journal, "it is missing")] if scans else []
        header = scans[self._files.journal].header
        if header is None:
            return []
        reason = f"it begins after the active segment, at change {header.first}"
        segments = self._files.segments()
        later = [path for first, path in segments.items() if first > header.first]
        findings = [self._damage(path, reason) for path in later]
        mirror = segments.get(header.first, self._files.mirror(header.first))
        if mirror not in scans:
            return [*findings, self._damage(mirror, "it is missing")]
        own, other = scans[self._files.journal].records, scans[mirror].records
        if len(own) == len(other) and own != other:
            findings.append(self._damage(mirror, "it differs from the journal"))
        short = mirror if len(other) < len(own) else self._files.journal
        missing = abs(len(own) - len(other))
        reason = f"it lacks {counted(missing, 'record')}"
        return [*findings, self._damage(short, reason)] if missing else findings

    def _chain(self, scans: dict[Path, Scan]) -> list[Damage]:
        """Whether each record names the one before it, from the oldest checkpoint on."""
        where = {record.sequence: path for path, s in scans.items() for record in s.records}
        merged = {record.sequence: record for s in scans.values() for record in s.records}
        kept = self._files.checkpoints()
        oldest = min(kept, default=0)
        numbers = sorted(merged)
        if numbers and numbers[0] > oldest + 1:
            numbers.insert(0, oldest)
        findings: list[Damage] = []
        lost = _lost(scans.values())
        for number, following in pairwise(numbers):
            previous = merged[following].previous
            if previous == GENESIS and following - 1 in kept:
                continue  # a history that was started over, on its own checkpoint
            if following != number + 1:
                if lost.issuperset(range(number + 1, following)):
                    continue  # said and noted when it was found
                reason = f"changes {number + 1} to {following - 1} are missing before it"
                findings.append(self._damage(where[following], reason))
            elif number in merged and previous != merged[number].checksum:
                reason = f"change {following} does not follow change {number}"
                findings.append(self._damage(where[following], reason))
        return findings

    def missing_checkpoints(self) -> list[int]:
        """Sequences of the checkpoints that should exist in ``backups`` and do not."""
        return self._missing(_lost(scan(self._read(path)) for path in self._journals()))

    def _missing(self, lost: set[int]) -> list[int]:
        """Each segment has a checkpoint to begin from, unless that is too old to be kept.

        One that depends on lost changes cannot be rewritten, and is not missed.
        """
        kept = self._files.checkpoints()
        firsts = list(self._files.segments())
        missing: list[int] = []
        for first, following in zip_longest(firsts, firsts[1:], fillvalue=_END):
            present = any(first - 1 <= sequence < following - 1 for sequence in kept)
            before = max((sequence for sequence in kept if sequence < first - 1), default=0)
            depends = not lost.isdisjoint(range(before + 1, first))
            if first - 1 > min(kept, default=0) and not present and not depends:
                missing.append(first - 1)
        return missing

    def _checkpoints(self, name: str = "") -> Iterator[tuple[Path, Checkpoint | NotACheckpoint]]:
        """Every checkpoint of a name, judged; oldest first, ``state.json`` last.

        One after the other, as each may be large.
        """
        for path in (*self._files.checkpoints().values(), self._files.state):
            try:
                if name in {"", path.name}:
                    yield path, checkpoints.decode(self._ops.read(path))
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = reason_at(path, f"it cannot be read: {error.strerror}")
                yield path, NotACheckpoint(reason)

    def _checkpoint_before(self, sequence: int) -> Checkpoint:
        kept = reversed(self._files.checkpoints().items())
        paths = [path for number, path in kept if number <= sequence]
        if min(self._files.segments(), default=1) > 1:
            paths.append(self._files.state)
        for path in paths:
            found = checkpoints.decode(self._read(path))
            if isinstance(found, Checkpoint) and found.sequence <= sequence:
                return found
        return Checkpoint(0, GENESIS, {}, 0)

    def _records(
        self, first: int = 1, last: int = _END, mentioning: Sequence[bytes] = ()
    ) -> Iterator[Record]:
        """The changes from ``first`` to ``last`` that can be read, newest first.

        Segments without any of them are not read. With ``mentioning``, only those whose line has
        one of these words; no other line is decoded.
        """
        seen: set[int] = set()
        for data in self._segments_newest_first(first, last):
            for record in newest_records(data, mentioning):
                if record.sequence not in seen and first <= record.sequence <= last:
                    seen.add(record.sequence)
                    yield record

    def _segments_newest_first(self, first: int, last: int) -> Iterator[bytes]:
        segments = list(self._files.segments().items())
        if last >= max((begin for begin, _ in segments), default=0):
            yield self._read(self._files.journal)
        following = _END
        for begin, path in reversed(segments):
            if begin <= last and following > first:
                yield self._read(path)
            following = begin

    def _unreachable(self, sequence: int) -> StateError:
        numbers = [record.sequence for record in self._records()]
        oldest = min((*numbers, *self._files.checkpoints()), default=0)
        return StateError.of(
            "E208", sequence=sequence, oldest=oldest, newest=max(numbers, default=oldest)
        )

    def _read(self, path: Path) -> bytes:
        with translate_os_errors(path, "E201"):
            return read_file(self._ops, path) or b""

    def _damage(self, path: Path, reason: str) -> Damage:
        return Damage(self._files.shown(path), reason)


def _mentions(feature_id: str | None) -> list[bytes]:
    """What a change's line may have for ``history_entries`` to list it; nothing for any line.

    The journal's JSON has no spaces, and a quote within a text is escaped.
    """
    if feature_id is None:
        return []
    own = orjson.dumps(pointer("features", feature_id))
    return [b'"path":' + own[:-1], b'"path":"/features"', b'"path":""']


def backup_of(name: str, size: int, found: Checkpoint | NotACheckpoint) -> Backup:
    """What is listed of a checkpoint: its name, its size in bytes, and what it holds."""
    if isinstance(found, Checkpoint):
        return Backup(name, found.sequence, size, len(found.document["features"]), None)
    return Backup(name, 0, size, 0, found.reason)


def _lost(scans: Iterable[Scan]) -> set[int]:
    """Sequences that are noted as lost."""
    noted = [each.header.lost for each in scans if each.header is not None]
    return {
        number for ranges in noted for first, last in ranges for number in range(first, last + 1)
    }
