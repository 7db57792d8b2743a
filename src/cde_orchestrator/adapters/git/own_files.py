"""Refuses a repository whose own files are not what git takes them for.

git opens its files by name and waits for a pipe without end, follows each link, and appends what
it logs to whatever is at the other end. No clone brings that, but an archive may, and so may
whoever writes in the folder. What is named here is refused before git is started; for what is
not, as a pipe among the objects, git is given its time, and then left alone for a while.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from cde_orchestrator.infrastructure.system.file_ops import kind_problem
from cde_orchestrator.infrastructure.system.git_folder import Repository, repository_of

ENTRIES_LIMIT = 5_000
"""Of the repository's own files; who has more has them from git."""
_UNREAD = frozenset({"hooks", "objects"})
"""At the top; what of the objects is listed, is listed apart."""
_OF_OBJECTS = ("objects", "objects/info", "objects/pack")
_IN_FOLDERS = (".gitattributes", ".gitignore", ".gitmodules")


def require_plain(root: Path, *, writes: bool) -> Repository | None:
    """The repository of the folder, if git can read it, and write there where it ``writes``.

    Raises:
        OSError: what is in the place of a file, and of which.
    """
    try:
        repository = repository_of(root)
    except OSError as error:
        if writes:
            raise _refused(
                error.strerror or "it cannot be followed", str(error.filename)
            ) from error
        return None
    if repository is None:
        return None
    for folder in (root, *root.parents):
        for name in _IN_FOLDERS:
            with suppress(FileNotFoundError):
                _require_readable(str(folder / name), (folder / name).lstat().st_mode)
        if folder == repository.top:
            break
    if writes and (shared := repository.common / "commondir").exists():
        raise _refused("it leads to another repository", str(shared))
    for entry in islice(_entries(repository.common), ENTRIES_LIMIT):
        if writes and entry.is_symlink():
            raise _refused("a link is in its place", entry.path)
        if not entry.is_dir():
            with suppress(FileNotFoundError):
                _require_readable(entry.path, entry.stat().st_mode)
    return repository


def _entries(common: Path) -> Iterator[os.DirEntry[str]]:
    """What git reads, or writes to, of its own files, but for the objects one by one."""
    for name in _OF_OBJECTS:
        yield from _listed(common / name)
    waiting = [entry for entry in _listed(common) if entry.name not in _UNREAD]
    while waiting:
        entry = waiting.pop()
        yield entry
        if entry.is_dir(follow_symlinks=False):
            waiting += _listed(entry.path)


def _listed(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # git says it better
        return []


def _require_readable(path: str, mode: int) -> None:
    """Refuse what may never end; a socket cannot be opened, and git has one of its own there."""
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise _refused(kind_problem(mode) or "", path)


def _refused(reason: str, path: str) -> OSError:
    return OSError(f"'{path}': {reason}")
