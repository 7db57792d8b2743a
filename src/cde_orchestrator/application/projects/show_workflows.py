"""List, show and validate the project's workflows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.phase_prompt import sample_variables
from cde_orchestrator.application.ports.core import PromptRenderer, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.workflow import Workflow, WorkflowCatalog


class WorkflowsReply(TypedDict):
    """The workflows of a project and the file that they come from.

    ``shared`` are, by workflow, the outputs' paths that are the same for every feature.
    """

    source: str
    packaged: bool
    default: str
    workflows: list[dict[str, Any]]
    shared: dict[str, list[str]]


class ShowWorkflows(UseCase[WorkflowsReply], operation="show_workflows"):
    """The project's workflows.

    Attributes:
        name: only this one; all when None.
        packaged: those that come with the product, whatever the project has.
    """

    name: str | None = None
    packaged: bool = False

    def __call__(self, *, root: Path, workflows: WorkflowRepository) -> WorkflowsReply:
        """Raises E306, E310, E311."""
        catalog = workflows.load_packaged() if self.packaged else workflows.load(root)
        wanted = list(catalog.workflows.values())
        return _reply(catalog, wanted if self.name is None else [catalog.get(self.name)])


class ValidateWorkflows(UseCase[WorkflowsReply], operation="validate_workflows"):
    """Check the project's workflow file, and each prompt by filling it in."""

    def __call__(
        self, *, root: Path, workflows: WorkflowRepository, prompts: PromptRenderer
    ) -> WorkflowsReply:
        """Raises E310 to E313 and E325 for what is wrong first."""
        catalog = workflows.load(root)
        for problem in prompt_problems(catalog, prompts, root):
            raise problem
        return _reply(catalog, list(catalog.workflows.values()))


def prompt_problems(
    catalog: WorkflowCatalog, prompts: PromptRenderer, root: Path
) -> Iterator[CDEError]:
    """The prompts that cannot be filled in with what a feature gives: E312, E313 or E325 each."""
    for workflow in catalog.workflows.values():
        for phase in filter(lambda phase: phase.prompt, workflow.phases):
            try:
                prompts.render(root, phase.prompt, sample_variables(workflow, phase))
            except CDEError as error:
                yield error


def _reply(catalog: WorkflowCatalog, workflows: list[Workflow]) -> WorkflowsReply:
    return {
        "source": catalog.source,
        "packaged": catalog.packaged,
        "default": catalog.default,
        "workflows": [workflow.to_dict() for workflow in workflows],
        "shared": {each.id: paths for each in workflows if (paths := each.shared_paths())},
    }
