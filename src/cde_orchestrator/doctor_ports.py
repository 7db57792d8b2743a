"""Who examines a project: the place that names the concrete adapters for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cde_orchestrator.adapters.doctor.project import ProjectDoctor
from cde_orchestrator.adapters.git.git_process import git_output
from cde_orchestrator.adapters.repositories.gitignore import no_project
from cde_orchestrator.application.ports import core
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.standing import Standing


def doctor_of(
    repository: Any,
    workflows: core.WorkflowRepository,
    prompts: core.PromptRenderer,
    files: core.ProjectFiles,
    standing: Callable[[], Standing],
    unready: Callable[[Project], Iterator[CDEError]],
    *,
    database: Any = None,
) -> core.Doctor:
    """Who examines the project's folder, and the database where it is kept in one."""
    of_folder = ProjectDoctor(
        repository,
        workflows=workflows,
        prompts=prompts,
        files=files,
        git=git_output,
        missing=no_project,
        standing=standing,
        unready=unready,
    )
    if database is None:
        return of_folder
    from cde_orchestrator.adapters.doctor.postgres import PostgresDoctor

    return PostgresDoctor(database, of_folder)
