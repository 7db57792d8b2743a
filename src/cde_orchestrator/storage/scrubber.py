"""Checks and repairs the past: sealed segments and older checkpoints, one copy of each.

The present state never needs them, so that damage could remain unseen until somebody
asks. Each file is judged once, when it was sealed or changed since; what is damaged goes to
quarantine and is rewritten from what survives. Changes that no file has any more are said
once, and noted in the segment's header, so that the rest of the past counts as whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import orjson

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import FileOps, read_file, replace_file
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.forks import kept_sides
from cde_orchestrator.storage.format import checkpoint as checkpoints
from cde_orchestrator.storage.format import journal
from cde_orchestrator.storage.format.checkpoint import Checkpoint, NotACheckpoint
from cde_orchestrator.storage.format.files import StateFiles, reason_at
from cde_orchestrator.storage.quarantine import Quarantine

log = get_logger(__name__)

_NUMBERED = re.compile(r"[^-]+-\d{1,18}\.")
Seen = dict[str, list[int]]
"""Size, time and inode of the files that were judged, by name."""


class StateScrubber:
    """Checks and repairs the backups of one project; only under the project's lock."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops
        self._archive = StateArchive(files, ops)

    def check_new(self, part_fork: Callable[[], object] = lambda: None) -> list[str]:
        """Check what is new or changed since the last time, and ``scrub`` everything if need be.

        ``part_fork`` is called before; it keeps what is of another history elsewhere.
        """
        present, known = self._marks(), self._known()
        if present == known:
            return []
        done: list[str] = []
        if not self._only_whole_ones_came(known, present):
            part_fork()
            done = self.scrub()
            present = self._marks()
        data = orjson.dumps(present, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        replace_file(self._ops, self._files.judged, data)
        return done

    def scrub(self) -> list[str]:
        """Rewrite damaged or missing backups where the others and the journal have their content.

        What was done is returned in words. E201 where a segment cannot be read.
        """
        quarantine = Quarantine(self._files, self._ops)
        return [*self._scrub_segments(quarantine), *self._scrub_checkpoints(quarantine)]

    # What was judged already

    def _marks(self) -> Seen:
        """Of all backups but the active segment, which its second copy guards."""
        found: Seen = {}
        sealed = list(self._files.segments().values())[:-1]
        for path in (*sealed, *self._files.checkpoints().values()):
            with suppress(OSError):
                stat = path.lstat()
                found[path.name] = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        return found

    def _known(self) -> Seen:
        # Whatever is wrong with this note, everything is judged again.
        with suppress(OSError, ValueError):
            found = orjson.loads(self._ops.read(self._files.judged))
            return found if isinstance(found, dict) and all(map(_NUMBERED.match, found)) else {}
        return {}

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
        return all(
            self._reaches(first, following)
            for first, following in pairwise(self._files.segments())
            if self._files.mirror(first).name not in known
        )

    def _reaches(self, first: int, following: int) -> bool:
        found = self._scanned(self._files.segments()[first])
        last = found.records[-1].sequence if found.records else 0
        return not found.damage and found.header is not None and last == following - 1

    # Segments

    def _scrub_segments(self, quarantine: Quarantine) -> list[str]:
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
            lost = journal.ranges_of(set(range(first, last + 1)) - numbers)
            noted = found.header.lost if found.header is not None else ()
            if found.damage or lost != noted:
                path = self._files.mirror(first)
                _say_damaged(path, "; ".join(found.damage[:3]) or "it lacks changes")
                quarantine.keep(segments[first])
                header = journal.encode_header(first, self._previous(first, found), lost)
                lines = b"".join(record.line for record in found.records)
                replace_file(self._ops, path, header.line + lines)
                if segments[first] != path:  # in a place that is only read by now
                    with suppress(OSError):
                        self._ops.unlink(segments[first])
                words = f"{path.name} was rewritten"
                done.append(words if lost == noted else f"{words}; {self._summary(lost)}")
        return done

    def _scanned(self, path: Path) -> journal.Scan:
        return journal.scan(read_file(self._ops, path) or b"")

    def _starts_over(self, first: int, found: journal.Scan) -> bool:
        previous = found.header.previous if found.header is not None else None
        return previous == journal.GENESIS and first > 1 and first - 1 in self._files.checkpoints()

    def _note_missing(self, oldest: int, following: int) -> str:
        """Put a segment without changes where the first one after a checkpoint is missing."""
        lost: journal.Lost = ((oldest + 1, following - 1),)
        previous, path = self._checksum_at(oldest), self._files.mirror(oldest + 1)
        _say_damaged(path, "it is missing")
        replace_file(self._ops, path, journal.encode_header(oldest + 1, previous, lost).line)
        return f"{path.name} was missing; {self._summary(lost)}"

    def _summary(self, lost: journal.Lost) -> str:
        words = " and ".join(f"{first} to {last}" for first, last in lost)
        log.error("history_lost", path=str(self._files.root), changes=words)
        return f"changes {words} of the history are lost, the current state is intact"

    def _previous(self, first: int, found: journal.Scan) -> str:
        """What the segment's header names, from whichever file has it."""
        if found.header is not None:
            return found.header.previous
        if found.records and found.records[0].sequence == first:
            return found.records[0].previous
        return self._checksum_at(first - 1)

    def _checksum_at(self, sequence: int) -> str:
        path = self._files.checkpoints().get(sequence, self._files.backup(sequence))
        kept = self._judged(path)
        return kept.record_checksum if isinstance(kept, Checkpoint) else journal.GENESIS

    # Checkpoints

    def _scrub_checkpoints(self, quarantine: Quarantine) -> list[str]:
        done: list[str] = []
        for sequence, path in self._files.checkpoints().items():
            found = self._judged(path)
            if isinstance(found, NotACheckpoint) and found.schema_version is None:
                _say_damaged(path, found.reason)
                quarantine.put_aside(path)
                rewritten = self._rebuilt(sequence)
                fate = "was rewritten" if rewritten else "was damaged and is in quarantine"
                done.append(f"{path.name} {fate}")
        rebuilt = [each for each in self._archive.missing_checkpoints() if self._rebuilt(each)]
        names = [self._files.backup(sequence).name for sequence in rebuilt]
        whole = kept_sides(self._files, self._ops)
        for path in [each for each in self._files.sides() if each not in whole]:
            _say_damaged(path, "its checksum does not match its content")
            quarantine.put_aside(path)
            done.append(f"{path.name} was damaged and is in quarantine")
        return [*done, *(f"{name} was missing and rewritten" for name in names)]

    def _rebuilt(self, sequence: int) -> bool:
        try:
            document, checksum = self._archive.checkpoint_at(sequence)
        except StateError:
            return False
        data = checkpoints.encode(document, sequence, checksum)
        replace_file(self._ops, self._files.backup(sequence), data)
        return True

    def _judged(self, path: Path) -> Checkpoint | NotACheckpoint:
        return checkpoints.decode(read_file(self._ops, path) or b"")


def _say_damaged(path: Path, reason: str) -> None:
    log.warning("backup_damaged", error_code="E212", path=str(path), reason=reason_at(path, reason))
