"""Rewrites a project's files from what its loader found."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.system.file_ops import FileOps, in_the_way, replace_file
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import MISSING, StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Change,
    encode_header,
    encode_record,
    scan,
)
from cde_orchestrator.storage.format.json_patch import Document
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Finding, Loaded

log = structlog.get_logger(__name__)


def repair(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    """Put damaged files into quarantine and rewrite them. Only under the lock.

    A damaged copy stays where it is until it is replaced: what it still has may be needed
    when this is cut short.
    """
    stamp = _stamp()
    for finding in loaded.findings:
        log.warning(
            "state_damaged", error_code="E212", path=str(finding.path), reason=finding.reason
        )
        _keep(files, ops, finding, stamp)
    loaded.header = loaded.header or encode_header(loaded.sequence + 1, loaded.checksum)
    damaged = {finding.path for finding in loaded.findings}
    kept = [number for number, path in files.checkpoints().items() if path not in damaged]
    if loaded.header.first > 1 and max(kept, default=0) < loaded.header.first - 1:
        data = checkpoints.encode(loaded.document, loaded.sequence, loaded.checksum)
        replace_file(ops, files.backup(loaded.sequence), data)
    Segment(files, ops).rewrite(loaded.active_bytes, loaded.header.first)
    if loaded.sequence and files.state in damaged:
        _write_checkpoint(files, ops, loaded)
    written = {files.state, files.journal, files.mirror(loaded.header.first)}
    written.add(files.backup(loaded.sequence))
    for path in (*sorted(damaged - written), *loaded.leftovers):
        if path.exists():
            ops.unlink(path)
    if loaded.findings:
        log.warning("state_repaired", sequence=loaded.sequence, files=len(loaded.findings))
    loaded.findings, loaded.leftovers, loaded.torn = [], [], False


def _keep(files: StateFiles, ops: FileOps, finding: Finding, stamp: str) -> None:
    """Keep what was found in quarantine, and of a file that is gone a note that it was."""
    path, place = finding.path, files.quarantine / f"{stamp}-{finding.path.name}"
    if in_the_way(path) is not None:  # it holds nothing of the state, and is never followed
        _make_quarantine(files, ops)
        ops.replace(path, place)
        ops.sync_folder(files.quarantine)
        ops.sync_folder(path.parent)
    elif path.exists():
        _make_quarantine(files, ops)
        replace_file(ops, place, ops.read(path))
    else:
        try:
            _make_quarantine(files, ops)
            replace_file(ops, place.with_name(place.name + MISSING), finding.reason.encode())
        except OSError as error:  # nothing would be lost without it, so the repair goes on
            log.warning("missing_file_not_noted", path=str(path), reason=str(error))


def restart(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    """Begin a new history on what is certain, after changes were lost. Only under the lock.

    The journals that cannot be followed go into quarantine, once a checkpoint holds what they
    had; the next change has a number that was never given before.
    """
    if loaded.gap is None:
        return
    number = max((loaded.gap.last, *loaded.gap.unapplied))
    journals = [path for first, path in files.segments().items() if first > loaded.sequence]
    active = loaded.header.first if loaded.header else loaded.sequence + 1
    # A checksum that no record has: what comes next does not follow what is before.
    loaded.sequence, loaded.checksum = number, GENESIS
    data = checkpoints.encode(loaded.document, number, GENESIS)
    replace_file(ops, files.backup(number), data)
    replace_file(ops, files.state, data)
    loaded.checkpoint_sequence, loaded.checkpoint_size = number, len(data)
    stamp = _stamp()
    _make_quarantine(files, ops)
    for path in sorted({files.journal, files.mirror(active), *journals}):
        if path.exists():
            ops.replace(path, files.quarantine / f"{stamp}-{path.name}")
    ops.sync_folder(files.quarantine)
    loaded.active, loaded.gap = [], None
    loaded.header = encode_header(number + 1, GENESIS)
    Segment(files, ops).rewrite(loaded.active_bytes, loaded.header.first)
    log.warning("history_restarted", sequence=number)


def restore_files(files: StateFiles, ops: FileOps, head: Head) -> None:
    """Write what a process has in memory as a checkpoint, which the loader then builds on.

    Only under the lock.
    """
    ops.make_folder(files.backups)
    data = checkpoints.encode(head.document, head.sequence, head.checksum)
    replace_file(ops, files.backup(head.sequence), data)
    reason = "changes that it had were lost, and restored from memory"
    log.warning(
        "state_restored",
        error_code="E212",
        path=str(files.root),
        sequence=head.sequence,
        reason=reason,
    )


def keep_replaced(files: StateFiles, ops: FileOps, head: Head) -> None:
    """Keep what a process has in memory in quarantine, where other files took its place."""
    place = files.quarantine / f"{_stamp()}-{files.backup(head.sequence).name}"
    data = checkpoints.encode(head.document, head.sequence, head.checksum)
    try:
        _make_quarantine(files, ops)
        replace_file(ops, place, data)
    except OSError as error:
        log.warning("replaced_state_not_kept", path=str(place), reason=str(error))
    log.warning(
        "state_replaced",
        error_code="E211",
        path=str(files.root),
        sequence=head.sequence,
        kept=str(place),
    )


def start_over(files: StateFiles, ops: FileOps, document: Document) -> Loaded:
    """Begin a history on ``document`` where no state can be read. Only under the lock.

    What is there goes into quarantine, but for whole checkpoints; the next change has a
    number that was never given before, as far as any file shows.
    """
    segments, kept = files.segments(), files.checkpoints()
    numbers = {0, *segments, *kept}
    damaged = [files.state, files.journal, *segments.values()]
    for path in (files.journal, *segments.values()):
        numbers |= {record.sequence for record in scan(_surviving(path, ops)).records}
    judged = {path: checkpoints.decode(_surviving(path, ops)) for path in kept.values()}
    damaged += [path for path, found in judged.items() if not isinstance(found, Checkpoint)]
    number = max(numbers) + 1
    data = checkpoints.encode(document, number, GENESIS)
    ops.make_folder(files.backups)
    replace_file(ops, files.backup(number), data)
    stamp = _stamp()
    _make_quarantine(files, ops)
    for path in damaged:
        if os.path.lexists(path):
            ops.replace(path, files.quarantine / f"{stamp}-{path.name}")
    ops.sync_folder(files.quarantine)
    replace_file(ops, files.state, data)
    header = encode_header(number + 1, GENESIS)
    Segment(files, ops).rewrite(header.line, header.first)
    log.warning("history_restarted", sequence=number)
    return Loaded(
        document=document,
        sequence=number,
        checkpoint_sequence=number,
        checkpoint_size=len(data),
        header=header,
    )


def _surviving(path: Path, ops: FileOps) -> bytes:
    try:
        return ops.read(path)
    except OSError:
        return b""


def migrate(files: StateFiles, ops: FileOps, loaded: Loaded, document: Document) -> None:
    """Take over a version-less state file as ``document``; its bytes stay in ``backups``."""
    original = ops.read(files.state)
    replace_file(ops, files.backups / "state-versionless.json", original)
    change = Change(
        at=utc_now().isoformat(),
        operation="migrate_state",
        actor="cde",
        correlation_id="",
        changes=[{"op": "add", "path": "", "value": document}],
    )
    record = encode_record(1, "", change)
    loaded.header = encode_header(1, "")
    loaded.document, loaded.active, loaded.legacy = document, [record], None
    loaded.sequence, loaded.checksum = 1, record.checksum
    Segment(files, ops).rewrite(loaded.active_bytes, 1)
    _write_checkpoint(files, ops, loaded)
    log.info("state_migrated", path=str(files.state), features=len(document["features"]))


def _make_quarantine(files: StateFiles, ops: FileOps) -> None:
    ops.make_folder(files.quarantine)
    ops.sync_folder(files.folder)


def _stamp() -> str:
    return utc_now().strftime("%Y%m%dT%H%M%S%f")


def _write_checkpoint(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    data = checkpoints.encode(loaded.document, loaded.sequence, loaded.checksum)
    replace_file(ops, files.state, data)
    loaded.checkpoint_sequence, loaded.checkpoint_size = loaded.sequence, len(data)
