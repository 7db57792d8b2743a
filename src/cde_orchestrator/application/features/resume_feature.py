"""Resume a feature: everything that a fresh agent needs to carry on, in one answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import adopted, meant_feature
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.ports.checks import (
    Callers,
    ObjectStore,
    TrustStore,
    VersionControl,
)
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    PromptRenderer,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    ClaimView,
    FeatureReply,
    ProgressView,
    feature_view,
    progress_view,
    project_view,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.feature import Feature, PhaseStatus
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import Phase, Workflow

PROGRESS_SHOWN = 10
EXCERPT_LIMIT = 400
"""Characters of an earlier output that are shown."""
TEXT_LIMIT = 4_000
"""Characters of a note, or of its data as text, that are shown."""
PROGRESS_LIMIT = 2 * TEXT_LIMIT
"""Characters of all entries together: they leave room in an answer for the phase's prompt."""


class FinishedOutput(TypedDict):
    """An output of an earlier phase, with its first lines."""

    id: str
    path: str
    sha256: str
    size: int
    excerpt: str


class FinishedPhase(TypedDict):
    """A phase that is done."""

    id: str
    outputs: list[FinishedOutput]


class CheckView(TypedDict):
    """The command that the gate runs; only a trusted one runs."""

    command: list[str]
    directory: str
    timeout_seconds: float
    trusted: bool


class GateView(TypedDict):
    """What a submission must pass: the outputs by id, then the check."""

    outputs: list[str]
    check: CheckView | None


class ResumeReply(FeatureReply):
    """Where a feature stands and what is known, for somebody who knows nothing."""

    goal: str
    finished: list[FinishedPhase]
    progress: list[ProgressView]
    last_failure: str | None
    attempts_left: int
    gate: GateView | None
    claim: ClaimView | None
    branch: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeFeature(UseCase[ResumeReply], operation="resume_feature"):
    """Take up a feature where it stands; a failed one goes back to the phase that failed.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        agent: the agent's name, when the client has several.
        takeover: override another agent's lease.
    """

    feature_id: str
    agent: str | None = None
    takeover: bool = False

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        prompts: PromptRenderer,
        files: ProjectFiles,
        objects: ObjectStore,
        trust: TrustStore,
        git: VersionControl,
        callers: Callers,
        clock: Clock,
    ) -> ResumeReply:
        """Take the lease and tell everything; a completed feature is only told.

        Raises:
            CDEError: E004, E102, E103, E105, E122, E206, E302, E303, E305, E310, E311
                and the repository's own.
        """
        leases = CallerLeases.of(callers, root, clock(), self.agent)
        present = meant_feature(repository.get(root), self.feature_id)
        # Asked for while the state is free, and only where a phase may begin again.
        tree = None if present.is_open else git.work_tree(root)
        with repository.transaction(root) as project:
            project.require_writable()
            feature, workflow = adopted(project, self.feature_id, workflows, root)
            leases.require_free(feature, takeover=self.takeover, resuming=True)
            if feature.reopen(workflow, leases.now):
                enter_phase(feature, workflow, ProjectOutputs(root, files, objects), tree)
            if feature.is_open:
                leases.take(feature, deliberate=True)
        phase = workflow.find(feature.current_phase or "") if feature.is_open else None
        return {
            "project": project_view(project, root, repository.backend),
            "feature": feature_view(feature),
            "phase": PhasePrompts(root, prompts, files).committed_view(project, feature, workflow),
            "goal": feature.prompt,
            "finished": _finished(feature, workflow, files, root),
            "progress": _progress(feature, phase),
            "last_failure": feature.phases[phase.id].last_failure() if phase else None,
            "attempts_left": _attempts_left(feature, phase, workflow),
            "gate": _gate(phase, trust, root) if phase else None,
            "claim": leases.view(feature),
            "branch": feature.branch,
        }


def _finished(
    feature: Feature, workflow: Workflow, files: ProjectFiles, root: Path
) -> list[FinishedPhase]:
    return [
        {
            "id": phase.id,
            "outputs": [
                {
                    "id": artifact.id,
                    "path": artifact.path,
                    "sha256": artifact.sha256,
                    "size": artifact.size,
                    "excerpt": files.excerpt(root, artifact.path, EXCERPT_LIMIT),
                }
                for artifact in feature.phases[phase.id].outputs
            ],
        }
        for phase in workflow.phases
        if feature.phases[phase.id].status is PhaseStatus.COMPLETED
    ]


def _progress(feature: Feature, phase: Phase | None) -> list[ProgressView]:
    """The newest entries that fit, oldest first; what is too long is cut, and says so."""
    if phase is None:
        return []
    shown: list[ProgressView] = []
    room = PROGRESS_LIMIT
    for saved in reversed(feature.phases[phase.id].saved()[-PROGRESS_SHOWN:]):
        view = progress_view(saved)
        view["note"] = shortened(view["note"], TEXT_LIMIT)
        if len(str(view["data"])) > TEXT_LIMIT:
            view["data"] = f"[too long here; in full: cde status {feature.name} --full --json]"
        room -= len(view["note"]) + len(str(view["data"]))
        if shown and room < 0:
            break
        shown.insert(0, view)
    return shown


def _attempts_left(feature: Feature, phase: Phase | None, workflow: Workflow) -> int:
    return feature.phases[phase.id].attempts_left(workflow.max_attempts) if phase else 0


def _gate(phase: Phase, trust: TrustStore, root: Path) -> GateView:
    check = phase.gate_check
    return {
        "outputs": [output.id for output in phase.outputs],
        "check": {
            "command": list(check.command),
            "directory": check.directory,
            "timeout_seconds": check.timeout_seconds,
            "trusted": trust.trusts(root, check.command_line),
        }
        if check
        else None,
    }
