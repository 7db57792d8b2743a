"""What git is told of a project's state."""

from __future__ import annotations

from pathlib import Path

import structlog

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


def write_gitignore(folder: Path) -> None:
    """Keep from git what is local to the machine; a project's own file is left alone."""
    try:
        with (folder / ".gitignore").open("x", encoding="utf-8") as file:
            file.write(_GITIGNORE)
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("gitignore_not_written", path=str(folder), reason=str(error))
