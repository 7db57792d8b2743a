"""What git lists of a project, and why it does not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cde_orchestrator.adapters.git.git_process import Git, GitError
from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, FeatureError
from cde_orchestrator.infrastructure.paths import FOLDER

_NO_REPOSITORY = "not a git repository"
_BARE = "cannot use bare repository"
_NO_COMMIT = "'HEAD'"


def is_own(path: str) -> bool:
    """Whether it is one of the product's own files."""
    return FOLDER in path and FOLDER in path.split("/")


def without_own(paths: Iterable[str]) -> list[str]:
    """Without the product's own."""
    return [path for path in paths if not is_own(path)]


def names_in(listed: bytes) -> list[str]:
    """The entries of a list whose entries end with NUL."""
    return [entry for entry in os.fsdecode(listed).split("\0") if entry]


def folder_inside(git: Git) -> str:
    """The project's folder in the repository; ``.`` for all of it; raises as ``Git.output``."""
    return os.fsdecode(git.output("rev-parse", "--show-prefix")).rstrip("\n").rstrip("/") or "."


@contextmanager
def saying_why(root: Path) -> Iterator[None]:
    """Say why git cannot compare a project's files.

    Raises:
        FeatureError: E136.
    """
    try:
        yield
    except (OSError, CircuitBreakerOpenError) as error:
        reason = error.reason if isinstance(error, GitError) else str(error)
        if _NO_REPOSITORY in reason:
            reason = "the project is in no git repository"
        elif _BARE in reason:
            reason = "it is a bare repository, without a work folder: clone it and use the clone"
        elif _NO_COMMIT in reason:
            reason = "the repository has no commit yet"
        raise FeatureError.of("E136", path=str(root), reason=reason) from error
