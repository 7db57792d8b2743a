"""Resume a feature: everything that a fresh agent needs to carry on, in one answer."""

from __future__ import annotations

from dataclasses import field
from typing import NotRequired, TypedDict, cast

from cde_orchestrator.application.checks.running import RunningView
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures, meant_feature
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import Present, ProjectSources
from cde_orchestrator.application.gate_views import GateView, gate_view
from cde_orchestrator.application.ports.checks import CheckRunner, TrustStore
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.task_views import TaskView, task_views
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import ArtifactView, ClaimView, FeatureReply
from cde_orchestrator.application.work_views import ProgressView
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseRecord, PhaseStatus
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.domain.workflow import Workflow

PROGRESS_SHOWN = 10
EXCERPT_LIMIT = 400
"""Characters of an earlier output that are shown."""
TEXT_LIMIT = 4_000
"""Characters of a note, or of its data as text, that are shown."""
PROGRESS_LIMIT = 2 * TEXT_LIMIT
"""Characters of all entries together: they leave room in an answer for the phase's prompt."""


class FinishedOutput(ArtifactView):
    """An output of an earlier phase, with its first lines."""

    excerpt: str


class FinishedPhase(TypedDict):
    """A phase that is done."""

    id: str
    outputs: list[FinishedOutput]


class ResumeReply(FeatureReply):
    """Where a feature stands and what is known, for somebody who knows nothing."""

    goal: str
    tasks: list[TaskView]
    finished: list[FinishedPhase]
    progress: list[ProgressView]
    last_failure: str | None
    returned: str | None
    attempts_left: int
    gate: GateView | None
    claim: ClaimView | None
    branch: str | None
    running: NotRequired[RunningView]


class ResumeFeature(UseCase[ResumeReply], operation="resume_feature"):
    """Take up a feature where it stands; a failed one goes back to the phase that failed.

    A completed one is only reported.

    Attributes:
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    agent: str | None = None
    takeover: bool = False
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        trust: TrustStore,
        sources: ProjectSources,
        checks: CheckRunner,
    ) -> ResumeReply:
        """Raises E004, E102, E103, E105, E122, E206, E302, E303, E305, E310, E311."""
        leases = features.leases(self.agent)
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        root = features.root
        project = features.repository.get(root)
        found, present = meant_feature(project, self.feature_id), Present()
        # Asked for while the state is free, and only where a phase may begin again.
        if not found.is_open:
            project.require_writable()
            present = sources.keep(project, found)
        with features.change(self.feature_id) as (project, feature, workflow):
            leases.require_free(feature, takeover=self.takeover, resuming=True)
            if feature.reopen(workflow, leases.now):
                enter_phase(feature, workflow, outputs, present, again=True)
            if feature.is_open:
                leases.take(feature, deliberate=True)
                keep_given(reader.caller, feature, reader.rules)
        phase = workflow.find(feature.current_phase or "") if feature.is_open else None
        record = feature.phases[phase.id] if phase else None
        shown = rendering.committed_view(project, feature, workflow, reader)
        known = {
            **features.reply(project, feature, shown),
            "goal": feature.prompt,
            "tasks": task_views(feature, workflow),
            "finished": _finished(feature, workflow, outputs),
            "progress": _progress(feature, record) if record else [],
            "last_failure": record.last_failure() if record else None,
            "returned": record.returned.summary() if record and record.returned else None,
            "attempts_left": record.attempts_left(workflow.max_attempts) if record else 0,
            "gate": gate_view(phase, workflow, trust, root) if phase else None,
            "claim": leases.view(feature),
            "branch": feature.branch,
        }
        reply = cast("ResumeReply", known)
        if (running := checks.running(root, feature)) is not None:
            reply["running"] = running
        return reply


def _finished(feature: Feature, workflow: Workflow, outputs: ProjectOutputs) -> list[FinishedPhase]:
    return [
        {
            "id": phase.id,
            "outputs": [
                {
                    **view_of(ArtifactView, artifact),
                    "excerpt": outputs.excerpt(artifact.path, EXCERPT_LIMIT),
                }
                for artifact in feature.phases[phase.id].outputs
            ],
        }
        for phase in workflow.phases
        if feature.phases[phase.id].status is PhaseStatus.COMPLETED
    ]


def _progress(feature: Feature, record: PhaseRecord) -> list[ProgressView]:
    """The newest entries that fit, oldest first; what is too long is cut, and says so."""
    shown: list[ProgressView] = []
    room = PROGRESS_LIMIT
    for saved in reversed(record.saved()[-PROGRESS_SHOWN:]):
        view = view_of(ProgressView, saved)
        view["note"] = shortened(view["note"], TEXT_LIMIT)
        if len(str(view["data"])) > TEXT_LIMIT:
            view["data"] = f"[too long here; in full: cde status {feature.name} --full --json]"
        room -= len(view["note"]) + len(str(view["data"]))
        if shown and room < 0:
            break
        shown.insert(0, view)
    return shown
