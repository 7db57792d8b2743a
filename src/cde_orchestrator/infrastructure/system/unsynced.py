"""Files that may be lost when the machine loses power, and that nobody waits for."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import OsFileOps


class UnsyncedFileOps(OsFileOps):
    """As the system does it, when it does it: what is read after a crash may be half there."""

    def fdatasync(self, descriptor: int) -> None:
        """Leave the data to the system."""

    def sync_folder(self, path: Path) -> None:
        """Leave the folder's entries to the system."""
