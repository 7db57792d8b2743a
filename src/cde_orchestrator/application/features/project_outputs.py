"""The outputs of a project: their files, and the contents that are kept of them."""

from __future__ import annotations

import hashlib
from dataclasses import field
from pathlib import Path

from cde_orchestrator.application.ports.checks import ObjectStore
from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.domain.value import Value


class Content(Value):
    """The bytes of an output, and their SHA-256.

    Attributes:
        stamp: the file's before it was read; None for what is in no file yet.
    """

    data: bytes
    sha256: str
    stamp: tuple[int, ...] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, data: bytes, stamp: tuple[int, ...] | None = None) -> Content:
        """The content with its digest."""
        return cls(data, hashlib.sha256(data).hexdigest(), stamp)


class ProjectOutputs(Value):
    """The outputs of the project at ``root``."""

    root: Path
    files: ProjectFiles
    objects: ObjectStore

    def read(self, path: str, output_id: str) -> Content | None:
        """What the file holds; None when it is missing.

        Raises:
            OutputError: E112, the path is no place for an output.
            ValidationError: E315, the file is too large.
        """
        data = self.files.read(self.root, path, output_id)
        return None if data is None else Content.of(data)

    def lacks(self, folder: str) -> bool:
        """Whether there is no such folder, so that ``read`` finds nothing below it."""
        return self.files.lacks(self.root, folder)

    def excerpt(self, path: str, limit: int) -> str:
        """The file's first lines, at most ``limit`` characters; never fails."""
        return self.files.excerpt(self.root, path, limit)

    def keep(self, content: Content) -> None:
        """Keep a content for a rollback.

        Raises:
            StateError: E203 or E204, it could not be kept.
        """
        self.objects.put(self.root, content.data, content.sha256)

    def kept(self, digest: str) -> bytes | None:
        """A content that was kept; None when it is no longer kept."""
        return self.objects.get(self.root, digest)
