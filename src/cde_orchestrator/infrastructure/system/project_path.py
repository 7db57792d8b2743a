"""From a path that people and agents give to a folder, or to the reason why it is none."""

from __future__ import annotations

import os
from pathlib import Path

from cde_orchestrator.domain.exceptions import ProjectError, ValidationError
from cde_orchestrator.domain.text import checked_text

PATH_LIMIT = 4_096
"""Characters of a project's path: what Linux takes (PATH_MAX)."""

_FIELD = "The project's path"


def folder_at(path: Path | str, *, base: Path | None = None, create: bool = False) -> Path:
    """The folder at ``path``, absolute, links followed; it can be listed.

    Args:
        path: ``~`` at its beginning is the user's home.
        base: what it is relative to; the current folder by default.
        create: make it where it is missing, with its parents.

    Raises:
        ProjectError: E001 there is none, E002 a file is in its way, E003 the system refuses.
        ValidationError: E302 the path is too long, E303 it cannot be stored as text, E305 it is
            empty.
    """
    if not str(path):
        reason = "it is empty; '.' is the current folder"
        raise ValidationError.of("E305", argument="path", reason=reason)
    checked_text(_FIELD, str(path), PATH_LIMIT)
    try:
        named = (base or Path()) / Path(path).expanduser()
        resolved = Path(os.path.realpath(named))
        checked_text(_FIELD, str(resolved), PATH_LIMIT)
        if create:
            resolved.mkdir(parents=True, exist_ok=True)
        with os.scandir(resolved):
            return resolved
    except FileNotFoundError as error:
        raise ProjectError.of("E001", path=str(path)) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise _file_in_the_way(path, base) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: nobody's home, a link to itself
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else str(error)
        raise ProjectError.of("E003", path=str(path), reason=reason.rstrip(".")) from error


def holds_everything(folder: Path) -> bool:
    """Whether it is the root of the file system or this user's home, which hold all projects."""
    try:
        home = Path.home().resolve()
    except (OSError, RuntimeError):  # nobody's home
        home = None
    return folder in {home, Path(folder.anchor)}


def require_narrow(folder: Path) -> None:
    """Refuse a project in a folder that holds all others, unless somebody named it.

    Raises:
        ValidationError: E305.
    """
    if holds_everything(folder):
        reason = f"{folder} holds all your projects; name the folder that is meant in full"
        raise ValidationError.of("E305", argument="path", reason=reason)


def require_below(folder: Path, start: Path) -> None:
    """Refuse a folder that is not in the one in which somebody started a server.

    Where that one holds a user's home, so are what is hidden in it: keys and settings are there.

    Raises:
        ValidationError: E305.
    """
    reason = None
    if not folder.is_relative_to(start):
        reason = f"{folder} is not below {start}, where this server was started"
    elif holds_everything(start) and any(
        part.startswith(".") for part in folder.relative_to(start).parts
    ):
        reason = f"{folder} is hidden, and may hold keys or settings"
    if reason is not None:
        reason += "; a person can start a server for it: cde serve --project PATH"
        raise ValidationError.of("E305", argument="path", reason=reason)


def _file_in_the_way(path: Path | str, base: Path | None) -> ProjectError:
    """E002, with the file that is meant and the folder that it lies in."""
    named = Path(os.path.abspath((base or Path()) / Path(path).expanduser()))  # noqa: PTH100
    file = next((each for each in (named, *named.parents) if each.is_file()), named)
    shown = path if file == named else file
    return ProjectError.of("E002", path=str(shown), parent=str(file.parent))
