"""Distinguishes a folder that never held a project from one whose state is gone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cde_orchestrator.adapters.repositories.gitignore import (
    LOCAL_FOLDERS,
    exclude_files,
    listed_in,
    note_for,
)
from cde_orchestrator.domain.exceptions import ProjectError
from cde_orchestrator.infrastructure.observability.logs.setup import LOG_FILE
from cde_orchestrator.infrastructure.paths import FOLDER

_MADE_BY_PROJECTS = ("objects", "runs", "worktrees")
"""Folders that no command makes before there is a project. Reports and logs of errors come into
a fresh clone as well, and ``quarantine`` may be what is left of a beginning that failed."""
_LOG_BYTES = 256 * 1024
_PROJECT_IN_LOG = b'"project_id"'


def no_project(root: Path) -> ProjectError:
    """E004; E007 where a project was on this machine and its state is gone."""
    traces = traces_of_project(root)
    if traces:
        return ProjectError.of("E007", path=str(root), traces=", ".join(traces))
    return ProjectError.of("E004", path=str(root))


def traces_of_project(root: Path) -> list[str]:
    """What shows that a project was worked on here: files of this machine, and git's own list."""
    folder = root / FOLDER
    found = [f"{FOLDER}/{name}" for name in LOCAL_FOLDERS if _is_local(folder / name)]
    if (folder / "judged.json").is_file():
        found.append(f"{FOLDER}/judged.json")
    if _names_project(root / LOG_FILE):
        found.append(str(LOG_FILE))
    for exclude, _ in exclude_files(root):
        with suppress(OSError, ValueError):
            if note_for(root) in listed_in(exclude).splitlines():
                found.append(str(exclude))
    return found


def _is_local(folder: Path) -> bool:
    try:
        if (folder / ".gitignore").is_file():
            return True
        return folder.name in _MADE_BY_PROJECTS and any(folder.iterdir())
    except OSError:
        return False


def _names_project(log: Path) -> bool:
    with suppress(OSError):
        if log.is_file():
            with log.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
                return _PROJECT_IN_LOG in file.read()
    return False
