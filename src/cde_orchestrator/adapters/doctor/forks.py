"""Examines whether a project has two histories, which is a fork and no damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.forks import find_fork, kept_sides, path_of, side_in
from cde_orchestrator.storage.format.files import StateFiles


def open_forks(stored: StateFiles) -> Iterator[CDEError]:
    """The sides that nobody has decided about; their files are judged by others."""
    for path, kept in kept_sides(stored, OsFileOps()).items():
        side = side_in(path, kept)
        if side.is_open:
            yield _forked(side.followed_at, kept.sequence, path.name, side.after)


def found_now(stored: StateFiles) -> list[CDEError]:
    """What is in the files since the last command; the next one keeps each side by itself."""
    try:
        fork = find_fork(stored, OsFileOps())
    except OSError:  # a file that cannot be read is a finding by itself
        return []
    if fork is None:
        return []
    return [
        _forked(
            fork.followed.sequence,
            side.sequence,
            path_of(stored, side.sequence, side.checksum).name,
            side.origin[0] if side.origin else None,
        )
        for side in fork.others
    ]


def forked_in(damaged: Sequence[Damage], stored: StateFiles) -> set[str]:
    """Which of these files are no damage, but the other side of a fork that is found now."""
    sides = {fork.context["backup"] for fork in found_now(stored)} if damaged else set()
    return {damage.file for damage in damaged if Path(damage.file).name in sides}


def _forked(own: int, other: int, backup: str, after: int | None) -> CDEError:
    origin = f"; they forked after change {after}" if after is not None else ""
    return StateError.of("E222", own=own, other=other, backup=backup, origin=origin)
