"""The quarantine: damaged files, each under the time of the repair that found it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    in_the_way,
    replace_file,
)
from cde_orchestrator.infrastructure.system.tree import (
    is_no_folder,
    names_in,
)
from cde_orchestrator.storage.format.files import StateFiles

log = get_logger(__name__)

MISSING = ".missing"
"""Ends the name of a note that a file was gone and was rewritten."""
LOST = "changes.lost"
"""A note of changes that were lost, in words."""
NO_FOLDER = "it is not a folder"
_STAMP = "%Y%m%dT%H%M%S%f"
_NAME = re.compile(r"(\d{8}T\d{12})-(.+)")


class Quarantine:
    """Where one repair keeps what it found; only under the project's lock."""

    def __init__(self, files: StateFiles, ops: FileOps) -> None:
        self._files = files
        self._ops = ops
        self._stamp = utc_now().strftime(_STAMP)

    def place(self, name: str) -> Path:
        """Where a file of this name is kept."""
        return self._files.quarantine / f"{self._stamp}-{name}"

    def keep(self, path: Path) -> None:
        """Keep a copy of a file, which itself stays until it is replaced."""
        if in_the_way(path):  # it holds nothing of the state, and is never followed
            self.put_aside(path)
        else:
            self.write(path.name, self._ops.read(path))

    def write(self, name: str, data: bytes) -> None:
        """Keep ``data`` as a file of this name."""
        self._make()
        replace_file(self._ops, self.place(name), data)

    def put_aside(self, path: Path) -> None:
        """Move what is there, unopened; the move outlives a power cut."""
        self.move(path)
        self._ops.sync_folder(path.parent)

    def move(self, *paths: Path) -> None:
        """Move what there is of these, unopened."""
        self._make()
        for path in paths:
            if os.path.lexists(path):
                self._move(path)
        self._ops.sync_folder(self._files.quarantine)

    def _move(self, path: Path) -> None:
        try:
            self._ops.replace(path, self.place(path.name))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            if in_the_way(path):  # it holds nothing of the state, so it may stay where it is
                self._ops.replace(path, path.with_name(self.place(path.name).name))
                return
            replace_file(self._ops, self.place(path.name), self._ops.read(path))
            self._ops.unlink(path)

    def _make(self) -> None:
        folder = self._files.quarantine
        aside = folder.with_name("quarantine.aside") if is_no_folder(folder) else None
        if aside is not None:
            self._ops.replace(folder, aside)
        self._ops.make_folder(folder)
        self._ops.sync_folder(self._files.folder)
        if aside is not None:
            self.put_aside(aside)


def log_damaged(path: Path, reason: str) -> None:
    """Say that something of the state was not as it should be, and is repaired."""
    log.warning("state_damaged", error_code="E212", path=str(path), reason=reason)


def clear_places(files: StateFiles, ops: FileOps) -> None:
    """Move what is in the place of a folder of the state to quarantine; only under the lock."""
    for folder in misplaced(files):
        log_damaged(folder, NO_FOLDER)
        Quarantine(files, ops).put_aside(folder)


def misplaced(files: StateFiles) -> list[Path]:
    """Folders in ``.cde`` that are none."""
    return list(filter(is_no_folder, (files.quarantine, files.local_backups, files.objects)))


def quarantined(files: StateFiles) -> Sequence[tuple[datetime, str]]:
    """When files were moved to quarantine, and what they were called."""
    names = names_in(files.quarantine)
    matches = (match for name in names if (match := _NAME.fullmatch(name)))
    return [(datetime.strptime(m[1], _STAMP).replace(tzinfo=UTC), m[2]) for m in matches]
