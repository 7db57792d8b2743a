"""Give an attempt at a feature's current phase up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.submission import require_answerable
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FailedReply, phase_record_view
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.exceptions import ValidationError, besides
from cde_orchestrator.domain.records import Failure, checked_key, checked_reason


class FailPhase(UseCase[FailedReply], operation="fail_phase"):
    """Record a failed attempt; the feature stays at the phase, and the last one fails it.

    Attributes:
        phase_id: the current phase.
        reason: why; the next attempt is shown it.
        idempotency_key: names the call, so that a repeated one counts once.
        stays: whether the last attempt, too, leaves the feature at the phase, for a person.
        results: must be empty; texts that came with it would be lost silently.
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    phase_id: str
    reason: str | None
    agent: str | None = None
    takeover: bool = False
    idempotency_key: str | None = None
    stays: bool = False
    results: Mapping[str, str] = field(default_factory=dict)
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        sources: ProjectSources,
    ) -> FailedReply:
        """Raises E004, E102, E103, E105 to E107, E122, E140, E206, E302, E303, E305."""
        if self.results:
            words = "an attempt that is given up delivers nothing; omit results or failed"
            raise ValidationError.of("E305", argument="results", reason=words)
        with besides(lambda: features.require_named(self.feature_id, self.phase_id)):
            reason = checked_reason(self.reason)
        leases = features.leases(self.agent)
        key, present = checked_key(self.idempotency_key), sources.keep_of(self.feature_id, features)
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        with features.change(self.feature_id) as (project, feature, workflow):
            record = feature.phases.get(self.phase_id)
            by = leases.caller.name
            call = Failure(leases.now, 0, reason, by, key)
            again = not leases.caller.anonymous or key is not None
            if record is None or not (again and record.has_failed(call)):
                current = feature.require_current(self.phase_id, workflow)
                require_answerable(feature, current, leases)
                leases.require_free(feature, takeover=self.takeover)
                leases.take(feature, deliberate=False)
                failed = (self.phase_id, reason, by, workflow, leases.now, key)
                feature.fail_phase(*failed, stays=self.stays)
                if feature.is_open:
                    enter_phase(feature, workflow, outputs, present, again=True)
                    keep_given(reader.caller, feature, reader.rules)
                feature.seen_source = present.moment or feature.seen_source
        record = feature.phases[self.phase_id]
        phase = rendering.committed_view(project, feature, workflow, reader)
        return {
            **features.reply(project, feature, phase),
            "failed": phase_record_view(record),
            "attempts_left": record.attempts_left(workflow.max_attempts),
        }
