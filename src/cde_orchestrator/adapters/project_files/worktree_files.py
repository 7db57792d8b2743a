"""The outputs of a feature that is worked on in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.application.ports.core import OutputText
from cde_orchestrator.application.views import ArtifactView
from cde_orchestrator.domain.feature import Artifact
from cde_orchestrator.domain.text import EXCERPT_LIMIT
from cde_orchestrator.infrastructure.system.file_ops import FileOps


class WorktreeFiles(FilesystemProjectFiles):
    """Outputs are made in a worktree, and put into the project once they are accepted.

    Args:
        folder: the worktree.
    """

    def __init__(self, folder: Path, ops: FileOps | None = None) -> None:
        super().__init__(ops)
        self._folder = folder

    def read(self, root: Path, relative: str, output_id: str) -> bytes | None:
        """The worktree's file; else the project's, which a person may have put there."""
        made = super().read(self._folder, relative, output_id)
        return super().read(root, relative, output_id) if made is None else made

    def write(self, root: Path, outputs: Sequence[OutputText]) -> None:
        """Write them into the worktree."""
        super().write(self._folder, outputs)

    def restore(self, root: Path, relative: str, output_id: str, data: bytes | None) -> None:
        """Put the bytes there, and into the worktree, whose file would hide the project's."""
        for place in dict.fromkeys((self._folder, root)):
            super().restore(place, relative, output_id, data)

    def set_aside(self, root: Path, relative: str, output_id: str) -> str:
        """Keep a copy next to the file that is read: the worktree's, else the project's."""
        made = super().read(self._folder, relative, output_id)
        return super().set_aside(root if made is None else self._folder, relative, output_id)

    def record(
        self, root: Path, relative: str, output_id: str, data: bytes, sha256: str | None = None
    ) -> Artifact:
        """Record what was accepted, and put it into the project too."""
        self.restore(root, relative, output_id, data)
        return super().record(root, relative, output_id, data, sha256)

    def excerpt(self, root: Path, relative: str, limit: int = EXCERPT_LIMIT) -> str:
        """The beginning of the worktree's file, else of the project's."""
        return super().excerpt(self._folder, relative, limit) or super().excerpt(
            root, relative, limit
        )

    def bring(self, root: Path, outputs: Sequence[ArtifactView]) -> None:
        """Give the worktree the accepted outputs of earlier phases that it does not have.

        Raises:
            OutputError: E112, a path is no place for an output.
            StateError: E203 or E204, one cannot be written.
        """
        for output in outputs:
            relative, output_id = output["path"], output["id"]
            if super().read(self._folder, relative, output_id) is None:
                data = super().read(root, relative, output_id)
                if data is not None:
                    self.restore(self._folder, relative, output_id, data)
