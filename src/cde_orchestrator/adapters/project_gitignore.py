"""What git is told of a project's state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import structlog

from cde_orchestrator.infrastructure.state_files import FOLDER

log = structlog.get_logger(__name__)

_SHARED = (".gitignore", "config.toml", "workflow.yml", "prompts/")
"""What in the folder is for version control."""
_GITIGNORE = """\
# What belongs to everybody is kept by git; the state and the logs are this machine's.
*
!.gitignore
!config.toml
!workflow.yml
!prompts/
!prompts/**
"""
LOCAL_FOLDERS = (
    *("backups", "breakers", "errors", "logs", "objects", "quarantine", "runs", "worktrees"),
)
"""Folders of this machine; each gets a list of its own, which no branch is without."""
_SPECIAL = re.compile(r"[\\*?\[ ]")
"""Characters that mean something in a pattern (gitignore)."""


def write_gitignore(root: Path) -> None:
    """List what is local to the machine for everybody; a project's own file is left alone."""
    _write_new(root / FOLDER / ".gitignore", _GITIGNORE)


def keep_from_git(root: Path) -> None:
    """Keep from git what is local to the machine, on every branch; what stands is left alone.

    The list that everybody has is a file of the project, and a branch from before it lacks it.
    There the repository's own list holds, and that of each local folder.
    """
    folder = root / FOLDER
    for name in LOCAL_FOLDERS:
        local = folder / name
        if local.is_dir() and not local.is_symlink():
            _write_new(local / ".gitignore", "*\n")
    for exclude, inner in exclude_files(root):
        try:
            _exclude(exclude, root, inner)
        except (OSError, ValueError) as error:
            log.warning("git_exclude_not_written", path=str(exclude), reason=str(error))


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("gitignore_not_written", path=str(path.parent), reason=str(error))


def exclude_files(root: Path) -> Iterator[tuple[Path, str]]:
    """The repository's own list of what is ignored, and where in its files the project lies."""
    for top in (root, *root.parents):
        common = _common_folder(top / ".git")
        if common is not None:
            exclude = common / "info" / "exclude"
            if exclude.is_file() or not exclude.exists():
                yield exclude, root.relative_to(top).as_posix()
            return


def _common_folder(git: Path) -> Path | None:
    """The folder that all worktrees of a repository share; None where there is no repository.

    ``.git`` is a file in a linked worktree and in a submodule (gitrepository-layout).
    """
    try:
        if git.is_file():
            git = git.parent / git.read_text().removeprefix("gitdir:").strip()
        if not (git / "HEAD").exists():
            return None
        pointer = git / "commondir"
        return git / pointer.read_text().strip() if pointer.is_file() else git
    except (OSError, ValueError) as error:
        log.warning("git_folder_unreadable", path=str(git), reason=str(error))
        return None


def _exclude(exclude: Path, root: Path, inner: str) -> None:
    if len(str(root).splitlines()) != 1:
        raise ValueError("a path of more than one line cannot be listed")
    present = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    lines = present.splitlines()
    prefix = "/" if inner == "." else "/" + _SPECIAL.sub(r"\\\g<0>", inner) + "/"
    patterns = [f"{prefix}{FOLDER}/*", *(f"!{prefix}{FOLDER}/{name}" for name in _SHARED)]
    wanted = [] if note_for(root) in lines else [note_for(root)]
    if not set(patterns) <= set(lines):  # the last one that fits decides, so all of them
        wanted += patterns
    if wanted:
        exclude.parent.mkdir(exist_ok=True)
        separator = "\n" if present and not present.endswith("\n") else ""
        with exclude.open("a", encoding="utf-8") as file:
            file.write(separator + "\n".join(wanted) + "\n")


def note_for(root: Path) -> str:
    """The line that says for which folder of this machine the list is."""
    return f"# The state of CDE Orchestrator for {root}"
