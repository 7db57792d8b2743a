"""The folder of a project, as callers name it, and what git is told of it."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from cde_orchestrator.domain.exceptions import ProjectError
from cde_orchestrator.domain.text import checked_text

log = structlog.get_logger(__name__)

PATH_LIMIT = 4_096
"""Characters of a project's path: what Linux takes (PATH_MAX)."""

_GITIGNORE = """\
# What belongs to everybody is kept by git; the state and the logs are this machine's.
*
!.gitignore
!config.toml
!workflow.yml
!prompts/
!prompts/**
"""


def project_root(path: Path | str) -> Path:
    """The folder, absolute; the caller's own words are kept in the error.

    Raises:
        ProjectError: E001, E002 or E003, the path is no usable folder.
    """
    try:
        resolved = Path(path).expanduser().resolve()
        checked_text("The project's path", str(resolved), PATH_LIMIT)
        if not resolved.exists():
            raise ProjectError.of("E001", path=str(path))
        if not resolved.is_dir():
            raise ProjectError.of("E002", path=str(path), parent=str(resolved.parent))
        with os.scandir(resolved):
            return resolved
    except PermissionError as error:
        reason = os.strerror(error.errno or 0)
        raise ProjectError.of("E003", path=str(path), reason=reason) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ProjectError.of("E001", path=str(path)) from error


def write_gitignore(folder: Path) -> None:
    """Keep from git what is local to the machine; a project's own file is left alone."""
    try:
        with (folder / ".gitignore").open("x", encoding="utf-8") as file:
            file.write(_GITIGNORE)
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("gitignore_not_written", path=str(folder), reason=str(error))
