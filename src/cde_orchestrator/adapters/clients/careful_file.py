"""A file of a person or a repository: read with care, replaced whole, copied before."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.ports.clients import PlannedFile
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.system.file_ops import (
    PRIVATE,
    OsFileOps,
    in_the_way,
    make_ordinary_folder,
    read_bounded,
    replace_file,
    stamp_of,
    unlink,
)
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.tree import is_folder, status_of

LIMIT_BYTES = 16 * 1024 * 1024
PROJECT_LIMIT_BYTES = 1024 * 1024
"""Of a file that may be a stranger's, which is read in a second however it is made."""


@dataclass(frozen=True, slots=True)
class CarefulFile:
    """A file that is changed only where nothing speaks against it.

    Attributes:
        path: the file.
        copies: the folder for what was there before; None: nothing is copied.
        private: whether it is a person's own, and a new one its owner's alone; else a project's.
    """

    path: Path
    copies: Path | None
    private: bool = True

    def write(self, planned: PlannedFile) -> Path | None:
        """Write what was planned, if that is another; where the content before was copied to.

        Raises:
            ValidationError: E330, the file changed since it was read, or cannot be written.
        """
        if planned.after == planned.before:
            return None
        try:
            copy = self._copy(planned.before)
            if planned.stamp != self._stamp():
                raise self.refusal("it changed just now; run the command again")
            if planned.after is None:
                unlink(self.path)
                return copy
            _make_folders(self.path.parent)
            replace_file(OsFileOps(), self.path, planned.after, planned.mode)
        except OSError as error:
            raise self.refusal(error_words(error)) from error
        return copy

    def read(self) -> PlannedFile:
        """The file as it is, to be changed; the permissions are those of a new one if it is none.

        Raises:
            ValidationError: E330, it is none that may be changed.
        """
        try:
            found = status_of(self.path)
            if (kind := in_the_way(self.path)) is not None:
                raise self.refusal(f"{kind} is in its place{self._target()}")
            if os.name == "posix" and found.st_uid != os.geteuid():
                raise self.refusal("it belongs to another user")
            if not found.st_mode & stat.S_IWUSR:
                raise self.refusal("it is read-only")
            stamp = stamp_of(self.path)
            limit = LIMIT_BYTES if self.private else PROJECT_LIMIT_BYTES
            data = read_bounded(self.path, limit)
        except FileNotFoundError:
            mode = PRIVATE if self.private else None
            return PlannedFile(path=self.path, before=None, after=None, stamp=None, mode=mode)
        except OSError as error:
            raise self.refusal(error_words(error)) from error
        mode = stat.S_IMODE(found.st_mode)
        return PlannedFile(path=self.path, before=data, after=data, stamp=stamp, mode=mode)

    def _target(self) -> str:
        target = os.path.realpath(self.path)
        return f", to {target}" if self.path.is_symlink() else ""

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            return stamp_of(self.path)
        except FileNotFoundError:
            return None

    @property
    def _copy_path(self) -> Path | None:
        if self.copies is None:
            return None
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return self.copies / f"{digest}-{self.path.name}"

    def _copy(self, data: bytes | None) -> Path | None:
        """Keep the content; a copy of an earlier file does not outlive it."""
        path = self._copy_path
        if path is None:
            return None
        if data is None:
            unlink(path, missing_ok=True)
            return None
        _make_folders(path.parent)
        replace_file(OsFileOps(), path, data)
        return path

    def copied(self) -> bytes | None:
        """What was there before the last change, as far as it was kept."""
        path = self._copy_path
        try:
            return None if path is None else read_bounded(path, LIMIT_BYTES)
        except OSError:
            return None

    def refusal(self, reason: str) -> CDEError:
        """E330, with the reason."""
        return ValidationError.of("E330", path=str(self.path), reason=reason.rstrip("."))


def _make_folders(folder: Path) -> None:
    if not is_folder(folder) and not folder.is_dir():
        _make_folders(folder.parent)
        make_ordinary_folder(folder)
