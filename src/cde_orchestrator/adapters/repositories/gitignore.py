"""What git ignores of a project's state; it shows, too, where a project's state is gone."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from cde_orchestrator.domain.exceptions import ProjectError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project_paths import SHARED
from cde_orchestrator.infrastructure.paths import FOLDER, LOG_FILE
from cde_orchestrator.infrastructure.system.file_ops import (
    ORDINARY,
    OsFileOps,
    make_ordinary_folder,
    open_new,
    open_regular,
    open_to_read,
    read_bounded,
    write_all,
)
from cde_orchestrator.infrastructure.system.git_folder import repository_of
from cde_orchestrator.infrastructure.system.tree import (
    is_file,
    is_folder,
    names_in,
)

log = get_logger(__name__)

_GITIGNORE = """\
# Shared files are kept by git; the state and the logs belong to this machine.
*
!.gitignore
!config.toml
!workflow.yml
!rules.md
!prompts/
!prompts/**
"""
_LOCAL_FOLDERS = (
    *("backups", "breakers", "errors", "logs", "objects", "quarantine", "runs", "worktrees"),
)
"""Folders of this machine; each gets a list of its own, which no branch is without."""
_MADE_BY_PROJECTS = ("objects", "runs", "worktrees")
"""Folders that no command makes before there is a project. Reports and logs of errors come into
a fresh clone as well, and ``quarantine`` may be what is left of a beginning that failed."""
_LOG_BYTES = 256 * 1024
_PROJECT_IN_LOG = b'"project_id"'
_ODD = re.compile(r"[^\w /.,+@-]")
"""Characters that mean something to git, to a shell, or to whoever else reads the list."""
_LIST_BYTES = 1024 * 1024


def write_gitignore(root: Path) -> None:
    """List what is local to the machine for everybody; a project's own file is left alone."""
    _write_new(root / FOLDER / ".gitignore", _GITIGNORE)


def keep_from_git(root: Path, home: Path) -> None:
    """Keep from git what is local to the machine, on every branch; what exists is left alone.

    The list that everybody has is a file of the project, and a branch from before it lacks it.
    There the repository's own list holds, and that of each local folder, which are in ``home``.
    """
    folder = home / FOLDER
    for name in _LOCAL_FOLDERS:
        local = folder / name
        if is_folder(local):
            _write_new(local / ".gitignore", "*\n")
    found = _exclude_file(root)
    if found is not None:
        try:
            _exclude(found[0], root, found[1])
        except (OSError, ValueError) as error:
            log.warning("git_exclude_not_written", path=str(found[0]), reason=str(error))


def _write_new(path: Path, text: str) -> None:
    try:
        with open_new(path, ORDINARY) as file:
            file.write(text.encode())
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("gitignore_not_written", path=str(path.parent), reason=str(error))


def _exclude_file(root: Path) -> tuple[Path, str] | None:
    """The repository's own list of what is ignored, and where in its files the project lies."""
    try:
        found = repository_of(root)
    except (OSError, ValueError) as error:
        git = getattr(error, "filename", None) or root / ".git"
        log.warning("git_folder_unreadable", path=str(git), reason=str(error))
        return None
    return None if found is None else (found.common / "info" / "exclude", found.inner)


def _listed_in(exclude: Path) -> str:
    """What the list says, which may be nothing yet.

    Raises:
        OSError: it or its folder is a link, no ordinary file, or too large.
        ValueError: it is not UTF-8.
    """
    try:
        return read_bounded(exclude, _LIST_BYTES).decode()
    except FileNotFoundError:
        return ""


def _exclude(exclude: Path, root: Path, inner: str) -> None:
    present = _listed_in(exclude)
    lines = present.splitlines()
    prefix = "/" if inner == "." else "/" + _any_odd(inner).replace(" ", "\\ ") + "/"
    patterns = [f"{prefix}{FOLDER}/*", *(f"!{prefix}{FOLDER}/{name}" for name in SHARED)]
    wanted = [] if _note_for(root) in lines else [_note_for(root)]
    if not set(patterns) <= set(lines):  # the last one that fits decides, so all of them
        wanted += patterns
    if wanted:
        make_ordinary_folder(exclude.parent)
        separator = "\n" if present and not present.endswith("\n") else ""
        descriptor = open_regular(exclude, os.O_WRONLY | os.O_APPEND | os.O_CREAT, ORDINARY)
        try:
            write_all(OsFileOps(), descriptor, (separator + "\n".join(wanted) + "\n").encode())
        finally:
            os.close(descriptor)


def _any_odd(path: str) -> str:
    """A pattern for the path, with any byte in the place of each byte of an odd character."""
    return _ODD.sub(lambda found: "?" * len(os.fsencode(found[0])), path)


def _note_for(root: Path) -> str:
    """The line that says for which folder of this machine the list is."""
    name = _ODD.sub(lambda found: quote(os.fsencode(found[0])), str(root))
    return f"# The state of CDE Orchestrator for {name}"


def no_project(root: Path) -> ProjectError:
    """E004; E007 where its state is gone, and E008 where the repository is."""
    traces = traces_of_project(root)
    if traces:
        return ProjectError.of("E007", path=str(root), traces=", ".join(traces))
    try:
        repository_of(root)
    except FileNotFoundError as error:  # of a worktree whose repository was moved
        return ProjectError.of("E008", path=str(root), git=str(error.filename))
    except (OSError, ValueError):
        pass  # git has nothing to do with the folder
    return ProjectError.of("E004", path=str(root))


def traces_of_project(root: Path) -> list[str]:
    """What shows that a project was worked on here: files of this machine, and git's own list."""
    folder = root / FOLDER
    found = [f"{FOLDER}/{name}" for name in _LOCAL_FOLDERS if _is_local(folder / name)]
    if is_file(folder / "judged.json"):
        found.append(f"{FOLDER}/judged.json")
    if _names_project(root / LOG_FILE):
        found.append(str(LOG_FILE))
    listed = _exclude_file(root)
    if listed is not None:
        with suppress(OSError, ValueError):
            if _note_for(root) in _listed_in(listed[0]).splitlines():
                found.append(str(listed[0]))
    return found


def _is_local(folder: Path) -> bool:
    if is_file(folder / ".gitignore"):
        return True
    return folder.name in _MADE_BY_PROJECTS and bool(names_in(folder))


def _names_project(log: Path) -> bool:
    with suppress(OSError), open_to_read(log) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
        return _PROJECT_IN_LOG in file.read()
    return False
