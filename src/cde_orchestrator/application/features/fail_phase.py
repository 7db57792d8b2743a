"""Give an attempt at a feature's current phase up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cde_orchestrator.application.features.followed_workflow import adopted
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.ports.checks import Callers, ObjectStore, VersionControl
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    PromptRenderer,
    WorkflowRepository,
)
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FailedReply,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.records import checked_key, checked_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPhase(UseCase[FailedReply], operation="fail_phase"):
    """Record a failed attempt; the feature stays at the phase, and the last one fails it.

    Attributes:
        feature_id: id, beginning of an id, or name of the feature.
        phase_id: the current phase.
        reason: why; the next attempt is told.
        agent: the agent's name, when the client has several.
        takeover: override another agent's lease.
        idempotency_key: names the call, so that a repeated one counts once.
        results: must be empty; texts that came with it would be lost silently.
    """

    feature_id: str
    phase_id: str
    reason: str | None
    agent: str | None = None
    takeover: bool = False
    idempotency_key: str | None = None
    results: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        prompts: PromptRenderer,
        files: ProjectFiles,
        objects: ObjectStore,
        git: VersionControl,
        callers: Callers,
        clock: Clock,
    ) -> FailedReply:
        """Record it.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E122, E206, E302, E303, E305 and the
                repository's own.
        """
        if self.results:
            words = "an attempt that is given up delivers nothing; omit results or failed"
            raise ValidationError.of("E305", argument="results", reason=words)
        reason = checked_reason(self.reason)
        leases = CallerLeases.of(callers, root, clock(), self.agent)
        key, tree = checked_key(self.idempotency_key), git.work_tree(root)
        with repository.transaction(root) as project:
            project.require_writable()
            feature, workflow = adopted(project, self.feature_id, workflows, root)
            record = feature.phases.get(self.phase_id)
            if record is None or not record.has_failed_by(key):
                feature.require_current(self.phase_id, workflow)
                leases.require_free(feature, takeover=self.takeover)
                leases.take(feature, deliberate=False)
                by = leases.caller.name
                if feature.fail_phase(self.phase_id, reason, by, workflow, leases.now, key):
                    enter_phase(feature, workflow, ProjectOutputs(root, files, objects), tree)
        record = feature.phases[self.phase_id]
        phase = PhasePrompts(root, prompts, files).committed_view(project, feature, workflow)
        return {
            "project": project_view(project, root, repository.backend),
            "feature": feature_view(feature),
            "phase": phase,
            "failed": phase_record_view(record),
            "attempts_left": record.attempts_left(workflow.max_attempts),
        }
