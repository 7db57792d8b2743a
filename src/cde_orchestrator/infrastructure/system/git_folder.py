"""Finds the folder that git keeps a repository's own files in, without running git."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cde_orchestrator.infrastructure.system.file_ops import (
    read_bounded,
    refuse_link,
)
from cde_orchestrator.infrastructure.system.tree import (
    guard,
    kind_of,
    names_in,
)

_POINTER_BYTES = 64 * 1024


class Repository(NamedTuple):
    """The repository that a folder lies in.

    Attributes:
        top: the folder of its work tree.
        common: the folder that all its worktrees share.
        inner: where the folder lies below ``top``; ``.`` for itself.
    """

    top: Path
    common: Path
    inner: str


def git_places(folder: Path) -> Iterator[str]:
    """Where ``.git`` of the repository of a folder may be: in it, and in each folder above."""
    text, anchor = str(folder), folder.anchor
    while text != anchor:  # an object for each would take longer than the look at it
        yield f"{text}{os.sep}.git"
        text = text[: max(text.rfind(os.sep), len(anchor))]
    yield f"{anchor}.git"


def repository_of(root: Path) -> Repository | None:
    """The repository of the folder; None where there is none.

    Raises:
        OSError: EXDEV or ELOOP, ``.git`` leads where git did not lead it, or ENOENT, nowhere; or
            what the system says.
    """
    for place in git_places(root):
        if not os.path.lexists(place):  # most folders: there, nothing is followed
            continue
        git = Path(place)
        top = git.parent
        try:
            folder = _git_folder(git)
        except OSError as error:
            error.filename = str(git)
            raise
        if folder is not None:
            common = folder.parents[1] if _is_worktree(folder, git) else folder
            guard(common)  # that of a bare repository has any name
            return Repository(top, common, root.relative_to(top).as_posix())
    return None


def worktrees_of(common: Path) -> Iterator[Path]:
    """The folders that git knows as worktrees of the repository, whether they exist or not."""
    if common.name == ".git":
        yield common.parent
    for name in names_in(common / "worktrees"):
        pointer = common / "worktrees" / name / "gitdir"
        with suppress(OSError, ValueError):
            named = os.fsdecode(read_bounded(pointer, _POINTER_BYTES)).strip()
            yield (pointer.parent / named).parent


def _git_folder(git: Path) -> Path | None:
    """The folder that a repository keeps its own files in; None where there is no repository.

    ``.git`` is a file in a linked worktree and in a submodule (gitrepository-layout). Such a
    file comes with any archive, so it is followed only where git itself has made the folder
    for it: one that names this file, or one of the submodules of a repository around it.

    Raises:
        OSError: ELOOP, ``.git`` is a link; EXDEV, it names a folder that is not its own, or
            ENOENT, a worktree's that does not exist; or what the system says.
    """
    kind = kind_of(git)
    if not kind:
        return None
    if kind == stat.S_IFLNK:
        refuse_link(git)
    if kind == stat.S_IFDIR:
        return git if kind_of(git / "HEAD") else None
    pointer = os.fsdecode(read_bounded(git, _POINTER_BYTES)).removeprefix("gitdir:").strip()
    named = Path(os.path.realpath(git.parent / pointer))
    around = (_git_folder(folder / ".git") for folder in git.parent.parents)
    if named.parent.name == "worktrees" and not os.path.lexists(named):
        raise OSError(errno.ENOENT, "it names a folder that does not exist", str(git))
    if not _is_worktree(named, git):
        outer = next((folder for folder in around if folder is not None), None)
        if outer is None or Path(os.path.realpath(outer), "modules") not in named.parents:
            raise OSError(errno.EXDEV, "it names a folder that does not belong to it", str(git))
    return named if kind_of(named / "HEAD") else None


def _is_worktree(folder: Path, git: Path) -> bool:
    """Whether git keeps the files of the linked worktree with this ``.git`` in the folder."""
    pointer = folder / "gitdir"
    if folder.parent.name != "worktrees" or not kind_of(pointer):
        return False
    back = os.fsdecode(read_bounded(pointer, _POINTER_BYTES)).strip()
    return os.path.realpath(folder / back) == os.path.realpath(git)
