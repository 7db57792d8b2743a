"""Onboard a project: make its state, find out what it is made of, activate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.text import checked_text

NAME_LIMIT = 100
"""Characters of a project's name."""


class OnboardReply(TypedDict):
    """The project, what was found, and what was made; nothing when it stood already."""

    project: ProjectView
    already_onboarded: bool
    facts: dict[str, Any]
    created: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardProject(UseCase[OnboardReply]):
    """Take the folder into the product's care; done twice, it changes nothing.

    Attributes:
        name: the project's name; the folder's when None.
        new: begin one also where the state of an earlier one is gone.
    """

    name: str | None = None
    new: bool = False

    def __call__(self, ports: Ports) -> OnboardReply:
        """Onboard it.

        Raises:
            CDEError: E001 to E003, E007, E206, E302 to E304, E310, E311 and the repository's own.
        """
        name = self._checked_name()
        ports.workflows.load(ports.root)  # a broken file is told before anything is made
        project = ports.repository.get_or_create(ports.root, name, new=self.new)
        created: list[str] = []
        before = project.status
        if before is ProjectStatus.ONBOARDING:
            project, created = self._take_over(ports)
        return {
            "project": project_view(project, ports),
            "already_onboarded": before is not ProjectStatus.ONBOARDING,
            "facts": {
                key: project.metadata.get(key)
                for key in ("languages", "package_manager", "test_command", "git")
            },
            "created": created,
        }

    def _take_over(self, ports: Ports) -> tuple[Project, list[str]]:
        facts = ports.inspector.inspect(ports.root)
        wrote = ports.workflows.write_default(ports.root, facts.test_command)
        with ports.repository.transaction(ports.root) as project:
            project.metadata = {**project.metadata, **facts.to_metadata()}
            project.activate()
        return project, [".cde/workflow.yml"] if wrote else []

    def _checked_name(self) -> str | None:
        if self.name is None:
            return None
        stripped = checked_text("name", self.name, NAME_LIMIT).strip()
        if not stripped or not stripped.isprintable():
            reason = "it must be one line of visible text"
            raise ValidationError.of("E305", argument="name", reason=reason)
        return stripped
