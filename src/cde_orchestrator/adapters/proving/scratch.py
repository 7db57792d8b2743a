"""Folders for a while, below the system's temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock

log = get_logger(__name__)

COPY, RUN = "cde-copy-", "cde-run-"
"""What names begin with of folders for copies, and for what a run leaves."""
NEW_SECONDS = 60.0
"""One that is this young may be about to be locked."""
_LOCK, _FILES = "lock", "files"


@contextmanager
def scratch_folder(prefix: str = COPY) -> Iterator[Path]:
    """An empty folder that nobody else sees; it goes whatever happens.

    What a process left that was killed is removed by the next one: a lock shows who is alive.

    Raises:
        OSError: it cannot be made.
    """
    _sweep()
    made = Path(os.path.realpath(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-")))
    held = None
    try:
        held = ProcessLock(made / _LOCK).attempt()
        (made / _FILES).mkdir()
        yield made / _FILES
    finally:
        remove_tree(made)
        if held is not None:
            os.close(held)


def temporary_folder() -> Path:
    """Where they are made."""
    return Path(os.path.realpath(tempfile.gettempdir()))


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it; what links lead to stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for above, names, _ in os.walk(folder):  # a program may have made folders read-only
        for path in (Path(above, name) for name in ("", *names)):
            with suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        log.warning("copy_not_removed", folder=str(folder))


def _sweep() -> None:
    """Remove those of processes that were killed."""
    with suppress(OSError), os.scandir(temporary_folder()) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.startswith((COPY, RUN)) and _is_left(entry):
                    log.info("copy_removed", folder=entry.path)
                    remove_tree(Path(entry.path))


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether it is this user's, and nobody holds its lock."""
    found = entry.stat(follow_symlinks=False)
    own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    is_new = time.time() - found.st_mtime < NEW_SECONDS
    if is_new or not own or not entry.is_dir(follow_symlinks=False):
        return False
    held = ProcessLock(Path(entry.path) / _LOCK).attempt()
    if held is not None:
        os.close(held)
    return held is not None
