"""Give an attempt at a feature's current phase up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import adopt_workflow, committed_phase_view
from cde_orchestrator.application.ports.core import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FailedReply,
    feature_view,
    phase_record_view,
    project_view,
)
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.records import checked_key, checked_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPhase(UseCase[FailedReply]):
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

    def __call__(self, ports: Ports) -> FailedReply:
        """Record it.

        Raises:
            CDEError: E004, E102, E103, E105 to E107, E122, E206, E302, E303, E305 and the
                repository's own.
        """
        if self.results:
            words = "an attempt that is given up delivers nothing; omit results or failed"
            raise ValidationError.of("E305", argument="results", reason=words)
        reason, desk = checked_reason(self.reason), CallerLeases.of(ports, self.agent)
        key, tree = checked_key(self.idempotency_key), ports.git.work_tree(ports.root)
        with ports.repository.transaction(ports.root) as project:
            project.require_writable()
            feature = project.feature(self.feature_id)
            workflow = adopt_workflow(project, feature, ports)
            record = feature.phases.get(self.phase_id)
            if record is None or not record.has_failed_by(key):
                feature.require_current(self.phase_id, workflow)
                desk.require_free(feature, takeover=self.takeover)
                desk.take(feature, deliberate=False)
                by = desk.caller.name
                if feature.fail_phase(self.phase_id, reason, by, workflow, desk.now, key):
                    enter_phase(feature, workflow, ports, tree)
        record = feature.phases[self.phase_id]
        return {
            "project": project_view(project, ports),
            "feature": feature_view(feature),
            "phase": committed_phase_view(project, feature, workflow, ports),
            "failed": phase_record_view(record),
            "attempts_left": record.attempts_left(workflow.max_attempts),
        }
