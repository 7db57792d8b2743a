"""The folder of a project, as callers name it, and what git is told of it."""

from __future__ import annotations

from pathlib import Path

import structlog

from cde_orchestrator.infrastructure.folders import folder_at

log = structlog.get_logger(__name__)

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
        ValidationError: E302, E303 or E305, it is no path.
    """
    return folder_at(path)


def write_gitignore(folder: Path) -> None:
    """Keep from git what is local to the machine; a project's own file is left alone."""
    try:
        with (folder / ".gitignore").open("x", encoding="utf-8") as file:
            file.write(_GITIGNORE)
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("gitignore_not_written", path=str(folder), reason=str(error))
