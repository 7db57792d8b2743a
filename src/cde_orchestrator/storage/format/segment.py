"""The journal's active segment, which exists twice: ``journal.jsonl`` and its mirror.

Both copies hold the same bytes. A change is written to the journal and made durable, then
to the mirror; where either refuses, both are cut back and the change was never made.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import field
from pathlib import Path

from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import (
    AppendNotUndoneError,
    FileOps,
    read_file,
    replace_file,
    write_all,
)
from cde_orchestrator.infrastructure.system.retry import is_transient, retrying
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Header, Record, Scan, scan


class FileReplacedError(OSError):
    """A copy is not the file that was loaded; it is not written to before it is loaded."""

    @classmethod
    def at(cls, path: Path) -> FileReplacedError:
        """The error, in the system's words, for the file at ``path``."""
        return cls(errno.ESTALE, os.strerror(errno.ESTALE), str(path))


class Segment:
    """Writes both copies of the active segment; only under the project's lock."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops

    def append(self, line: bytes, first: int, size: int) -> None:
        """Append ``line`` to copies that are ``size`` bytes long; durable on return.

        What was refused for a moment, and surely undone, is tried again.

        Raises:
            AppendNotUndoneError: writing failed, and so did cutting the copies back.
            FileReplacedError: somebody replaced a copy; the files are to be loaded first.
            OSError: the copies are as they were.
        """

        def was_undone(error: BaseException) -> bool:
            unsafe = isinstance(error, (AppendNotUndoneError, FileReplacedError))
            return is_transient(error) and not unsafe and self.agrees(first, size)

        retrying(lambda: self._append_once(line, first, size), "append_change", was_undone)

    def _append_once(self, line: bytes, first: int, size: int) -> None:
        opened: list[int] = []
        try:
            self._append_to(self._files.journal, line, size, opened, durable=True)
            self._append_to(self._files.mirror(first), line, size, opened, durable=False)
            self._require_in_place(opened[0])
        except OSError as error:
            try:
                for descriptor in opened:
                    self._ops.truncate(descriptor, size)
                    # A power cut must not bring back what the caller learned was not made.
                    self._ops.fdatasync(descriptor)
            except OSError as refused:
                raise AppendNotUndoneError(refused.errno, str(refused)) from error
            raise
        finally:
            for descriptor in opened:
                with suppress(OSError):
                    self._ops.close(descriptor)

    def rewrite(self, data: bytes, first: int) -> None:
        """Put a segment's content into both copies, the mirror first."""
        replace_file(self._ops, self._files.mirror(first), data)
        replace_file(self._ops, self._files.journal, data)

    def complete_mirror(self, first: int) -> None:
        """Make the mirror durable, so that it can replace the sealed segment.

        It is rewritten: where a sync of it failed once, a later one that succeeds would not
        bring back what was dropped then. Copies that differ are refused with ``OSError``.
        """
        mirror = self._files.mirror(first)
        data = self._ops.read(self._files.journal)
        if self._ops.read(mirror) != data:
            raise OSError(f"{mirror} differs from the journal")
        replace_file(self._ops, mirror, data)

    def agrees(self, first: int, size: int) -> bool:
        """Whether both copies are ``size`` bytes long."""
        try:
            copies = (self._files.journal, self._files.mirror(first))
            return all(copy.lstat().st_size == size for copy in copies)
        except FileNotFoundError:
            return False

    def _require_in_place(self, descriptor: int) -> None:
        """What was written must be what others will read: the file at the journal's path."""
        journal = self._files.journal
        try:
            if os.path.samestat(os.fstat(descriptor), journal.lstat()):
                return
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:  # a check that is refused proves nothing
            return
        raise FileReplacedError.at(journal)

    def _append_to(
        self, path: Path, line: bytes, size: int, opened: list[int], *, durable: bool
    ) -> None:
        descriptor = self._ops.open_append(path)
        if self._ops.size(descriptor) != size:
            self._ops.close(descriptor)  # and not cut back: it is not what was loaded
            raise FileReplacedError.at(path)
        opened.append(descriptor)
        write_all(self._ops, descriptor, line)
        if durable:
            self._ops.fdatasync(descriptor)


class ActiveSegment(Value, frozen=False):
    """What the copies of the active segment hold together.

    Attributes:
        records: by sequence.
        data: the copies that were read, by path; None for one that is missing.
        leftovers: later segments that were begun when sealing failed, and never used.
        contradicts: whether one number has two different records.
    """

    header: Header | None = None
    records: dict[int, Record] = field(default_factory=dict)
    data: dict[Path, bytes | None] = field(default_factory=dict)
    leftovers: list[Path] = field(default_factory=list)
    contradicts: bool = False


def find_active(files: StateFiles, ops: FileOps) -> ActiveSegment:
    """Read both copies of the active segment.

    Sealing begins the next segment in ``backups`` before it is the journal's: when that fails
    half-way, the journal goes on with the segment before. A journal that is older than what
    ``backups`` has records of was restored by somebody.
    """
    found = ActiveSegment()
    journal = _scan(files.journal, ops, found)
    segments = files.segments()
    begun = journal.header.first if journal.header else 0
    # Without a journal the newest segment is the active one, or the one before it.
    later = [first for first in segments if first > begun]
    scans = {first: _scan(segments[first], ops, found) for first in later[-2:]}
    used = [first for first, copy in scans.items() if copy.records]
    active = max(used, default=begun)
    if journal.header is None and scans:
        newest, last = max(scans), _last(scans.get(active))
        active = newest if last < newest else active
    found.leftovers = [segments[first] for first in scans if first > active]
    if active and active not in scans:
        mirror_file = segments.get(active, files.mirror(active))
        scans[active] = _scan(mirror_file, ops, found, like=(files.journal, journal))
    for copy in (*(scans[first] for first in sorted(scans)), journal):
        for record in copy.records:
            same = found.records.get(record.sequence, record).checksum == record.checksum
            found.contradicts = found.contradicts or not same
            found.records[record.sequence] = record
    mirror = scans.get(active, Scan())
    headers = [each for each in (journal.header, mirror.header) if each and each.first == active]
    found.contradicts = found.contradicts or len({each.previous for each in headers}) > 1
    found.header = journal.header if active == begun and journal.header else mirror.header
    return found


def sealed_records(files: StateFiles, ops: FileOps, after: int) -> dict[int, Record]:
    """Records of the segments in ``backups``, as far back as to the one that follows ``after``."""
    records: dict[int, Record] = {}
    for path in reversed(files.segments().values()):
        found = scan(read_file(ops, path) or b"").records
        records = {**{record.sequence: record for record in found}, **records}
        if found and found[0].sequence <= after + 1:
            break
    return records


def _last(copy: Scan | None) -> int:
    return copy.records[-1].sequence if copy and copy.records else 0


def _scan(
    path: Path, ops: FileOps, found: ActiveSegment, like: tuple[Path, Scan] | None = None
) -> Scan:
    """Judge a copy; one that is like another, as copies are, is not judged twice."""
    data = read_file(ops, path)
    found.data[path] = data
    if like is not None and data == found.data[like[0]]:
        return like[1]
    return scan(data or b"")
