"""The files that phases produce: read, written and recorded, and never outside the project.

The folder may be hostile, and so may a path that an agent gives: links that lead away, pipes
that never end, the folders of git and of the product itself.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.domain.exceptions import CDEError, OutputError, StateError, ValidationError
from cde_orchestrator.domain.executed_places import executed_by
from cde_orchestrator.domain.project_paths import (
    REPLACED,
    attempt_paths,
    copy_paths,
    parts_problem,
    path_problem,
)
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import EXCERPT_LIMIT, as_file, checked_text, excerpt_of
from cde_orchestrator.infrastructure.system import file_ops
from cde_orchestrator.infrastructure.system.os_errors import error_words, write_failure
from cde_orchestrator.infrastructure.system.spans import FILES, span
from cde_orchestrator.infrastructure.system.tree import entries_of, guard, kind_of, status_of

if TYPE_CHECKING:
    from cde_orchestrator.application.ports.core import OutputText
    from cde_orchestrator.application.views import ArtifactView

READ_LIMIT_BYTES = 10 * 1024 * 1024
WRITE_LIMIT_BYTES = 1024 * 1024
DIGEST_LIMIT_BYTES = 64 * 1024 * 1024
FOLDERS_LIMIT = 5_000
"""Entries of a folder that are looked at for the folders in it."""
DIGESTS_KEPT = 20_000
"""Of how many files a process knows the digest."""

_digests: dict[Path, tuple[tuple[int, ...], str]] = {}


class FilesystemProjectFiles:
    """The outputs of a project's phases, in the project's folder.

    Where a worktree is given, they are made there, and put into the project once they are
    accepted; what is read is its file, else the project's, which a person may have put there.

    A path that is no place for an output raises ``OutputError`` E112: absolute, with ``..``, in
    ``.cde`` or ``.git``, led out of the project by a link, or not a regular file. What writes
    raises ``StateError``: E204, the disk is full; E203, writing failed otherwise.
    """

    def __init__(self, ops: file_ops.FileOps | None = None, worktree: Path | None = None) -> None:
        self._ops = ops or file_ops.OsFileOps()
        self._worktree = worktree

    def _places(self, root: Path) -> tuple[Path, ...]:
        """The folders that outputs are in, the one that they are made in first."""
        return (root,) if self._worktree is None else (self._worktree, root)

    def folder(self, root: Path) -> Path:
        """The folder that outputs are made in."""
        return self._places(root)[0]

    def resolve(self, root: Path, relative: str, output_id: str) -> Path:
        """The output's absolute path, links followed; the file may be missing."""
        try:
            path, reason = _located(root, relative)
        except OSError as error:
            raise _misplaced(output_id, relative, error_words(error)) from error
        if reason is not None:
            raise _misplaced(output_id, relative, reason)
        return path

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The output's bytes, or None when there is no such file.

        Raises:
            OutputError: E112, also where the file cannot be read.
            ValidationError: E315, it is larger than 10 MiB.
        """
        for place in self._places(root):
            if (data := self._read(place, relative, output_id)) is not None:
                return data
        return None

    def lacks(self, root: Path, folder: str) -> bool:
        """Whether nothing is in a folder's place, in none of the places; a link is something."""
        if path_problem(folder):
            return False
        for place in self._places(root):
            try:
                real_root = Path(os.path.realpath(place))
                guard(real_root)
                status_of(real_root / folder)
            except FileNotFoundError:
                continue
            except OSError:
                return False
            return False
        return True

    def stamp(self, root: Path, relative: str, output_id: str) -> tuple[int, ...] | None:
        """The file's identity, size and times in nanoseconds; None when there is no such file.

        The time of the last change of the inode is no process's to set. A write within the same
        tick of the kernel's clock (4 ms) that keeps the size is not seen.
        """
        for place in self._places(root):
            with suppress(OSError):
                return file_ops.stamp_of(self.resolve(place, relative, output_id))
        return None

    def digest(self, root: Path, relative: str) -> str | None:
        """SHA-256 of a file of the project; None where there is none that can be read.

        A file is read again only once it changed, as far as its ``stamp`` says.
        """
        try:
            path = self.resolve(self.folder(root), relative, "")
            stamp = file_ops.stamp_of(path)
            known = _digests.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            data, size = file_ops.read_regular_file(path, DIGEST_LIMIT_BYTES)
        except (OSError, OutputError):
            return None
        if size > DIGEST_LIMIT_BYTES:
            return None
        if len(_digests) >= DIGESTS_KEPT:
            _digests.clear()
        digest = hashlib.sha256(data).hexdigest()
        _digests[path] = stamp, digest
        return digest

    @span(FILES)
    def _read(self, place: Path, relative: str, output_id: str) -> bytes | None:
        path = self.resolve(place, relative, output_id)
        try:
            data, size = file_ops.read_regular_file(path, READ_LIMIT_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _misplaced(output_id, relative, error_words(error)) from error
        _check_size(output_id, size, READ_LIMIT_BYTES)
        return data

    @span(FILES)
    def write(self, root: Path, outputs: Sequence[OutputText]) -> None:
        """Put texts at their paths, all of them or none; each last line gets its end.

        Raises:
            ValidationError: E303, one cannot be stored as text; E315, it is larger than 1 MiB.
        """
        placed = [(self._place_of(root, each), as_file(each.text)) for each in outputs]
        made: list[Path] = []
        staged: list[tuple[Path, Path]] = []
        try:
            for path, data in placed:
                with _writing(path, len(data)):
                    self._make_folder(path.parent, made)
                    temporary = file_ops.stage_file(self._ops, path, data, _mode_of(path))
                    staged.append((temporary, path))
            self._put_in_place(staged)
        except StateError:
            for temporary, _ in staged:
                with suppress(OSError):
                    self._ops.unlink(temporary)
            for folder in reversed(made):
                with suppress(OSError):
                    file_ops.remove_folder(folder)
            raise

    def _place_of(self, root: Path, output: OutputText) -> Path:
        size = len(output.text.encode(errors="surrogatepass"))
        _check_size(output.output_id, size, WRITE_LIMIT_BYTES)
        checked_text(f"output {output.output_id}", output.text, WRITE_LIMIT_BYTES)
        return self.resolve(self._places(root)[0], output.path, output.output_id)

    def _put_in_place(self, staged: Sequence[tuple[Path, Path]]) -> None:
        """Rename new files over the old ones; when one cannot be, the old ones come back."""
        kept: list[tuple[Path, bytes | None, int | None]] = []
        several = len(staged) > 1
        try:
            for temporary, path in staged:
                with _writing(path):
                    old = self._ops.read(path) if several and kind_of(path) else None
                    mode = _mode_of(path)
                    self._ops.replace(temporary, path)
                    kept.append((path, old, mode))
                    self._ops.sync_folder(path.parent)
        except StateError:
            for path, old, mode in reversed(kept if several else []):
                with suppress(OSError):
                    if old is None:
                        self._ops.unlink(path)
                    else:
                        file_ops.replace_file(self._ops, path, old, mode)
            raise

    def is_plain(self, root: Path, relative: str) -> bool:
        """Whether a file exists or may be created there, reached by no symbolic link."""
        try:
            path = self.resolve(root, relative, "")
        except OutputError:
            return False
        return path == Path(os.path.realpath(root)) / relative

    def restore(self, root: Path, relative: str, output_id: str, data: bytes | None) -> None:
        """Put the bytes there, whole or not at all, in the worktree too; None removes the file."""
        for place in self._places(root):
            self._restore(place, relative, output_id, data)

    def _restore(self, place: Path, relative: str, output_id: str, data: bytes | None) -> None:
        path = self.resolve(place, relative, output_id)
        with _writing(path, len(data or b"")):
            if data is not None:
                self._make_folder(path.parent)
                file_ops.replace_file(self._ops, path, data, _mode_of(path))
            elif kind_of(path):
                self._ops.unlink(path)
                self._ops.sync_folder(path.parent)

    def set_aside(self, root: Path, relative: str, output_id: str) -> str:
        """Keep a copy of the file next to it; the copy's path, relative to the project."""
        path = self._changed(root, relative, output_id)
        return self._copy(path, copy_paths(relative), _mode_of(path))

    def keep_attempt(self, root: Path, relative: str, output_id: str, attempt: int) -> str:
        """Keep a copy of what an attempt left; the copy's path, relative to the project."""
        path = self._changed(root, relative, output_id)
        return self._copy(path, attempt_paths(relative, attempt), None)

    def copy_path(
        self, root: Path, relative: str, output_id: str, attempt: int | None = None
    ) -> str:
        """Where ``set_aside``, or ``keep_attempt`` of an attempt, keeps the file or has kept it."""
        from cde_orchestrator.adapters.project_files.copies import place_of_copy

        names = copy_paths(relative) if attempt is None else attempt_paths(relative, attempt)
        return place_of_copy(self._changed(root, relative, output_id), names)[0]

    def _changed(self, root: Path, relative: str, output_id: str) -> Path:
        """The file: the worktree's where it is there, else the project's."""
        place = self._worktree or root
        if place != root and self._read(place, relative, output_id) is None:
            place = root
        return self.resolve(place, relative, output_id)

    def keep_changed(
        self,
        root: Path,
        relative: str,
        output_id: str,
        known: Collection[str],
        stamp: tuple[int, ...] | None = None,
    ) -> str | None:
        """Keep a copy of the project's file next to it, unless its digest is a known one."""
        path = self.resolve(root, relative, output_id)
        with _writing(path):
            try:
                if stamp is not None and file_ops.stamp_of(path) == stamp:
                    return None
                with file_ops.open_to_read(path) as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                return None
        if digest in known:
            return None
        return self._copy(path, copy_paths(relative, REPLACED), _mode_of(path))

    def _copy(self, path: Path, names: Iterator[str], mode: int | None) -> str:
        """Keep a copy under the first of the names that is free, if none has the content yet."""
        from cde_orchestrator.adapters.project_files.copies import place_of_copy

        named, free = place_of_copy(path, names)
        if free is not None:
            with _writing(free):
                file_ops.replace_file(self._ops, free, self._ops.read(path), mode)
        return named

    def record(
        self, root: Path, relative: str, output_id: str, data: bytes, sha256: str | None = None
    ) -> Artifact:
        """The output as a feature keeps it, from the bytes that its gate accepted."""
        if self._worktree is not None:
            self.restore(root, relative, output_id, data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        return Artifact(id=output_id, path=relative, sha256=digest, size=len(data))

    def folders(self, root: Path, relative: str, most: int) -> list[str]:
        """Names of the folders in a folder, those that changed last first; no link is followed."""
        with suppress(OSError, CDEError):
            found = entries_of(self.folder(root) / relative, FOLDERS_LIMIT)
            kept = {name: it.st_mtime for name, it in found.items() if stat.S_ISDIR(it.st_mode)}
            return sorted(kept, key=lambda name: (-kept[name], name))[:most]
        return []

    def excerpt(self, root: Path, relative: str, limit: int = EXCERPT_LIMIT) -> str:
        """The file's first lines for a prompt, at most ``limit`` characters of harmless text.

        Only the first line may be cut. What is missing or cannot be read gives an empty text.
        """
        for place in self._places(root):
            with suppress(OSError, CDEError):
                path = self.resolve(place, relative, "")
                data, size = file_ops.read_regular_file(path, limit * 4)
                if text := excerpt_of(data, size, limit):
                    return without_secrets(text)
        return ""

    def bring(self, root: Path, outputs: Sequence[ArtifactView]) -> None:
        """Give the worktree the accepted outputs of earlier phases that it does not have."""
        made = self._places(root)[0]
        for output in outputs:
            named = output["path"], output["id"]
            data = self._read(root, *named) if self._read(made, *named) is None else None
            if data is not None:
                self._restore(made, *named, data)

    def _make_folder(self, folder: Path, made: list[Path] | None = None) -> None:
        """Make the folder with its parents; those that were missing are added to ``made``."""
        missing = [each for each in (folder, *folder.parents) if not kind_of(each)]
        for each in reversed(missing):
            file_ops.make_ordinary_folder(each)
            if made is not None:
                made.append(each)
            self._ops.sync_folder(each.parent)


@contextmanager
def _writing(path: Path, size: int | None = None) -> Iterator[None]:
    """Translate what the system refuses; ``size`` is what is written, in bytes."""
    try:
        yield
    except OSError as error:
        raise write_failure(path, error, size) from error


def _mode_of(path: Path) -> int | None:
    """The permissions of the file that is replaced; None for a new one."""
    try:
        return stat.S_IMODE(status_of(path).st_mode) & 0o777
    except OSError:
        return None


def _located(root: Path, relative: str) -> tuple[Path, str | None]:
    """The real path, and why it is no place for an output."""
    if reason := path_problem(relative):
        return root, reason
    real_root = Path(os.path.realpath(root))
    guard(real_root)  # a link that comes after this look is not followed
    path = real_root / relative
    try:
        mode = status_of(path).st_mode
    except FileNotFoundError:
        return path, None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    else:
        if not stat.S_ISLNK(mode):
            return path, file_ops.kind_problem(mode)
    return _located_by_link(real_root, relative)


def _located_by_link(real_root: Path, relative: str) -> tuple[Path, str | None]:
    path = Path(os.path.realpath(real_root / relative))
    if not path.is_relative_to(real_root):
        return path, "a symbolic link leads out of the project"
    parts = path.relative_to(real_root).parts
    if reason := parts_problem(parts):
        return path, f"by a symbolic link {reason}"
    if (who := executed_by("/".join(parts))) and not executed_by(relative):
        return path, f"by a symbolic link it is what {who} executes"
    try:
        mode = status_of(path).st_mode
    except FileNotFoundError:
        return path, None
    return path, file_ops.kind_problem(mode)


def _check_size(output_id: str, size: int, limit: int) -> None:
    if size > limit:
        field = f"output {output_id}"
        raise ValidationError.of("E315", field=field, size_bytes=size, limit_bytes=limit)


def _misplaced(output_id: str, relative: str, reason: str) -> OutputError:
    return OutputError.of("E112", output=output_id, path=relative, reason=reason)
