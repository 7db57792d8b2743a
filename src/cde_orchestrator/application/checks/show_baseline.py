"""Show the checks and runners of tests of a project, and try them when a person asks."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.checks.baselines import Baselines, keep_trials
from cde_orchestrator.application.checks.trial_views import trial_views
from cde_orchestrator.application.checks.trial_words import TrialView
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.ports.checks import Watch
from cde_orchestrator.application.ports.core import ProjectRepository, WorkflowRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.feature import CLOSED_STATUSES


class BaselineRow(TypedDict):
    """The checks of a workflow; ``feature`` is the open one that follows it, None for a new one."""

    workflow: str
    feature: str | None
    baseline: list[TrialView]


class BaselineReply(TypedDict):
    """The checks of the default workflow, then those of open features, newest last."""

    project: ProjectView
    rows: list[BaselineRow]


class ShowBaseline(UseCase[BaselineReply], operation="show_baseline"):
    """What gates phases here, how it ended when it was tried, and what waits for a person."""

    def __call__(self, *, features: ProjectFeatures, baselines: Baselines) -> BaselineReply:
        """Raises E004, E310, E311."""
        root = features.root
        project = features.repository.get(root)
        default = features.workflows.load(root).get()
        rows: list[BaselineRow] = [
            {
                "workflow": default.id,
                "feature": None,
                "baseline": trial_views(baselines, default, None, project),
            }
        ]
        for summary in project.features.summaries():
            feature = project.features.by_id(summary.id)
            if feature is None or summary.status in CLOSED_STATUSES:
                continue
            workflow = features.workflow_of(project, feature)
            waiting = features.waiting(project, feature)
            tried = trial_views(baselines, workflow, feature, project, waiting)
            rows.append({"workflow": workflow.id, "feature": feature.name, "baseline": tried})
        return {"project": project_view(project, root, features.repository.backend), "rows": rows}


class TryChecks(UseCase[BaselineReply], operation="try_checks"):
    """Run the checks and runners of a workflow that are trusted, each to its own end.

    Attributes:
        workflow: its name; the default one when None.
        watch: gets what they print.
    """

    workflow: str | None = None
    watch: Watch | None = None

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        sources: ProjectSources,
        baselines: Baselines,
    ) -> BaselineReply:
        """Raises E004, E206, E306, E310, E311."""
        repository.get(root).require_writable()
        workflow = workflows.load(root).get(self.workflow)
        moment = sources.look().moment if workflow.proof is not None else None
        due = [
            subject
            for subject in baselines.subjects(workflow)
            if not baselines.problem(subject) and baselines.trusts(subject)
        ]
        trials = baselines.run(due, moment.tree if moment else None, watch=self.watch)
        with repository.transaction(root) as project:
            keep_trials(project, trials)
        tried = trial_views(baselines, workflow, None, project)
        row: BaselineRow = {"workflow": workflow.id, "feature": None, "baseline": tried}
        return {"project": project_view(project, root, repository.backend), "rows": [row]}
