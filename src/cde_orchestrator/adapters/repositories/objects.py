"""Recorded outputs by the digest of their content, under ``.cde/objects``; bounded."""

from __future__ import annotations

import hashlib
import re
import stat
from contextlib import suppress
from pathlib import Path

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.file_ops import (
    FileOps,
    OsFileOps,
    make_own_folder,
    read_regular_file,
    replace_file,
    set_times,
)
from cde_orchestrator.infrastructure.system.os_errors import write_failure
from cde_orchestrator.infrastructure.system.tree import entries_of, names_in, status_of
from cde_orchestrator.storage.format.files import StateFiles

log = get_logger(__name__)

OBJECT_LIMIT_BYTES = 10 * 1024 * 1024
TOTAL_LIMIT_BYTES = 256 * 1024 * 1024
_PRUNE_EVERY_BYTES = TOTAL_LIMIT_BYTES // 64
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FilesystemObjectStore:
    """Keeps contents as files named by digest; the longest unused go first.

    Args:
        ops: the file operations; the operating system's own by default.
        total_limit_bytes: what all contents of a project may take, about.
    """

    def __init__(
        self, ops: FileOps | None = None, total_limit_bytes: int = TOTAL_LIMIT_BYTES
    ) -> None:
        self._ops = ops or OsFileOps()
        self._total_limit_bytes = total_limit_bytes
        self._prune_every_bytes = min(_PRUNE_EVERY_BYTES, total_limit_bytes // 4)
        self._written_bytes = 0

    def put(self, root: Path, data: bytes, sha256: str | None = None) -> str:
        """Keep the content, durably, unless it is too large; its SHA-256, which may be given.

        Raises:
            StateError: E204, the disk is full; E203, writing failed otherwise.
        """
        digest = sha256 or hashlib.sha256(data).hexdigest()
        path = _path(root, digest)
        if len(data) > OBJECT_LIMIT_BYTES:
            return digest
        try:
            make_own_folder(path.parents[1])
            self._ops.make_folder(path.parent)
            if _is_kept(path, len(data)):
                return digest
            replace_file(self._ops, path, data)
        except OSError as error:
            raise write_failure(path, error) from error
        self._written_bytes += len(data)
        if self._written_bytes > self._prune_every_bytes:
            self._written_bytes = 0
            self._prune(StateFiles(root).objects)
        return digest

    def get(self, root: Path, digest: str) -> bytes | None:
        """The content, or None when it is not kept, or no longer intact."""
        if not _DIGEST.fullmatch(digest):
            return None
        try:
            data, _ = read_regular_file(_path(root, digest), OBJECT_LIMIT_BYTES)
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _prune(self, folder: Path) -> None:
        """Remove the longest unused contents until the others fit; never fails."""
        found = []
        for place in map(folder.joinpath, names_in(folder)):
            with suppress(OSError):
                found += [
                    (status.st_mtime, status.st_size, place / name)
                    for name, status in entries_of(place).items()
                ]
        surplus = sum(size for _, size, _ in found) - self._total_limit_bytes
        removed = 0
        for _, size, path in sorted(found):
            if surplus <= 0:
                break
            with suppress(OSError):
                self._ops.unlink(path)
                surplus -= size
                removed += 1
        if removed:
            log.info("objects_pruned", removed=removed)


def _is_kept(path: Path, size: int) -> bool:
    """Whether the content is there already; it counts as used now."""
    with suppress(OSError):
        status = status_of(path)
        if stat.S_ISREG(status.st_mode) and status.st_size == size:
            set_times(path)
            return True
    return False


def _path(root: Path, digest: str) -> Path:
    return StateFiles(root).objects / digest[:2] / digest[2:]
