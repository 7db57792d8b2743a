"""The past of a project, read from its files; nothing here changes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from pathlib import Path

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import FileOps, in_the_way, read_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint, NotACheckpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import GENESIS, Record, Scan, newest_records, scan
from cde_orchestrator.storage.format.json_patch import Document, replay
from cde_orchestrator.storage.loader import Finding


class StateHistory:
    """Reads every change and every state that the files still hold."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops

    def records(
        self, first: int = 1, last: int = 2**62, mentioning: Sequence[bytes] = ()
    ) -> Iterator[Record]:
        """Every change that can be read, newest first.

        Args:
            first: only those from this sequence on; segments before it are not read.
            last: only those up to this sequence; segments after it are not read.
            mentioning: only those whose line has one of these.
        """
        seen: set[int] = set()
        for data in self._segments_newest_first(first, last):
            for record in newest_records(data, mentioning):
                if record.sequence not in seen and first <= record.sequence <= last:
                    seen.add(record.sequence)
                    yield record

    def document_at(self, sequence: int) -> Document:
        """The state right after the change with this sequence.

        Raises:
            StateError: E208, the files do not reach back to it, or not on to it.
        """
        return self.checkpoint_at(sequence)[0]

    def checkpoint_at(self, sequence: int) -> tuple[Document, str]:
        """The state right after a change, and the checksum of that change's record.

        Raises:
            StateError: E208, the files do not reach back to it, or not on to it.
        """
        base = self._checkpoint_before(sequence)
        found = base.sequence if base else 0
        document = base.document if base else {}
        checksum = base.record_checksum if base else GENESIS
        between = self.records(found + 1, sequence)
        wanted = {record.sequence: record for record in between}
        for number in range(found + 1, sequence + 1):
            record = wanted.get(number)
            if record is None or record.previous != checksum:
                raise self._unreachable(sequence)
            document, checksum = replay(document, record.change.changes), record.checksum
        if sequence < 1 or not document:
            raise self._unreachable(sequence)
        return document, checksum

    def checkpoints(self) -> dict[Path, Checkpoint | NotACheckpoint]:
        """Every checkpoint, judged; oldest first, ``state.json`` last."""
        judged: dict[Path, Checkpoint | NotACheckpoint] = {}
        for path in (*self._files.checkpoints().values(), self._files.state):
            try:
                judged[path] = checkpoints.decode(self._ops.read(path))
            except FileNotFoundError:
                continue
            except OSError as error:
                judged[path] = NotACheckpoint(_unread(path, error))
        return judged

    def verify(self) -> list[Finding]:
        """Judge every file and every record; what is not as it should be.

        A file that retention may have removed is not missed.
        """
        if not self._files.folder.is_dir():
            return []
        findings = [
            Finding(path, found.reason)
            for path, found in self.checkpoints().items()
            if isinstance(found, NotACheckpoint)
        ]
        scans: dict[Path, Scan] = {}
        for path in self._journals():
            try:
                scans[path] = scan(self._ops.read(path))
            except OSError as error:
                scans[path] = Scan(damage=[_unread(path, error)])
        for path, found in scans.items():
            findings += [Finding(path, reason) for reason in found.damage[:3]]
        findings += self._copies(scans)
        findings += self._chain(scans)
        lost = _lost(scans.values())
        findings += [
            Finding(self._files.backup(sequence), "it is missing")
            for sequence in self._missing(lost)
        ]
        if not os.path.lexists(self._files.state) and (scans or findings):
            findings.append(Finding(self._files.state, "it is missing"))
        return findings

    def _journals(self) -> list[Path]:
        segments = list(self._files.segments().values())
        exists = os.path.lexists(self._files.journal)
        return [*segments, self._files.journal] if exists else segments

    def _copies(self, scans: dict[Path, Scan]) -> list[Finding]:
        """Whether the active segment exists twice, and every later one is in use."""
        if self._files.journal not in scans:
            return [Finding(self._files.journal, "it is missing")] if scans else []
        header = scans[self._files.journal].header
        if header is None:
            return []
        reason = f"it begins after the active segment, at change {header.first}"
        segments = self._files.segments().items()
        findings = [Finding(path, reason) for first, path in segments if first > header.first]
        mirror = self._files.mirror(header.first)
        if mirror not in scans:
            return [*findings, Finding(mirror, "it is missing")]
        own, other = scans[self._files.journal].records, scans[mirror].records
        if len(own) == len(other) and own != other:
            findings.append(Finding(mirror, "it differs from the journal"))
        short = mirror if len(other) < len(own) else self._files.journal
        missing = abs(len(own) - len(other))
        reason = f"it lacks {missing} record{'' if missing == 1 else 's'}"
        return [*findings, Finding(short, reason)] if missing else findings

    def _chain(self, scans: dict[Path, Scan]) -> list[Finding]:
        """Whether each record names the one before it, from the oldest checkpoint on."""
        where = {record.sequence: path for path, s in scans.items() for record in s.records}
        merged = {record.sequence: record for s in scans.values() for record in s.records}
        kept = self._files.checkpoints()
        oldest = min(kept, default=0)
        numbers = sorted(merged)
        if numbers and numbers[0] > oldest + 1:
            numbers.insert(0, oldest)
        findings: list[Finding] = []
        lost = _lost(scans.values())
        for number, following in pairwise(numbers):
            previous = merged[following].previous
            if previous == GENESIS and following - 1 in kept:
                continue  # a history that was started over, on its own checkpoint
            if following != number + 1:
                if lost.issuperset(range(number + 1, following)):
                    continue  # said and noted when it was found
                reason = f"changes {number + 1} to {following - 1} are missing before it"
                findings.append(Finding(where[following], reason))
            elif number in merged and previous != merged[number].checksum:
                reason = f"change {following} does not follow change {number}"
                findings.append(Finding(where[following], reason))
        return findings

    def missing_checkpoints(self) -> list[int]:
        """Sequences of the checkpoints that should exist in ``backups`` and do not.

        Raises:
            StateError: E201, a segment cannot be read.
        """
        return self._missing(_lost(scan(self._read(path) or b"") for path in self._journals()))

    def _missing(self, lost: set[int]) -> list[int]:
        """Each segment has a checkpoint to begin from, unless that is too old to be kept.

        One that depends on lost changes cannot be rewritten, and is not missed.
        """
        kept = self._files.checkpoints()
        firsts = list(self._files.segments())
        missing: list[int] = []
        for first, following in zip_longest(firsts, firsts[1:], fillvalue=2**62):
            present = any(first - 1 <= sequence < following - 1 for sequence in kept)
            before = max((sequence for sequence in kept if sequence < first - 1), default=0)
            depends = not lost.isdisjoint(range(before + 1, first))
            if first - 1 > min(kept, default=0) and not present and not depends:
                missing.append(first - 1)
        return missing

    def _segments_newest_first(self, first: int, last: int) -> Iterator[bytes]:
        segments = list(self._files.segments().items())
        if last >= max((begin for begin, _ in segments), default=0):
            yield self._read(self._files.journal) or b""
        following = 2**62
        for begin, path in reversed(segments):
            if begin <= last and following > first:
                yield self._read(path) or b""
            following = begin

    def _checkpoint_before(self, sequence: int) -> Checkpoint | None:
        for number, path in reversed(self._files.checkpoints().items()):
            if number <= sequence:
                found = checkpoints.decode(self._read(path) or b"")
                if isinstance(found, Checkpoint):
                    return found
        if min(self._files.segments(), default=1) == 1:
            return None
        found = checkpoints.decode(self._read(self._files.state) or b"")
        usable = isinstance(found, Checkpoint) and found.sequence <= sequence
        return found if usable and isinstance(found, Checkpoint) else None

    def _unreachable(self, sequence: int) -> StateError:
        numbers = [record.sequence for record in self.records()]
        oldest = min((*numbers, *self._files.checkpoints()), default=0)
        return StateError.of(
            "E208", sequence=sequence, oldest=oldest, newest=max(numbers, default=oldest)
        )

    def _read(self, path: Path) -> bytes | None:
        with translate_os_errors(path, "E201"):
            return read_file(self._ops, path)


def _unread(path: Path, error: OSError) -> str:
    thing = in_the_way(path)
    return f"{thing} is in its place" if thing else f"it cannot be read: {error.strerror}"


def _lost(scans: Iterable[Scan]) -> set[int]:
    """Sequences that are noted as lost."""
    noted = [each.header.lost for each in scans if each.header is not None]
    return {
        number for ranges in noted for first, last in ranges for number in range(first, last + 1)
    }
