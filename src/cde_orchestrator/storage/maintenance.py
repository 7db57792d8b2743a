"""What is done after a change: renew ``state.json``, seal the segment, drop old backups.

All of it comes after the change is on disk, so none of it may fail the change: a refusal is
logged, counted and made up for later.
"""

from __future__ import annotations

from collections.abc import Callable

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import FileOps, replace_file
from cde_orchestrator.infrastructure.system.spans import CHECKPOINT, UPKEEP_REFUSED, count, span
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import encode_header
from cde_orchestrator.storage.format.segment import Segment
from cde_orchestrator.storage.head import Head
from cde_orchestrator.storage.retention import Retention, prune

log = get_logger(__name__)

CHECKPOINT_AFTER_BYTES = 64 * 1024
"""Journal bytes after which ``state.json`` is renewed, if it is smaller than that."""
SEAL_AFTER_BYTES = 1024 * 1024
"""Bytes at which a segment is sealed, if the checkpoint is smaller than that."""


class StateUpkeep:
    """Keeps one project's files short; only under the project's lock.

    Args:
        refused: called with what the disk refused.
    """

    def __init__(
        self,
        files: StateFiles,
        ops: FileOps,
        retention: Retention,
        refused: Callable[[OSError], None],
    ) -> None:
        self._files = files
        self._ops = ops
        self._retention = retention
        self._refused = refused
        self._segment = Segment(files, ops)

    @span(CHECKPOINT)
    def tidy(self, head: Head) -> None:
        """Renew the checkpoint, or seal the segment, in step with what was appended."""
        pending = head.size - head.size_at_checkpoint
        if head.size >= max(SEAL_AFTER_BYTES, head.checkpoint_size):
            try:
                self.seal(head)
            except OSError as error:
                self._note("segment_not_sealed", head, error)
        elif head.sequence == 1 or pending >= max(CHECKPOINT_AFTER_BYTES, head.checkpoint_size):
            self.renew_checkpoint(head)

    def renew_checkpoint(self, head: Head) -> None:
        """Write ``state.json``; a failure is logged, and tried again at a later change."""
        data = checkpoints.encode(head.document, head.sequence, head.checksum)
        head.size_at_checkpoint = head.size
        try:
            replace_file(self._ops, self._files.state, data)
        except OSError as error:
            self._note("checkpoint_not_written", head, error)
            return
        head.checkpoint_sequence, head.checkpoint_size = head.sequence, len(data)
        log.debug("checkpoint_written", sequence=head.sequence, bytes=len(data))

    def seal(self, head: Head) -> None:
        """Close the segment: keep a checkpoint with it and begin the next one.

        Raises:
            OSError: it was not sealed; the change before it is kept all the same.
        """
        data = checkpoints.encode(head.document, head.sequence, head.checksum)
        header = encode_header(head.sequence + 1, head.checksum)
        try:
            self._segment.complete_mirror(head.first)
            replace_file(self._ops, self._files.backup(head.sequence), data)
            replace_file(self._ops, self._files.state, data)
            self._segment.rewrite(header.line, header.first)
        except OSError:
            head.forget_file()  # which step failed is for the loader to find
            raise
        head.first, head.size = header.first, len(header.line)
        head.checkpoint_sequence, head.checkpoint_size = head.sequence, len(data)
        head.size_at_checkpoint = head.size
        head.note_file(self._files.journal)
        log.info("segment_sealed", sequence=head.sequence, bytes=len(data))
        self.prune(head)

    def prune(self, head: Head) -> None:
        """Drop what retention does not keep; a failure is logged."""
        try:
            prune(self._files, self._ops, self._retention)
        except OSError as error:
            _count_refusal("backups_not_pruned", head, error)

    def _note(self, event: str, head: Head, error: OSError) -> None:
        self._refused(error)
        _count_refusal(event, head, error)


def _count_refusal(event: str, head: Head, error: OSError) -> None:
    count(UPKEEP_REFUSED, 1)
    log.warning(event, sequence=head.sequence, reason=str(error))
