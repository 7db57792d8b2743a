"""Loads the state by evidence: the newest valid checkpoint and every record after it.

Each line of the journal can be judged by itself and the active segment exists twice, so the
history is put together from whichever copy of each record is whole.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import FileOps, read_file
from cde_orchestrator.storage.forks import Fork, find_fork
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint, NotACheckpoint
from cde_orchestrator.storage.format.files import StateFiles, reason_at
from cde_orchestrator.storage.format.journal import GENESIS, Header, Record, encode_header, scan
from cde_orchestrator.storage.format.json_patch import Document, replay
from cde_orchestrator.storage.format.segment import ActiveSegment, find_active, sealed_records

if TYPE_CHECKING:
    from cde_orchestrator.domain.errors.entry import Fix

IN_PLACE = ("features",)


class Finding(Value):
    """A state file that is not as it should be."""

    path: Path
    reason: str


class Gap(Value):
    """Changes that no file has any more, between what is certain and what came after.

    Attributes:
        first: the first sequence that is missing.
        last: the last sequence that is missing.
        unapplied: sequences after the gap that are whole, and touch what came before them.
        touched: ids of features that damaged or unapplied records name, where they can be read.
    """

    first: int
    last: int
    unapplied: tuple[int, ...]
    touched: tuple[str, ...]


class Loaded(Value, frozen=False):
    """The state as it is in the files.

    Attributes:
        checksum: of the record with ``sequence``; the next record names it.
        checkpoint_sequence: where the newest valid checkpoint is; 0 when there is none.
        checkpoint_size: its bytes.
        header: header of the active segment.
        active: records of the active segment, in order.
        findings: what has to be repaired.
        leftovers: segments that were begun when sealing failed, and never used.
        torn: whether an unfinished, never acknowledged record ends the journal.
        legacy: content of a state file from before the journal.
        gap: changes that are lost; the state is that of before them.
        newer: schema version of a state file that is newer than this release.
        is_end_lost: whether no copy of the active segment is whole to its end, so that more may
            have been in it.
        is_from_memory: whether a process had more than the files, and has just written it.
        fork: that the files have two histories; this is the state of the one that is followed.
        is_parted: whether the files have one history since, as the others were kept elsewhere.
        may_be_forked: whether a file is of another time than the backups, which is worth a check.
    """

    document: Document = field(default_factory=dict)
    sequence: int = 0
    checksum: str = GENESIS
    checkpoint_sequence: int = 0
    checkpoint_size: int = 0
    header: Header | None = None
    active: list[Record] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    leftovers: list[Path] = field(default_factory=list)
    torn: bool = False
    legacy: dict[str, Any] | None = None
    gap: Gap | None = None
    newer: int | None = None
    is_end_lost: bool = False
    is_from_memory: bool = False
    fork: Fork | None = None
    is_parted: bool = False
    may_be_forked: bool = False

    @property
    def needs_repair(self) -> bool:
        """Whether the files are not as they should be."""
        if self.gap is not None or self.newer is not None:
            return False
        if self.legacy is not None or self.fork is not None:
            return True
        return bool(self.findings or self.leftovers) or self.torn

    @property
    def uncertainty(self) -> str | None:
        """Why no change may be built on this state; None when one may."""
        if self.newer is not None:
            version = f"schema version {self.newer}"
            return f"the state is from a newer release ({version}): upgrade cde-orchestrator"
        if (gap := self.gap) is None:
            return None
        return (
            f"changes {gap.first} to {gap.last} are lost and {len(gap.unapplied)} after them "
            f"cannot be applied; they touch {', '.join(gap.touched) or 'no feature'}; "
            f"this is the state of change {gap.first - 1}"
        )

    @property
    def ways_out(self) -> tuple[Fix, ...]:
        """What makes changes possible again where the state is not certain."""
        if self.newer is None and self.gap is None:
            return ()
        from cde_orchestrator.domain.errors.fixes import SALVAGE, UPGRADE, restore_at

        if self.newer is not None:
            return (UPGRADE,)
        return (restore_at(self.gap.first - 1), SALVAGE) if self.gap is not None else ()

    @property
    def pending_bytes(self) -> int:
        """Bytes of the active segment that the checkpoint does not cover."""
        covered = self.checkpoint_sequence
        return sum(len(record.line) for record in self.active if record.sequence > covered)

    @property
    def active_bytes(self) -> bytes:
        """The active segment as both its copies should be."""
        header = self.header or encode_header(self.sequence + 1, self.checksum)
        return header.line + b"".join(record.line for record in self.active)


def load(files: StateFiles, ops: FileOps) -> Loaded:
    """Read the state; nothing is changed.

    Raises:
        StateError: E201 no state is certain, E202 it is from a newer version of unknown shape.
    """
    loaded = Loaded()
    base = _newest_checkpoint(files, ops, loaded)
    if loaded.newer is not None:
        return loaded
    if base is not None:
        loaded.document, loaded.checksum = base.document, base.record_checksum
        loaded.sequence = loaded.checkpoint_sequence = base.sequence
        loaded.checkpoint_size = base.size
    active = find_active(files, ops)
    records = active.records
    unfit = active.contradicts or (base is not None and not _fits(base, active))
    if unfit and (fork := find_fork(files, ops)) is not None:
        return _followed(fork)
    loaded.header, loaded.leftovers = active.header, active.leftovers
    if loaded.header is None or loaded.header.first > loaded.sequence + 1:
        records = {**sealed_records(files, ops, loaded.sequence), **records}
    has_journal = bool(records) or loaded.header is not None
    _replay(files, loaded, records)
    if loaded.gap is None and loaded.legacy is None and (has_journal or base is not None):
        _compare_copies(files, ops, loaded, active)
    if (loaded.may_be_forked or loaded.gap is not None) and (
        fork := find_fork(files, ops)
    ) is not None:
        return _followed(fork)
    return loaded


def _fits(base: Checkpoint, active: ActiveSegment) -> bool:
    """Whether the active segment, as far as it says, has the change that the checkpoint is of."""
    record, header = active.records.get(base.sequence), active.header
    if record is not None:
        return record.checksum == base.record_checksum
    if header is None or header.first != base.sequence + 1:
        return True
    return header.previous == base.record_checksum


def _followed(fork: Fork) -> Loaded:
    side = fork.followed
    return Loaded(side.document, side.sequence, side.checksum, fork=fork)


def _newest_checkpoint(files: StateFiles, ops: FileOps, loaded: Loaded) -> Checkpoint | None:
    backups = files.checkpoints()
    newest: Checkpoint | None = None
    data = read_file(ops, files.state)
    if data is not None:
        found = checkpoints.decode(data)
        if isinstance(found, Checkpoint):
            newest = found
        elif found.schema_version is not None:
            _open_newer(files, found, loaded)
            return None
        elif found.content is not None and not files.journal.exists() and not backups:
            loaded.legacy = found.content
            return None
        else:
            loaded.findings.append(Finding(files.state, reason_at(files.state, found.reason)))
    elif backups or files.segments() or files.journal.exists():
        loaded.findings.append(Finding(files.state, "it is missing"))
    for sequence, path in reversed(backups.items()):
        if newest is not None and newest.sequence >= sequence:
            break
        found = checkpoints.decode(read_file(ops, path) or b"")
        if isinstance(found, Checkpoint):
            loaded.may_be_forked = newest is not None  # sealing renews the state file as well
            return found
        loaded.findings.append(Finding(path, reason_at(path, found.reason)))
    return newest


def _open_newer(files: StateFiles, found: NotACheckpoint, loaded: Loaded) -> None:
    """Take what a newer release wrote as it is, as far as it is of the known shape."""
    version, content = found.schema_version, found.content or {}
    try:
        loaded.document, loaded.newer = checkpoints.document_of(content), version
        loaded.sequence = content["sequence"]
    except (KeyError, TypeError) as error:
        raise StateError.of(
            "E202", path=str(files.root), found=version, supported=checkpoints.SCHEMA_VERSION
        ) from error


def _compare_copies(files: StateFiles, ops: FileOps, loaded: Loaded, active: ActiveSegment) -> None:
    """Both copies of the active segment must hold exactly what was put together from them."""
    whole = loaded.active_bytes
    first = loaded.header.first if loaded.header else loaded.sequence + 1
    mirror = files.mirror(first)
    elsewhere = files.segments().get(first, mirror)
    ends: list[str] = []
    for path in (files.journal, mirror):
        data = active.data[path] if path in active.data else read_file(ops, path)
        if data is None and path == mirror and active.data.get(elsewhere) == whole:
            ends.append("whole")
            continue  # it is where nobody may write now; the next change copies it
        ends.append(_end_of(data or b"", loaded))
        if data is None:
            loaded.findings.append(Finding(path, "it is missing"))
            loaded.may_be_forked |= path == mirror and bool(files.segments())
        elif data.startswith(whole) and b"\n" not in data[len(whole) :]:
            loaded.torn = loaded.torn or len(data) > len(whole)
        else:
            loaded.findings.append(Finding(path, reason_at(path, _difference(data, loaded))))
            loaded.may_be_forked |= path == files.journal
    # A power cut may leave the journal unfinished and its mirror short. The mirror gets a record
    # once that of the journal is durable, so where both end in the midst of one, it was whole.
    loaded.is_end_lost = "whole" not in ends and ends != ["torn", "short"]
    if ends[0] == "damaged" and loaded.active and loaded.sequence in files.checkpoints():
        loaded.is_end_lost = True  # the segment was sealed, and nothing is left of the one after it
    if first > 1 and max(files.checkpoints(), default=0) < first - 1:
        # Without it the state before the segment is in state.json alone.
        loaded.findings.append(Finding(files.backup(first - 1), "it is missing"))


def _end_of(data: bytes, loaded: Loaded) -> str:
    """How a copy of the active segment ends, whatever is wrong before that."""
    data, whole = data.replace(b"\r\n", b"\n"), loaded.active_bytes
    if loaded.header is None or not data:
        return "damaged"
    if data.endswith(loaded.active[-1].line if loaded.active else whole):
        return "whole"
    if data.startswith(whole) and b"\n" not in data[len(whole) :]:
        return "torn"
    return "short" if whole.startswith(data) else "damaged"


def _difference(data: bytes, loaded: Loaded) -> str:
    copy = scan(data)
    if copy.damage:
        return "; ".join(copy.damage[:3])
    present = {record.sequence for record in copy.records}
    missing = [record.sequence for record in loaded.active if record.sequence not in present]
    if not missing:
        return "it has another history"
    return f"it lacks {counted(len(missing), 'record')}"


def _replay(files: StateFiles, loaded: Loaded, records: dict[int, Record]) -> None:
    document = loaded.document
    while (record := records.get(loaded.sequence + 1)) is not None:
        if record.previous != loaded.checksum:
            break
        try:
            document = replay(document, record.change.changes)
        except ValueError as error:
            raise _unreadable(files, f"record {record.sequence} does not fit: {error}") from error
        loaded.document, loaded.sequence = document, record.sequence
        loaded.checksum = record.checksum
    if records and max(records) > loaded.sequence:
        loaded.gap = _gap(loaded.sequence, records)
        if not loaded.sequence:
            raise _unreadable(files, f"changes 1 to {loaded.gap.last} are lost")
        return
    if not loaded.sequence and loaded.legacy is None and not _is_surely_empty(files, loaded):
        reasons = "; ".join(f"{finding.path.name}: {finding.reason}" for finding in loaded.findings)
        raise _unreadable(files, reasons)
    _keep_contiguous_active(loaded, records)


def _gap(certain: int, records: dict[int, Record]) -> Gap:
    later = sorted(number for number in records if number > certain)
    # A record that is there but names another predecessor belongs to the gap as well.
    last = later[0] - 1 if later[0] > certain + 1 else later[0]
    unapplied = tuple(number for number in later if number > last)
    touched = {
        operation["path"].split("/")[2]
        for number in later
        for operation in records[number].change.changes
        if operation["path"].startswith("/features/")
    }
    return Gap(certain + 1, last, unapplied, tuple(sorted(touched)))


def _is_surely_empty(files: StateFiles, loaded: Loaded) -> bool:
    """Whether there was never a change: nothing is there, or a journal just begun."""
    begun = loaded.header is not None and loaded.header.first == 1
    return not loaded.findings or (begun and not files.state.exists())


def _keep_contiguous_active(loaded: Loaded, records: dict[int, Record]) -> None:
    first = loaded.header.first if loaded.header else loaded.checkpoint_sequence + 1
    sequence = loaded.sequence
    while sequence >= first and sequence in records:
        sequence -= 1
    loaded.active = [records[number] for number in range(sequence + 1, loaded.sequence + 1)]
    if loaded.header is None or sequence + 1 != first:
        previous = loaded.active[0].previous if loaded.active else loaded.checksum
        loaded.header = encode_header(sequence + 1, previous)


def _unreadable(files: StateFiles, reason: str) -> StateError:
    return StateError.of("E201", path=str(files.root), reason=reason)
