"""Takes out of a project's files what whole records and checkpoints have, wherever they are.

The loader demands that every record follows the one before. Where that leads nowhere, this goes
on: from the best checkpoint, or from nothing, with each record that is whole. What it had to
leave out is part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from dataclasses import field
from pathlib import Path

from cde_orchestrator.domain.exceptions import ProjectError, StateError
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.tree import names_in
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import GENESIS, Lost, Record, Scan, scan
from cde_orchestrator.storage.format.json_patch import Document, keys_of, replay


class Remains(Value, frozen=False):
    """What is whole among a project's files.

    Attributes:
        bases: checkpoints, each with its file and whether that is in use.
        records: by the checksum before and the sequence.
        sources: the file of each record, by its checksum.
        live: records of files in use, by sequence.
        known: sequences that any file shows, be it by its name.
        end: the newest change up to which a copy of the newest segment is whole to its end.
    """

    bases: list[tuple[bool, Checkpoint, Path]] = field(default_factory=list)
    records: dict[tuple[str, int], Record] = field(default_factory=dict)
    sources: dict[str, Path] = field(default_factory=dict)
    live: dict[int, Record] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    end: int = -1

    def __bool__(self) -> bool:
        return bool(self.bases or self.records)


class Salvage(Value, frozen=False):
    """The best state that can be put together.

    Attributes:
        sequence: the newest change that is in it.
        newest: that change's record; None where a checkpoint alone says it.
        used: how many records each file gave, or None for a checkpoint.
        missing: changes that no file has.
        certain: the last change up to which nothing is missing.
        before: features that records change after a gap, as they were before it.
        is_open: whether more changes may be missing than any file shows.
    """

    document: Document
    sequence: int
    newest: Record | None
    used: dict[Path, int | None]
    missing: Lost
    certain: int
    before: dict[str, Document | None] = field(default_factory=dict)
    is_open: bool = False


def remains(files: StateFiles, ops: FileOps) -> Remains:
    """Judge every file; nothing is changed.

    Raises:
        ProjectError: E003, a file may not be read.
        StateError: E202, a state in use is from a newer release.
    """
    found = Remains()
    live = [files.state, files.journal, *files.everywhere()]
    kept = [*files.sides(), *reversed(_quarantined(files))]
    found.known |= {*files.segments(), *files.checkpoints()}
    newest = {files.journal, *list(files.segments().values())[-1:]}
    for path in (*live, *kept):
        try:
            data = ops.read(path)
        except PermissionError as error:  # what it has is not lost
            reason = error_words(error)
            raise ProjectError.of("E003", path=str(path), reason=reason) from error
        except OSError:
            continue
        copy = _judge(path, data, found, is_live=path in live, root=files.root)
        last = copy.records[-1] if copy.records else copy.header
        if path in newest and last and data.replace(b"\r\n", b"\n").endswith(last.line):
            reached = last.sequence if isinstance(last, Record) else last.first - 1
            found.end = max(found.end, reached)
    return found


def _quarantined(files: StateFiles) -> list[Path]:
    names = names_in(files.quarantine)
    return [files.quarantine / name for name in names if not name.startswith(".")]


def _judge(path: Path, data: bytes, found: Remains, *, is_live: bool, root: Path) -> Scan:
    kept = checkpoints.decode(data)
    if isinstance(kept, Checkpoint):
        found.bases.append((is_live, kept, path))
        if kept.fork is None:  # what only another history has is not missing
            found.known.add(kept.sequence)
    elif kept.schema_version is not None and is_live:
        supported = checkpoints.SCHEMA_VERSION
        raise StateError.of("E202", path=str(root), found=kept.schema_version, supported=supported)
    copy = scan(data)
    for record in copy.records:
        found.records.setdefault((record.previous, record.sequence), record)
        found.sources.setdefault(record.checksum, path)
        if is_live:
            found.live.setdefault(record.sequence, record)
            found.known.add(record.sequence)
    return copy


def salvage(files: StateFiles, ops: FileOps) -> Salvage | None:
    """The best state of the project; None where nothing is whole.

    Files in use come first: what is in quarantine, or another side of a fork, may be a state that
    somebody left on purpose. It serves where it continues theirs, or where there are none.
    """
    found = remains(files, ops)
    if not found:
        return None
    is_live, base, path = _best(found, files.project_id)
    document: Document = deepcopy(base.document)
    used: dict[Path, int | None] = {path: None} if base.sequence else {}
    result = Salvage(document, base.sequence, None, used, (), base.sequence)
    for record in _following(found, base):
        try:
            result.document = replay(result.document, record.change.changes)
        except ValueError:
            break
        _use(result, record, found)
        result.certain = record.sequence
    result.document.setdefault("features", {})
    _go_on(result, found.live if is_live else _by_sequence(found), found)
    result.missing = _missing(result, found)
    result.is_open = found.end < max((result.sequence, *found.live))
    return result


def _best(found: Remains, project_id: str | None) -> tuple[bool, Checkpoint, Path]:
    """The checkpoint from which records lead furthest, among those in use if there are any."""
    nothing = (bool(found.live), Checkpoint(0, GENESIS, {}, 0), Path())
    ends = [(*each, _end(found, each[1])) for each in (*found.bases, nothing)]

    def worth(each: tuple[bool, Checkpoint, Path, int]) -> tuple[bool, bool, int, int]:
        is_live, base, _, end = each
        is_own = project_id is None or base.document.get("id", project_id) == project_id
        return is_own and end > 0, is_live and end > 0, end, base.sequence

    return max(ends, key=worth)[:3]


def _end(found: Remains, base: Checkpoint) -> int:
    return max((record.sequence for record in _following(found, base)), default=base.sequence)


def _following(found: Remains, base: Checkpoint) -> Iterable[Record]:
    """The records that follow the checkpoint without a gap."""
    sequence, checksum = base.sequence, base.record_checksum
    while (record := found.records.get((checksum, sequence + 1))) is not None:
        yield record
        sequence, checksum = record.sequence, record.checksum


def _by_sequence(found: Remains) -> dict[int, Record]:
    every = {record.sequence: record for record in reversed(found.records.values())}
    return {**every, **found.live}


def _go_on(result: Salvage, records: dict[int, Record], found: Remains) -> None:
    """Apply what is whole after a gap, operation by operation, as far as it fits."""
    whole: set[str] = set()
    before = result.certain
    for number in sorted(each for each in records if each > result.certain):
        if number > before + 1:
            whole.clear()  # what was whole may lack a change by now
        before = number
        _use(result, records[number], found)
        for operation in records[number].change.changes:
            keys = keys_of(operation["path"])
            if not keys:  # the whole state, so that nothing before it counts
                result.document, result.certain, result.before = operation["value"], number, {}
                whole = set(result.document["features"])
                continue
            if keys[0] == "features" and len(keys) > 1:
                if len(keys) == 2:
                    whole.add(keys[1])
                    result.before.pop(keys[1], None)
                elif keys[1] not in whole:
                    known = result.document["features"].get(keys[1])
                    result.before.setdefault(keys[1], deepcopy(known))
            with suppress(ValueError):
                result.document = replay(result.document, [operation])


def _use(result: Salvage, record: Record, found: Remains) -> None:
    result.sequence, result.newest = record.sequence, record
    path = found.sources[record.checksum]
    result.used[path] = (result.used.get(path) or 0) + 1


def _missing(result: Salvage, found: Remains) -> Lost:
    """The numbers that are nowhere; a name of a file may claim any number."""
    newest, at = max(result.sequence, *found.known, 0), result.certain
    gaps = []
    for number in sorted({*(each for each in found.live if each > at), newest + 1}):
        if number > at + 1:
            gaps.append((at + 1, number - 1))
        at = number
    return tuple(gaps)
