"""From a command's options to the product for one project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.bootstrap import Application, build_application, stated_at
from cde_orchestrator.cli.console.output import print_to_stderr
from cde_orchestrator.discovery import find_project_root
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.observability.logs.setup import (
    log_file,
    log_to_project,
    setup_logging,
    setup_project_logging,
)
from cde_orchestrator.infrastructure.paths import FOLDER, STATE
from cde_orchestrator.infrastructure.settings.settings import load_settings
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.tree import is_file

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cde_orchestrator.cli.console.wording import RenderTarget


@contextmanager
def application_at(root: Path) -> Iterator[Application]:
    """The product for the project at ``root``, closed at the end."""
    application = build_application(root)
    _ = application.standing  # before anything is logged
    log_to_project(root)
    try:
        yield application
    except CDEError as error:
        error.context.setdefault("project_path", str(root))
        raise
    finally:
        words = application.notice()
        application.close()
        _say_once(words)


def _say_once(words: str | None) -> None:
    """Print what a person has to decide about the project, unless this call said it before."""
    said = call_context().said
    if words is not None and words not in said:
        said.add(words)
        print_to_stderr(f"! {words}\n")


def configure_logging(root: Path) -> None:
    """Log to the project's log and to standard error, as its settings say.

    Settings that are not valid are reported by the project's first use case, not here.
    """
    try:
        settings = load_settings(root)
    except ValidationError:
        setup_logging("INFO", str(log_file(root)))
    else:
        setup_project_logging(root, settings)


def project_root(project: Path | None) -> Path:
    """The project that is meant: the folder named, else the nearest parent with a project.

    Raises:
        ProjectError: E001 to E003, it is no usable folder.
        ValidationError: E303, its path is not UTF-8.
    """
    if project is not None:
        return folder_at(project)
    folder_at(Path())  # the current folder may be removed, or not be readable
    return folder_at(find_project_root(Path()))


def found_elsewhere(project: Path | None, _: RenderTarget) -> RenderableType | None:
    """Which project a command is about, where that is not the folder named, or at hand, alone."""
    root = project_root(project)
    is_obvious = project is not None or root == Path.cwd()
    if is_obvious and is_file(root / FOLDER / STATE):
        return None
    from cde_orchestrator.cli.console.layout import note  # noqa: PLC0415 - no JSON needs it

    name, home = stated_at(root)
    if home != root:
        return note(f"project {name} at {root}, its state in {home}")
    return None if is_obvious else note(f"project {name} at {root}")
