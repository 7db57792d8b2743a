"""Files of the source code, put as they were at another moment; no link is followed.

The folder may be hostile, and people work in it meanwhile: a file is compared with what is
expected just before another one takes its place, by a rename.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.application.ports.sources import Entry, Turn
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system import file_ops
from cde_orchestrator.infrastructure.system.os_errors import error_words, write_failure
from cde_orchestrator.infrastructure.system.tree import (
    guard,
    is_folder,
    is_no_folder,
    kind_of,
    status_of,
)

FILE_LIMIT_BYTES = 50 * 1024 * 1024
"""As of a file in a source tree."""
_BY_LENGTH = {40: "sha1", 64: "sha256"}
"""How git makes ids of this many digits."""


class FilesystemSourceFiles:
    """Files of a work folder, by paths relative to it."""

    def __init__(self, ops: file_ops.FileOps | None = None) -> None:
        self._ops = ops or file_ops.OsFileOps()

    def find(self, folder: Path, path: str, like: str) -> Entry | None:
        """The file that is there, its id made as that of ``like`` is; None: nothing is there.

        Raises:
            OutputError: E112, what is there is no plain file, or cannot be read.
        """
        place = _place(folder, path)
        with _refusing(path):
            try:
                mode = status_of(place).st_mode
            except FileNotFoundError:
                return None
            if reason := file_ops.kind_problem(mode):
                raise OSError(errno.EINVAL, reason)
            data = file_ops.read_bounded(place, FILE_LIMIT_BYTES)
        made = hashlib.new(_BY_LENGTH[len(like)], usedforsecurity=False)
        made.update(f"blob {len(data)}\0".encode() + data)
        return Entry("100755" if mode & stat.S_IXUSR else "100644", made.hexdigest())

    def put(self, folder: Path, path: str, turn: Turn, data: bytes | None) -> None:
        """Put a file in the place of another one; without bytes, remove it.

        Raises:
            OutputError: E112, something that is no plain file is in the way.
            StateError: E203 or E204, it is not written.
        """
        place, (before, after) = _place(folder, path), turn
        try:
            if data is None or after is None:
                self._ops.unlink(place)
                self._ops.sync_folder(place.parent)
                return
            missing = [each for each in place.parents if not kind_of(each)]
            for each in reversed(missing):
                file_ops.make_ordinary_folder(each)
            mode = None if before is None else stat.S_IMODE(status_of(place).st_mode)
            if before is None or before.mode != after.mode:
                mode = _permissions(mode, executable=after.is_executable)
            self._replace(place, data, mode, Path(os.path.realpath(folder)) / FOLDER)
        except OSError as error:
            raise write_failure(place, error, len(data or b"")) from error

    def _replace(self, place: Path, data: bytes, mode: int | None, own: Path) -> None:
        """Put the bytes there; what is left by one that is killed is in our own folder."""
        if not is_folder(own):
            file_ops.replace_file(self._ops, place, data, mode)
            return
        temporary = file_ops.stage_file(self._ops, own / place.name, data, mode)
        try:
            self._ops.replace(temporary, place)
        except OSError as error:
            with suppress(OSError):
                self._ops.unlink(temporary)
            if error.errno != errno.EXDEV:
                raise
            file_ops.replace_file(self._ops, place, data, mode)
        self._ops.sync_folder(place.parent)


def _permissions(mode: int | None, *, executable: bool) -> int | None:
    """The permissions with or without those to execute; None: those of any new file."""
    if not executable:
        return None if mode is None else mode & ~0o111
    found = file_ops.usual_mode() if mode is None else mode
    return found | (found & 0o444) >> 2


def _place(folder: Path, path: str) -> Path:
    """The file's absolute path, below which no link is followed."""
    if reason := path_problem(path):
        raise OutputError.of("E112", output="", path=path, reason=reason)
    real = Path(os.path.realpath(folder))
    guard(real)
    place = real / path
    for above in place.relative_to(real).parents[:-1]:
        reason = "is no folder" if is_no_folder(real / above) else ""
        if reason or kind_of(real / above / ".git"):
            reason = f"{above} {reason or 'is a repository of its own'}"
            raise OutputError.of("E112", output="", path=path, reason=reason)
    return place


@contextmanager
def _refusing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error_words(error)
        raise OutputError.of("E112", output="", path=path, reason=reason) from error
