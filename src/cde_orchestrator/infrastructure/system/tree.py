"""Reaches what is below a project by descriptors, so that no link leads out of it.

A path is followed by the kernel at the moment of a call, and whoever may write into the project
may exchange a folder for a link between two calls. So each folder below the project is opened
from the one above it, and never by a link: what was opened stays what it is.

No link is followed below ``.cde``, below ``.git`` and below any folder that ``guard`` was given.
What is above them is out of the reach of those who write into the project, and may have links.
``.cde`` itself may be a link, by its owner's choice; in one process it leads to one folder only.
Where the system has no such calls (Windows), it is only looked whether there are links.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path

from cde_orchestrator.infrastructure.paths import FOLDER

HAS_DESCRIPTORS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LISTED = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_ENTERED = _LISTED | getattr(os, "O_PATH", 0)
_GUARDED_NAMES = frozenset({FOLDER, ".git"})

_guarded: set[str] = set()
_leads_to: dict[str, tuple[int, int]] = {}


def guard(folder: Path | str) -> None:
    """From now on follow no link below the folder."""
    if (path := os.fspath(folder)) not in _guarded:
        _guarded.add(path)
        _split.cache_clear()


@contextmanager
def parent_of(path: Path | str) -> Iterator[tuple[int | None, str]]:
    """The folder of what is at the path, as ``dir_fd``, and its name there.

    No folder and the whole path where links may be followed down to the name.

    Raises:
        OSError: ELOOP, a folder on the way is a link; or what the system says.
    """
    text = os.fspath(path)
    base, names = _split(text)
    if len(names) < 2 or not HAS_DESCRIPTORS:
        _look_at(base, names[:-1])
        yield None, text
        return
    folder = _opened(base, names[:-1], _ENTERED)
    try:
        yield folder, names[-1]
    except OSError as error:
        if error.filename == names[-1]:
            error.filename = text
        raise
    finally:
        os.close(folder)


def open_folder(path: Path | str, *, listed: bool = True) -> int:
    """A descriptor of the folder, by which it can be listed or not; raises as ``parent_of``."""
    return _opened(*_split(os.fspath(path)), _LISTED if listed else _ENTERED)


def status_of(path: Path | str) -> os.stat_result:
    """What is at the path, a link itself; of ``.cde`` the folder that it leads to."""
    with parent_of(path) as (folder, name):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode) and os.path.basename(path) == FOLDER:
        chosen = open_folder(path, listed=False)
        try:
            return os.fstat(chosen)
        finally:
            os.close(chosen)
    return found


def kind_of(path: Path | str) -> int:
    """The kind of what is at the path, as ``stat.S_IFREG``; 0 for nothing, or nothing to see."""
    try:
        return stat.S_IFMT(status_of(path).st_mode)
    except OSError:
        return 0


def is_file(path: Path | str) -> bool:
    """Whether an ordinary file is there."""
    return kind_of(path) == stat.S_IFREG


def is_folder(path: Path | str) -> bool:
    """Whether a folder is there, and no link to one."""
    return kind_of(path) == stat.S_IFDIR


def is_no_folder(path: Path) -> bool:
    """Whether something else is in a folder's place; a link is, wherever it leads."""
    return kind_of(path) not in {0, stat.S_IFDIR}


def names_in(path: Path | str) -> list[str]:
    """The sorted names of what is in the folder; none where it cannot be listed, as a link."""
    try:
        return sorted(list_folder(path))
    except OSError:
        return []


def list_folder(path: Path | str) -> list[str]:
    """The names of what is in the folder; raises as ``parent_of``."""
    with _scanned(path) as entries:
        return [entry.name for entry in entries]


def entries_of(path: Path | str, most: int | None = None) -> dict[str, os.stat_result]:
    """What is in the folder by name, links as themselves; raises as ``parent_of``."""
    found = {}
    with _scanned(path) as entries:
        for entry in islice(entries, most):
            with suppress(FileNotFoundError):  # it went meanwhile
                found[entry.name] = entry.stat(follow_symlinks=False)
    return found


@contextmanager
def _scanned(path: Path | str) -> Iterator[Iterator[os.DirEntry[str]]]:
    text, folder = os.fspath(path), None
    if HAS_DESCRIPTORS:
        folder = open_folder(text)
    else:
        _look_at(*_split(text))
    try:
        with os.scandir(text if folder is None else folder) as entries:
            yield entries
    finally:
        if folder is not None:
            os.close(folder)


@lru_cache(maxsize=1_024)
def _split(path: str) -> tuple[str, tuple[str, ...]]:
    """The folder down to which links may be followed, and the names below it."""
    parts = path.split(os.sep)
    for number, part in enumerate(parts):
        base = os.sep.join(parts[:number])
        if part in _GUARDED_NAMES or base in _guarded:
            if os.pardir in parts[number:]:
                raise OSError(errno.EXDEV, "it leads out of its folder", path)
            return base or (os.sep if number else os.curdir), tuple(parts[number:])
    return path, ()


def _look_at(base: str, names: Sequence[str]) -> None:
    """Refuse links where folders cannot be opened: there they may still be exchanged."""
    for name in names:
        base = os.path.join(base, name)
        if name != FOLDER and os.path.islink(base):
            raise OSError(errno.ELOOP, "a link is in its place", base)


def _opened(base: str, names: Sequence[str], flags: int) -> int:
    """The last of the folders, each opened from the one before."""
    if not names:
        return os.open(base, flags)
    folder, shown = None, base
    for number, name in enumerate(names, 1):
        shown = os.path.join(shown, name)
        try:
            inner = _entered(
                folder,
                shown if folder is None else name,  # spares a call for the base alone
                shown,
                flags if number == len(names) else _ENTERED,
            )
        finally:
            if folder is not None:
                os.close(folder)
        folder = inner
    return inner


def _entered(outer: int | None, name: str, shown: str, flags: int) -> int:
    """The folder, which is no link unless it is ``.cde``."""
    is_link, is_own = False, os.path.basename(shown) == FOLDER
    try:
        folder = os.open(name, flags | _NOFOLLOW, dir_fd=outer)
    except OSError as error:
        error.filename = shown
        is_link = error.errno in {errno.ENOTDIR, errno.ELOOP} and _is_link(outer, name)
        if not is_link:
            raise
        if not is_own:
            raise OSError(errno.ELOOP, "a link is in its place", shown) from error
        folder = os.open(name, flags, dir_fd=outer)
    if is_own and (is_link or shown not in _leads_to):
        found = os.fstat(folder)
        here = found.st_dev, found.st_ino
        if _leads_to.setdefault(shown, here) != here:
            os.close(folder)
            raise OSError(
                errno.ELOOP, "a link to another folder than before is in its place", shown
            )
    return folder


def _is_link(outer: int | None, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=outer, follow_symlinks=False).st_mode)
