"""Checks and repairs the past: sealed segments and older checkpoints, one copy of each.

The present state never needs them, so that damage could remain unseen until somebody
asks. Each file is judged once, when it was sealed or changed since; what is damaged goes to
quarantine and is rewritten from what survives. Changes that no file has any more are said
once, and noted in the segment's header, so that the rest of the past counts as whole.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import orjson
import structlog

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.system.file_ops import FileOps, in_the_way, replace_file
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format.checkpoint import Checkpoint, NotACheckpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import (
    GENESIS,
    Lost,
    Scan,
    encode_header,
    ranges_of,
    scan,
)
from cde_orchestrator.storage.history import StateHistory

log = structlog.get_logger(__name__)

Seen = dict[str, list[int]]
"""Size, time and inode of the files that were judged, by name."""


class StateScrubber:
    """Checks and repairs the backups of one project; only under the project's lock."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops
        self._history = StateHistory(files, ops)
        self._checked: Seen | None = None

    def check_new(self) -> list[str]:
        """Check what is new or changed since the last time, and repair everything if need be.

        Returns:
            What was done, in words.

        Raises:
            OSError: a file cannot be read or written.
        """
        present = self._marks()
        if present == self._checked:
            return []
        known = self._known()
        done: list[str] = []
        if present != known and not self._only_whole_ones_came(known, present):
            done = self.scrub()
            present = self._marks()
        if present != known:
            self._remember(present)
        self._checked = present
        return done

    def scrub(self) -> list[str]:
        """Rewrite damaged or missing backups where the others and the journal have their content.

        Returns:
            What was done, in words.

        Raises:
            OSError: a file cannot be read or written.
        """
        stamp = utc_now().strftime("%Y%m%dT%H%M%S%f")
        return [*self._scrub_segments(stamp), *self._scrub_checkpoints(stamp)]

    # What was judged already

    def _sealed(self) -> dict[int, Path]:
        """All segments but the active one, which its second copy guards."""
        segments = self._files.segments()
        return {first: path for first, path in segments.items() if first < max(segments)}

    def _marks(self) -> Seen:
        found: Seen = {}
        for path in (*self._sealed().values(), *self._files.checkpoints().values()):
            with suppress(OSError):
                stat = path.lstat()
                found[path.name] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return found

    def _known(self) -> Seen:
        # Whatever is wrong with this note, everything is judged again.
        with suppress(OSError, ValueError):
            found = orjson.loads(self._ops.read(self._files.judged))
            return found if isinstance(found, dict) else {}
        return {}

    def _remember(self, present: Seen) -> None:
        data = orjson.dumps(present, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_file(self._ops, self._files.judged, data)

    def _only_whole_ones_came(self, known: Seen, present: Seen) -> bool:
        """Whether nothing was changed or went but by retention, and what came is whole."""
        checkpoints_kept = self._files.checkpoints()
        oldest = min(checkpoints_kept, default=0)
        gone = [int(name.split("-")[1].split(".")[0]) for name in known if name not in present]
        changed = any(present[name] != marks for name, marks in known.items() if name in present)
        if changed or any(number >= oldest for number in gone):
            return False
        for path in checkpoints_kept.values():
            if path.name not in known and not isinstance(self._judged(path), Checkpoint):
                return False
        firsts = [*self._files.segments()]
        return all(
            self._reaches(first, following)
            for first, following in pairwise(firsts)
            if self._files.mirror(first).name not in known
        )

    def _reaches(self, first: int, following: int) -> bool:
        found = scan(self._ops.read(self._files.mirror(first)))
        last = found.records[-1].sequence if found.records else 0
        return not found.damage and found.header is not None and last == following - 1

    # Segments

    def _scrub_segments(self, stamp: str) -> list[str]:
        segments = self._files.segments()
        scans = {first: self._scanned(path) for first, path in segments.items()}
        done: list[str] = []
        oldest = min(self._files.checkpoints(), default=0)
        first = min(segments, default=0)
        if first > oldest + 1 and not self._starts_over(first, scans[first]):
            done.append(self._note_missing(oldest, first))
        for first, following in pairwise(segments):
            found, started_over = scans[first], self._starts_over(following, scans[following])
            numbers = {record.sequence for record in found.records}
            last = max(numbers, default=first) if started_over else following - 1
            lost = ranges_of(set(range(first, last + 1)) - numbers)
            noted = found.header.lost if found.header is not None else ()
            if found.damage or lost != noted:
                done.append(self._rewrite(first, found, lost, noted, stamp))
        return done

    def _scanned(self, path: Path) -> Scan:
        thing = in_the_way(path)
        return Scan(damage=[_instead(thing)]) if thing else scan(self._ops.read(path))

    def _starts_over(self, first: int, found: Scan) -> bool:
        previous = found.header.previous if found.header is not None else None
        return previous == GENESIS and first > 1 and self._files.backup(first - 1).exists()

    def _rewrite(self, first: int, found: Scan, lost: Lost, noted: Lost, stamp: str) -> str:
        path = self._files.mirror(first)
        reason = "; ".join(found.damage[:3]) or "it lacks changes"
        _say_damaged(path, reason)
        self._quarantine(path, stamp)
        previous = self._previous(first, found)
        lines = b"".join(record.line for record in found.records)
        replace_file(self._ops, path, encode_header(first, previous, lost).line + lines)
        if lost == noted:
            return f"{path.name} was rewritten"
        return f"{path.name} was rewritten; {self._summary(lost)}"

    def _note_missing(self, oldest: int, following: int) -> str:
        """Put a segment without changes where the first one after a checkpoint is missing."""
        lost: Lost = ((oldest + 1, following - 1),)
        previous = GENESIS
        if oldest:
            found = self._judged(self._files.backup(oldest))
            previous = found.record_checksum if isinstance(found, Checkpoint) else GENESIS
        path = self._files.mirror(oldest + 1)
        _say_damaged(path, "it is missing")
        replace_file(self._ops, path, encode_header(oldest + 1, previous, lost).line)
        return f"{path.name} was missing; {self._summary(lost)}"

    def _summary(self, lost: Lost) -> str:
        words = " and ".join(f"{first} to {last}" for first, last in lost)
        log.error("history_lost", path=str(self._files.root), changes=words)
        return f"changes {words} of the history are lost, the current state is intact"

    def _previous(self, first: int, found: Scan) -> str:
        """What the segment's header names, from whichever file has it."""
        if found.header is not None:
            return found.header.previous
        if found.records and found.records[0].sequence == first:
            return found.records[0].previous
        before = self._files.backup(first - 1)
        kept = self._judged(before) if before.exists() else None
        return kept.record_checksum if isinstance(kept, Checkpoint) else GENESIS

    # Checkpoints

    def _scrub_checkpoints(self, stamp: str) -> list[str]:
        done: list[str] = []
        for sequence, path in self._files.checkpoints().items():
            found = self._judged(path)
            if isinstance(found, NotACheckpoint) and found.schema_version is None:
                _say_damaged(path, found.reason)
                self._put_aside(path, stamp)
                if self._rebuilt(sequence):
                    done.append(f"{path.name} was rewritten")
                else:
                    done.append(f"{path.name} was damaged and is in quarantine")
        rebuilt = [each for each in self._history.missing_checkpoints() if self._rebuilt(each)]
        names = [self._files.backup(sequence).name for sequence in rebuilt]
        return [*done, *(f"{name} was missing and rewritten" for name in names)]

    def _rebuilt(self, sequence: int) -> bool:
        try:
            document, checksum = self._history.checkpoint_at(sequence)
        except StateError:
            return False
        data = checkpoints.encode(document, sequence, checksum)
        replace_file(self._ops, self._files.backup(sequence), data)
        return True

    def _judged(self, path: Path) -> Checkpoint | NotACheckpoint:
        thing = in_the_way(path)
        return (
            NotACheckpoint(_instead(thing)) if thing else checkpoints.decode(self._ops.read(path))
        )

    def _quarantine(self, path: Path, stamp: str) -> None:
        """Keep a copy of a file, which itself stays until it is replaced."""
        if in_the_way(path):  # it holds nothing of the state, and is never followed
            self._put_aside(path, stamp)
            return
        self._make_quarantine()
        replace_file(
            self._ops, self._files.quarantine / f"{stamp}-{path.name}", self._ops.read(path)
        )

    def _put_aside(self, path: Path, stamp: str) -> None:
        """Move what is there into quarantine, unopened."""
        self._make_quarantine()
        self._ops.replace(path, self._files.quarantine / f"{stamp}-{path.name}")
        self._ops.sync_folder(self._files.quarantine)
        self._ops.sync_folder(path.parent)

    def _make_quarantine(self) -> None:
        self._ops.make_folder(self._files.quarantine)
        self._ops.sync_folder(self._files.folder)


def _instead(thing: str) -> str:
    return f"{thing} is in its place"


def _say_damaged(path: Path, reason: str) -> None:
    log.warning("backup_damaged", error_code="E212", path=str(path), reason=reason)
