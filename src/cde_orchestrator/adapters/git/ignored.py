"""Files that git ignores, and that somebody wrote: work that nobody else will see."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cde_orchestrator.infrastructure.system.tree import guard, names_in, status_of

LOOKED_AT = 5_000
"""Files and folders that are looked at; what is beyond them is not named."""
_MADE = frozenset({"__pycache__", "node_modules"})
"""Folders that tools fill, as are those whose name begins with a dot."""


def written_since(root: Path, ignored: Iterable[str], moment: datetime) -> list[str]:
    """The files among what git ignores that were written after a moment.

    Args:
        root: the folder that paths are relative to.
        ignored: paths of files and folders.
        moment: an aware time.
    """
    guard(root)
    budget = iter(range(LOOKED_AT))
    return sorted(
        path
        for each in ignored
        for path in _written(root, each.rstrip("/"), moment.timestamp(), budget)
    )


def _written(root: Path, path: str, after: float, budget: Iterator[int]) -> Iterator[str]:
    name = path.rpartition("/")[2]
    if name.startswith(".") or name in _MADE or next(budget, None) is None:
        return
    try:
        found = status_of(root / path)
    except OSError:
        return
    if stat.S_ISDIR(found.st_mode):
        for each in names_in(root / path):
            yield from _written(root, f"{path}/{each}", after, budget)
    elif stat.S_ISREG(found.st_mode) and found.st_mtime > after:
        yield path
