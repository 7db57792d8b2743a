"""Finds the journal's active segment among the files, whichever of its copies is whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import FileOps, read_file
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Header, Record, Scan, scan


@dataclass(slots=True)
class ActiveSegment:
    """What the copies of the active segment hold together.

    Attributes:
        records: by sequence.
        data: the copies that were read, by path; None for one that is missing.
        leftovers: later segments that were begun when sealing failed, and never used.
    """

    header: Header | None = None
    records: dict[int, Record] = field(default_factory=dict)
    data: dict[Path, bytes | None] = field(default_factory=dict)
    leftovers: list[Path] = field(default_factory=list)


def find_active(files: StateFiles, ops: FileOps) -> ActiveSegment:
    """Read both copies of the active segment.

    Sealing begins the next segment in ``backups`` before it is the journal's: when that fails
    half-way, the journal goes on with the segment before. A journal that is older than what
    ``backups`` has records of was restored by somebody.

    Raises:
        OSError: a file cannot be read.
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
        scans[active] = _scan(files.mirror(active), ops, found, like=(files.journal, journal))
    for copy in (*(scans[first] for first in sorted(scans)), journal):
        found.records.update({record.sequence: record for record in copy.records})
    mirror = scans.get(active, Scan())
    found.header = journal.header if active == begun and journal.header else mirror.header
    return found


def sealed_records(files: StateFiles, ops: FileOps, after: int) -> dict[int, Record]:
    """Records of the segments in ``backups``, as far back as to the one that follows ``after``.

    Raises:
        OSError: a file cannot be read.
    """
    records: dict[int, Record] = {}
    for path in reversed(files.segments().values()):
        found = _scan(path, ops, ActiveSegment()).records
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
