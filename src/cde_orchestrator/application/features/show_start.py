"""What a person chooses from who starts a feature."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.fit_views import FitView
from cde_orchestrator.application.ports.agents import Agents
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.fitting import fitting


class WorkflowChoice(TypedDict):
    """A workflow in short, with its phases in their order."""

    name: str
    description: str
    phases: list[str]


class StartChoices(TypedDict):
    """The workflows, the default one, and the agents whose programs are found here.

    ``fits`` is the workflow that fits the goal; None while no rule names one that there is.
    """

    workflows: list[WorkflowChoice]
    default: str
    agents: list[str]
    fits: FitView | None


class ShowStart(UseCase[StartChoices], operation="show_start", routine=True):
    """The choices of a start.

    Attributes:
        goal: as far as it is written by now.
    """

    goal: str = ""

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        agents: Agents,
    ) -> StartChoices:
        """Raises E004, E310 and E311."""
        project, catalog = repository.get(root), workflows.load(root)
        has_tests = bool(project.metadata.get("test_command"))
        advice = fitting(self.goal, has_tests=has_tests) if self.goal.strip() else None
        fits: FitView | None = None
        if advice is not None and advice.workflow in catalog.workflows:
            fits = {"workflow": advice.workflow, "why": advice.why}
        return {
            "workflows": [
                {
                    "name": each.id,
                    "description": each.description,
                    "phases": [phase.id for phase in each.phases],
                }
                for each in catalog.workflows.values()
            ],
            "default": catalog.default,
            "agents": _found(agents),
            "fits": fits,
        }


def _found(agents: Agents) -> list[str]:
    """The agents that could be started here; none where their definitions are not valid."""
    try:
        known = agents.definitions()
    except ValidationError:  # whoever runs one is told
        return []
    return [name for name, agent in known.items() if agents.is_installed(agent)]
