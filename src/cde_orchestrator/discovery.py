"""Which project a folder belongs to."""

from __future__ import annotations

import os
from pathlib import Path

from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system import acting_files
from cde_orchestrator.infrastructure.system.project_path import holds_everything
from cde_orchestrator.infrastructure.trust.judge import FolderTrust


def find_project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a project, else ``start``.

    The repository that ``start`` is in is not left, and no folder that holds all projects, or
    that belongs to somebody else, is found from below.
    """
    return _discovered(start)[0]


def project_passed_over(start: Path) -> Standing | None:
    """That of the project above ``start`` that is not taken, as it is another owner's."""
    return _discovered(start)[1]


def _discovered(start: Path) -> tuple[Path, Standing | None]:
    resolved = start.expanduser().resolve()
    for folder in (resolved, *resolved.parents):
        if folder != resolved and holds_everything(folder):
            break
        if is_set_up(folder):
            if (
                folder != resolved
                and acting_files.foreign_owner(folder, folder / FOLDER) is not None
            ):
                standing = FolderTrust().standing(folder)
                if standing.kind == "foreign_owner":
                    return resolved, standing
            return folder, None
        if os.path.lexists(folder / ".git"):
            break
    return resolved, None


def is_set_up(folder: Path) -> bool:
    """Whether a project is in the folder, or was, as what is kept elsewhere says."""
    if os.path.isdir(folder / FOLDER):  # noqa: PTH112 - False too where nobody may look
        return True
    from cde_orchestrator.storage.format.vault import is_known

    return is_known(folder)
