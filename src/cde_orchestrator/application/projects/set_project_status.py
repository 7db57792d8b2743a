"""Change the project's status."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project import ProjectStatus


class ProjectReply(TypedDict):
    """The project after the change."""

    project: ProjectView


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProjectStatus(UseCase[ProjectReply], operation="set_project_status"):
    """Activate the project, or archive it.

    Attributes:
        status: ``active`` or ``archived``.
    """

    status: str

    def __call__(self, *, root: Path, repository: ProjectRepository) -> ProjectReply:
        """Change it; to the status that it has, nothing is changed.

        Raises:
            CDEError: E004, E005, E206, E305 and the repository's own.
        """
        if self.status not in {status.value for status in ProjectStatus}:
            reason = f"it is {self.status!r}, not active or archived"
            raise ValidationError.of("E305", argument="status", reason=reason)
        with repository.transaction(root) as project:
            project.change_status(ProjectStatus(self.status))
            return {"project": project_view(project, root, repository.backend)}
