"""Which folders are only viewed: nothing is written below them, as on a disk for reading.

Whoever knows that a person does not trust a folder registers it here, for the whole process; the
functions of ``file_ops`` then refuse every write below it. So no by-product can be forgotten.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_only_viewed: dict[str, tuple[str, tuple[str, ...]]] = {}
_judged: dict[str, tuple[int, int]] = {}
_considers = ContextVar("considers", default=False)


def view_only(root: Path, standing: str, folders: Iterable[Path]) -> None:
    """From now on write nothing below the folders of the project at ``root``."""
    names = {each for path in folders for each in (str(path), os.path.realpath(path))}
    _only_viewed[str(root)] = (standing, tuple(names))


def act_in(root: Path, home: Path | None = None) -> None:
    """End that, for the folders that are at these paths now."""
    _only_viewed.pop(str(root), None)
    for folder in {root, home or root}:
        if (identity := _identity(folder)) is not None:
            _judged[str(folder)] = identity


def forget_all() -> None:
    """End it for every folder."""
    _only_viewed.clear()
    _judged.clear()


def standing_of(path: Path | str) -> str:
    """The standing of the project whose folder the path is, or is below; else ``trusted``."""
    if _only_viewed:
        text = os.fspath(path)
        if not os.path.isabs(text):  # noqa: PTH117 - a Path would be slower
            text = os.path.abspath(text)  # noqa: PTH100
        for standing, folders in list(_only_viewed.values()):
            if any(text == each or text.startswith(each + os.sep) for each in folders):
                return standing
    return "trusted"


def is_only_viewed(path: Path | str) -> bool:
    """Whether nothing is written at the path."""
    return bool(_only_viewed) and standing_of(path) != "trusted"


def takes_byproducts(path: Path) -> bool:
    """Whether what work leaves in passing, as a line of the log, is written at the path.

    It is written at any time, so also before a call has judged what is at the path by then: what
    came there since the last judgement, as by a move or a link, gets nothing.
    """
    if is_only_viewed(path):
        return False
    text = str(path)
    above = (each for each in list(_judged) if text == each or text.startswith(each + os.sep))
    judged = max(above, key=len, default=None)
    return judged is None or _judged[judged] == _identity(judged)


def refuse_write(path: Path | str) -> None:
    """Raise EROFS where nothing is written at the path."""
    if is_only_viewed(path):
        raise OSError(errno.EROFS, "its folder is not trusted", str(path))


def applies(path: Path | str) -> bool:
    """Whether what is in the file comes into force, or is considered by who decides on that."""
    return _considers.get() or not is_only_viewed(path)


@contextmanager
def considering() -> Iterator[None]:
    """Read settings of a folder that is only viewed, to show what would come into force."""
    token = _considers.set(True)
    try:
        yield
    finally:
        _considers.reset(token)


def _identity(folder: Path | str) -> tuple[int, int] | None:
    """Of what is at the path, be it a link; None for nothing."""
    try:
        found = os.lstat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
