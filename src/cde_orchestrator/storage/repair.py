"""Rewrites a project's files from what its loader found; only under the project's lock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.lease import PRODUCT
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import FileOps, replace_file
from cde_orchestrator.storage.forks import Fork, Side, close_side, keep_side, path_of
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format import journal
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff, replay
from cde_orchestrator.storage.format.segment import Segment, sealed_records
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Finding, Loaded
from cde_orchestrator.storage.quarantine import LOST, MISSING, NO_FOLDER, Quarantine, log_damaged

log = get_logger(__name__)


def repair(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    """Put damaged files into quarantine and rewrite them.

    A damaged copy stays where it is until it is replaced: what it still has may be needed
    when this is cut short.
    """
    quarantine, is_gone = Quarantine(files, ops), not files.are_in_folder()
    for finding in loaded.findings:
        log_damaged(finding.path, finding.reason)
        _keep(quarantine, finding)
    loaded.header = loaded.header or journal.encode_header(loaded.sequence + 1, loaded.checksum)
    damaged = {finding.path for finding in loaded.findings}
    kept = [number for number, path in files.checkpoints().items() if path not in damaged]
    if loaded.header.first > 1 and max(kept, default=0) < loaded.header.first - 1:
        write_backup(files, ops, loaded)
    Segment(files, ops).rewrite(loaded.active_bytes, loaded.header.first)
    if loaded.sequence and files.state in damaged:
        _write_checkpoint(files, ops, loaded)
    written = {files.state, files.journal, files.mirror(loaded.header.first)}
    written.add(files.backup(loaded.sequence))
    for path in (*sorted(damaged - written), *loaded.leftovers):
        with suppress(PermissionError):  # in a place that is not this user's to repair
            if path.exists():
                ops.unlink(path)
    if loaded.is_end_lost and not loaded.is_from_memory:
        note_lost(files, ops, f"any after {loaded.sequence}")
    if loaded.findings:
        log.warning("state_repaired", sequence=loaded.sequence, files=len(loaded.findings))
    if is_gone and loaded.sequence and not loaded.is_from_memory:
        _log_restored(files, loaded.sequence, f"it was gone, and restored from {files.backups}")
    loaded.findings, loaded.leftovers, loaded.torn = [], [], False


def part_fork(files: StateFiles, ops: FileOps, fork: Fork) -> None:
    """Have the files of the side that is followed alone; the others are kept first, whole.

    When this is cut short, the sides that are kept already show which ones are not followed.
    """
    for side in fork.others:
        keep_side(files, ops, side, fork.followed.sequence)
    quarantine = Quarantine(files, ops)
    if not fork.others:
        kept = str(files.quarantine)
        log.warning("fork_not_rebuilt", path=str(files.root), kept=kept)
    for path in fork.moved:
        quarantine.put_aside(path)
    for path, data in fork.rewritten.items():
        if os.path.lexists(path):
            quarantine.keep(path)
        replace_file(ops, path, data)


def make_folder(files: StateFiles, ops: FileOps) -> None:
    """Make ``.cde``; a file in its place goes to the quarantine in it.

    A link that leads nowhere stays: what it leads to may come back.
    """
    aside = None
    if os.path.lexists(files.folder) and not (files.folder.is_symlink() or files.folder.is_dir()):
        aside = files.folder.with_name(f"{FOLDER}.aside")
        ops.replace(files.folder, aside)
    ops.make_folder(files.folder)
    if aside is not None:
        Quarantine(files, ops).put_aside(aside)
        log_damaged(files.folder, NO_FOLDER)


def note_lost(files: StateFiles, ops: FileOps, changes: str) -> None:
    """Say which changes are lost, now and to whoever examines the project later."""
    log.error("changes_lost", error_code="E225", path=str(files.root), changes=changes)
    try:
        Quarantine(files, ops).write(LOST, changes.encode())
    except OSError as error:
        log.warning("lost_changes_not_noted", path=str(files.root), reason=str(error))


def _keep(quarantine: Quarantine, finding: Finding) -> None:
    """Keep what was found in quarantine, and of a file that is gone a note that it was."""
    path = finding.path
    if os.path.lexists(path):
        quarantine.keep(path)
        return
    try:
        quarantine.write(path.name + MISSING, finding.reason.encode())
    except OSError as error:  # nothing would be lost without it, so the repair goes on
        log.warning("missing_file_not_noted", path=str(path), reason=str(error))


def restart(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    """Begin a new history on what is certain, after changes were lost.

    The journals that cannot be followed go into quarantine, once a checkpoint holds what they
    had; the next change has a number that was never given before.
    """
    if loaded.gap is None:
        return
    number = max((loaded.gap.last, *loaded.gap.unapplied))
    journals = [path for first, path in files.segments().items() if first > loaded.sequence]
    active = loaded.header.first if loaded.header else loaded.sequence + 1
    # A checksum that no record has: what comes next does not follow what is before.
    loaded.sequence, loaded.checksum = number, journal.GENESIS
    write_backup(files, ops, loaded)
    _write_checkpoint(files, ops, loaded)
    Quarantine(files, ops).move(*sorted({files.journal, files.mirror(active), *journals}))
    loaded.active, loaded.gap = [], None
    _begin_segment(files, ops, loaded)


def write_backup(files: StateFiles, ops: FileOps, known: Loaded | Head) -> None:
    """Keep what is known as a checkpoint in ``backups``."""
    replace_file(ops, files.backup(known.sequence), _encoded(known))


def restore_files(files: StateFiles, ops: FileOps, head: Head) -> None:
    """Write what a process has in memory as a checkpoint, which the loader then builds on."""
    ops.make_folder(files.backups)
    write_backup(files, ops, head)
    reason = "changes that it had were lost, and restored from memory"
    _log_restored(files, head.sequence, reason)


def _log_restored(files: StateFiles, sequence: int, reason: str) -> None:
    log.warning(
        "state_restored",
        error_code="E212",
        path=str(files.root),
        sequence=sequence,
        reason=reason,
    )


def keep_replaced(files: StateFiles, ops: FileOps, head: Head, loaded: Loaded) -> None:
    """Keep what a process has in memory, where other files took its place.

    Of another project it is kept in quarantine; of the same one, this is a fork.
    """
    if loaded.document.get("id") == head.document.get("id"):
        try:
            side = Side(head.document, head.sequence, head.checksum)
            keep_side(files, ops, side, loaded.sequence)
        except OSError as error:
            log.warning("replaced_state_not_kept", path=str(files.backups), reason=str(error))
        return
    quarantine, name = Quarantine(files, ops), files.backup(head.sequence).name
    place = quarantine.place(name)
    try:
        quarantine.write(name, _encoded(head))
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
    """Begin a history on ``document`` where no state can be read.

    What is there goes into quarantine, but for whole checkpoints; the next change has a
    number that was never given before, as far as any file shows.
    """
    segments, kept = files.segments(), files.checkpoints()
    numbers = {0, *segments, *kept}
    damaged = [files.state, files.journal, *segments.values()]
    for path in (files.journal, *segments.values()):
        numbers |= {record.sequence for record in journal.scan(_surviving(path, ops)).records}
    judged = {path: checkpoints.decode(_surviving(path, ops)) for path in kept.values()}
    damaged += [path for path, found in judged.items() if not isinstance(found, Checkpoint)]
    loaded = Loaded(document, max(numbers) + 1)
    ops.make_folder(files.backups)
    write_backup(files, ops, loaded)
    Quarantine(files, ops).move(*damaged)
    _write_checkpoint(files, ops, loaded)
    _begin_segment(files, ops, loaded)
    return loaded


def _surviving(path: Path, ops: FileOps) -> bytes:
    with suppress(OSError):
        return ops.read(path)
    return b""


def migrate(files: StateFiles, ops: FileOps, loaded: Loaded, document: Document) -> None:
    """Take over a version-less state file as ``document``; its bytes stay in ``backups``."""
    original = ops.read(files.state)
    replace_file(ops, files.backups / "state-versionless.json", original)
    loaded.header, loaded.legacy = journal.encode_header(1, journal.GENESIS), None
    _append(loaded, "migrate_state", [{"op": "add", "path": "", "value": document}])
    Segment(files, ops).rewrite(loaded.active_bytes, 1)
    _write_checkpoint(files, ops, loaded)
    log.info("state_migrated", path=str(files.state), features=len(document["features"]))


def rejoin(files: StateFiles, ops: FileOps, loaded: Loaded, head: Head) -> None:
    """Make again what ``head`` has and a restored history does not.

    After a loss, processes may restore different states, each the one that it saw last. The first
    to make a change goes on from its own; what only another one has is made again, as one change.
    A feature that was changed on both sides stays as it is in the files. Where there is none,
    nobody has to decide about the side that was kept.
    """
    base = _common_base(files, ops, loaded, head)
    if base is None or loaded.header is None:
        return
    taken = {_subject(each["path"]) for each in diff(base, loaded.document)}
    own = diff(base, head.document)
    changes: Patch = [each for each in own if _subject(each["path"]) not in taken]
    if len(changes) == len(own):
        close_side(files, ops, path_of(files, head.sequence, head.checksum).name)
    if not changes:
        return
    _append(loaded, "rejoin_history", changes)
    Segment(files, ops).rewrite(loaded.active_bytes, loaded.header.first)
    log.warning("history_rejoined", sequence=loaded.sequence, changes=len(changes))


def _common_base(files: StateFiles, ops: FileOps, loaded: Loaded, head: Head) -> Document | None:
    """The state that another process restored, and this one has not seen restored."""
    first = loaded.header.first if loaded.header else 1
    path = files.checkpoints().get(first - 1)
    own = loaded.document.get("id") == head.document.get("id")
    if path is None or loaded.is_parted or not own or not head.first < first <= head.sequence:
        return None
    if first - 1 in sealed_records(files, ops, first - 2):  # it was sealed, not restored
        return None
    found = checkpoints.decode(ops.read(path))
    return found.document if isinstance(found, Checkpoint) else None


def _subject(path: str) -> str:
    """What an operation is about: a feature, or a member of the project."""
    return "/".join(path.split("/")[:3])


def _append(loaded: Loaded, operation: str, changes: Patch) -> None:
    """Add a change of this product's own, which is not written yet."""
    at = utc_now().isoformat()
    change = journal.Change(
        at=at, operation=operation, actor=PRODUCT, correlation_id="", changes=changes
    )
    record = journal.encode_record(loaded.sequence + 1, loaded.checksum, change)
    loaded.document = replay(loaded.document, changes)
    loaded.active = [*loaded.active, record]
    loaded.sequence, loaded.checksum = record.sequence, record.checksum


def _begin_segment(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    """Begin a new history after what is written of it."""
    loaded.header = journal.encode_header(loaded.sequence + 1, journal.GENESIS)
    Segment(files, ops).rewrite(loaded.header.line, loaded.header.first)
    log.warning("history_restarted", sequence=loaded.sequence)


def _write_checkpoint(files: StateFiles, ops: FileOps, loaded: Loaded) -> None:
    data = _encoded(loaded)
    replace_file(ops, files.state, data)
    loaded.checkpoint_sequence, loaded.checkpoint_size = loaded.sequence, len(data)


def _encoded(known: Loaded | Head) -> bytes:
    return checkpoints.encode(known.document, known.sequence, known.checksum)
