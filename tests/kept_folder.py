"""A folder that was made once, and is as it was for each test, at the same path."""

from __future__ import annotations

import shutil
from pathlib import Path


class KeptFolder:
    """Keeps what is in a folder now.

    Args:
        folder: it; the copy is next to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._copy = folder.with_name(f"{folder.name}-kept")
        shutil.copytree(folder, self._copy, symlinks=True)

    def restore(self) -> None:
        """Have it as it was; the folder itself stays the same one."""
        for entry in self.folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.copytree(self._copy, self.folder, symlinks=True, dirs_exist_ok=True)
