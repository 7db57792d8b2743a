"""Onboard a project: make its state, find out what it is made of, activate it; archive it later."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.checks.baselines import Baselines, keep_trials
from cde_orchestrator.application.checks.trial_views import trial_views
from cde_orchestrator.application.checks.trial_words import TrialView
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.core import (
    ProjectInspector,
    ProjectRepository,
    WorkflowRepository,
)
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ProjectView, project_view
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.project import NAME_LIMIT, ProjectStatus
from cde_orchestrator.domain.project_facts import conventions_in
from cde_orchestrator.domain.text import checked_line
from cde_orchestrator.domain.workflow import ProofRule, RunnerSetting


class OnboardReply(TypedDict):
    """The project, what was found, and what was made; nothing when it stood already.

    ``proof`` is what the default workflow says of proofs, and ``runners`` what it says runs them;
    ``baseline`` is how its checks and runners of tests ended when they were tried. ``packaging``
    says why the project cannot be installed once features have records; empty where it can.
    """

    project: ProjectView
    already_onboarded: bool
    facts: dict[str, Any]
    proof: str | None
    runners: list[str]
    baseline: list[TrialView]
    created: list[str]
    packaging: str


class OnboardProject(UseCase[OnboardReply], operation="onboard_project"):
    """Take the folder into the product's care; done twice, it changes nothing.

    Attributes:
        name: the project's name; the folder's when None.
        new: begin one also where the state of an earlier one is gone.
    """

    name: str | None = None
    new: bool = False

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        inspector: ProjectInspector,
        git: VersionControl,
        proving: Proving,
        baselines: Baselines,
    ) -> OnboardReply:
        """Raises E001 to E003, E007, E008, E206, E302 to E304, E310, E311."""
        name = None if self.name is None else checked_line("name", self.name, NAME_LIMIT)
        if not self.new:  # which may have to make the folder in the place of something else
            workflows.load(root)  # a broken file is reported before anything is made
        project = repository.get_or_create(root, name, new=self.new)
        created: list[str] = []
        before = project.status
        if before is ProjectStatus.ONBOARDING:
            facts = inspector.inspect(root)
            runners = proving.runners.detect(root)
            can_prove = bool(runners) and git.changes(root) is not None
            proof: ProofRule = "required" if can_prove else "recorded"
            if workflows.write_default(root, facts.test_command, proof, runners):
                created = [".cde/workflow.yml"]
            with repository.transaction(root) as project:
                project.metadata = {**project.metadata, **facts.to_metadata()}
                project.activate()
        workflow = workflows.load(root).get()
        if before is ProjectStatus.ONBOARDING and (due := baselines.plan(workflow, None, None).due):
            trials = baselines.run(due, None, seconds=baselines.seconds)
            with repository.transaction(root) as project:
                keep_trials(project, trials)
        return {
            "project": project_view(project, root, repository.backend),
            "already_onboarded": before is not ProjectStatus.ONBOARDING,
            "facts": {
                **{
                    key: project.metadata.get(key)
                    for key in ("languages", "package_manager", "test_command", "git")
                },
                **conventions_in(project.metadata),
            },
            "proof": workflow.proof,
            "runners": _names(workflow.runner),
            "baseline": trial_views(baselines, workflow, None, project),
            "created": created,
            "packaging": inspector.packaging_problem(root),
        }


def proof_words(reply: OnboardReply) -> str:
    """What is asked of features' criteria, in a line for people and agents."""
    if reply["proof"] == "required":
        return f"required, by {plain(', '.join(reply['runners']))}"
    if reply["proof"] == "recorded":
        needed = "git and a known runner of tests, or runner: in .cde/workflow.yml"
        return f"recorded, so features end unproven; to be required it needs {needed}"
    return "not asked for by the workflow file"


def _names(runner: RunnerSetting | None) -> list[str]:
    if runner is None:
        return []
    return list(runner.names) or [" ".join(runner.command)]


class ProjectReply(TypedDict):
    """The project after the change."""

    project: ProjectView


class SetProjectStatus(UseCase[ProjectReply], operation="set_project_status"):
    """Activate the project, or archive it. To the status that it has, nothing is changed.

    Attributes:
        status: ``active`` or ``archived``.
    """

    status: str

    def __call__(self, *, root: Path, repository: ProjectRepository) -> ProjectReply:
        """Raises E004, E005, E206, E305."""
        if self.status not in {status.value for status in ProjectStatus}:
            reason = f"it is {self.status!r}, not active or archived"
            raise ValidationError.of("E305", argument="status", reason=reason)
        with repository.transaction(root) as project:
            project.change_status(ProjectStatus(self.status))
            return {"project": project_view(project, root, repository.backend)}
