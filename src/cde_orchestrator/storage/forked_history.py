"""Brings together what processes did that restored different states after a loss.

Each knows the state as it saw it last. The first one to make a change goes on from there, and
another one may know later changes. What only that one has is made again, as one change.
"""

from __future__ import annotations

import structlog

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.system.file_ops import FileOps
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.active_segment import sealed_records
from cde_orchestrator.storage.format.checkpoint import Checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import Change, encode_record
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff, replay
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.loader import Loaded

log = structlog.get_logger(__name__)


def rejoin(files: StateFiles, ops: FileOps, loaded: Loaded, head: Head) -> None:
    """Make again what ``head`` has and a restored history does not. Only under the lock.

    A feature that was changed on both sides stays as it is in the files.

    Raises:
        OSError: a file cannot be read or written.
    """
    base = _common_base(files, ops, loaded, head)
    if base is None or loaded.header is None:
        return
    taken = {_subject(each["path"]) for each in diff(base, loaded.document)}
    changes: Patch = [
        each for each in diff(base, head.document) if _subject(each["path"]) not in taken
    ]
    if not changes:
        return
    change = Change(
        at=utc_now().isoformat(),
        operation="rejoin_history",
        actor="cde",
        correlation_id="",
        changes=changes,
    )
    record = encode_record(loaded.sequence + 1, loaded.checksum, change)
    loaded.document = replay(loaded.document, changes)
    loaded.active = [*loaded.active, record]
    loaded.sequence, loaded.checksum = record.sequence, record.checksum
    Segment(files, ops).rewrite(loaded.active_bytes, loaded.header.first)
    log.warning("history_rejoined", sequence=record.sequence, changes=len(changes))


def _common_base(files: StateFiles, ops: FileOps, loaded: Loaded, head: Head) -> Document | None:
    """The state that another process restored, and this one has not seen restored."""
    first = loaded.header.first if loaded.header else 1
    path = files.checkpoints().get(first - 1)
    own = loaded.document.get("id") == head.document.get("id")
    if path is None or not own or not head.first < first <= head.sequence:
        return None
    if first - 1 in sealed_records(files, ops, first - 2):  # it was sealed, not restored
        return None
    found = checkpoints.decode(ops.read(path))
    return found.document if isinstance(found, Checkpoint) else None


def _subject(path: str) -> str:
    """What an operation is about: a feature, or a member of the project."""
    return "/".join(path.split("/")[:3])
