"""Show the project: where it is, how it is, how many features it has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.checks.baselines import TRIALS, Baselines
from cde_orchestrator.application.checks.trial_views import trial_views
from cde_orchestrator.application.checks.trial_words import TrialView
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.project_facts import conventions_in


class WorkflowSummary(TypedDict):
    """A workflow's name, what it is for and its phases."""

    id: str
    description: str
    phases: list[str]


class ProjectInfoReply(TypedDict):
    """The project at a glance; ``home`` is the folder, maybe another worktree's, with the state.

    ``baseline`` is how the default workflow's checks and runners of tests ended when they were
    tried last, and whether one waits for a person.
    """

    project: ProjectView
    home: str
    features: dict[str, int]
    open_features: int
    facts: dict[str, Any]
    baseline: list[TrialView]
    default_workflow: str | None
    workflows: list[WorkflowSummary]
    workflow_problem: str | None
    read_only_reason: str | None
    read_only_since: str | None


class GetProjectInfo(UseCase[ProjectInfoReply], operation="get_project_info"):
    """The project, its features by status, its facts and its workflows.

    A broken workflow file is reported, and does not fail the answer.
    """

    def __call__(
        self,
        *,
        root: Path,
        home: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        baselines: Baselines,
    ) -> ProjectInfoReply:
        """Raises E001 to E004."""
        project = repository.get(root)
        since = project.read_only_since
        counts = Counter(summary.status for summary in project.features.summaries())
        catalog, problem = None, None
        try:
            catalog = workflows.load(root)
        except CDEError as error:
            problem = f"{error.code}: {error.message}"
        return {
            "project": project_view(project, root, repository.backend),
            "home": str(home),
            "features": dict(sorted(counts.items())),
            "open_features": sum(
                count for status, count in counts.items() if status not in CLOSED_STATUSES
            ),
            "facts": {
                **{key: it for key, it in project.metadata.items() if key != TRIALS},
                **conventions_in(project.metadata, believed=project.trust == "trusted"),
            },
            "baseline": trial_views(baselines, catalog.get(), None, project) if catalog else [],
            "default_workflow": catalog.default if catalog else None,
            "workflows": [
                {"id": w.id, "description": w.description, "phases": [p.id for p in w.phases]}
                for w in (catalog.workflows.values() if catalog else ())
            ],
            "workflow_problem": problem,
            "read_only_reason": project.read_only_reason,
            "read_only_since": since.isoformat() if since else None,
        }
