"""Reopen a feature that was closed: failed, cancelled or completed."""

from __future__ import annotations

from dataclasses import field

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_entry import enter_phase
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.rollback import target_phase
from cde_orchestrator.application.features.rollback_feature import RollbackFeature, RollbackReply
from cde_orchestrator.application.features.seen_feature import require_seen
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.briefings import keep_given
from cde_orchestrator.domain.exceptions import ValidationError, besides
from cde_orchestrator.domain.feature import COMPLETED, Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.records import Returned, checked_reason
from cde_orchestrator.domain.workflow import Workflow

REOPENED = "reopened"
"""The event that it leaves; that of a rollback is there instead where it was one."""


class ReopenFeature(UseCase[RollbackReply], operation="reopen_feature", in_worktree=True):
    """Reopen a failed or cancelled feature where it was closed, with what it has.

    A completed one, and one that is reopened at another phase, is rolled back: a completed one to
    its last phase where none is named.

    Attributes:
        reason: why, for whoever works on it.
        to_phase: a phase that was begun; None for where it was closed.
        seen: as of ``RollbackFeature``.
        to_work: whether somebody works by the prompt, as of ``GetFeatureStatus``.
    """

    feature_id: str
    reason: str
    to_phase: str | None = None
    agent: str | None = None
    seen: str | None = None
    to_work: bool = field(default=True, compare=False)

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        rendering: PhasePrompts,
        outputs: ProjectOutputs,
        sources: ProjectSources,
    ) -> RollbackReply:
        """Raises E004, E102, E103, E107, E122, E123, E126, E155, E206, E302, E303, E305."""
        leases = features.leases(self.agent)
        project, found, workflow, reason = self.check(features)
        if found.status == COMPLETED or self.to_phase is not None:
            rollback = RollbackFeature(
                feature_id=found.id,
                to_phase=self.to_phase or workflow.phases[-1].id,
                reason=reason,
                agent=self.agent,
                seen=self.seen,
                to_work=self.to_work,
            )
            return rollback(
                features=features, rendering=rendering, outputs=outputs, sources=sources
            )
        project.require_writable()
        reader = rendering.reader(self.agent) if self.to_work else ONLOOKER
        present = sources.keep(project, found)
        with features.change(found.id) as (project, feature, workflow):
            require_seen(feature, self.seen)
            undo_at = project.sequence
            closed = feature.status
            if feature.reopen(workflow, leases.now, cancelled=True):
                record = feature.phases[feature.current_phase or ""]
                record.returned = Returned(leases.now, leases.caller.name, reason, closed_as=closed)
                enter_phase(feature, workflow, outputs, present, again=True)
                facts = {"by": leases.caller.name, "reason": reason, "closed_as": closed}
                feature.note(REOPENED, at=leases.now.isoformat(), **facts)
                leases.take(feature, deliberate=False)
                keep_given(reader.caller, feature, reader.rules)
        shown = rendering.committed_view(project, feature, workflow, reader)
        return {
            **features.reply(project, feature, shown),
            "dry_run": False,
            "code": False,
            "rolled_back": [],
            "files": [],
            "source": [],
            "source_problem": None,
            "git": [],
            "undo_at": undo_at,
        }

    def check(self, features: ProjectFeatures) -> tuple[Project, Feature, Workflow, str]:
        """What it is about, and the reason; E102, E103, E107, E155, E302, E303, E305."""
        with besides(lambda: checked_reason(self.reason)):
            project, found, workflow = features.read(self.feature_id)
            require_seen(found, self.seen)
            if found.is_open:
                why = f"{found.name} is open: resume it, or roll it back"
                raise ValidationError.of("E305", argument="feature", reason=why)
            if self.to_phase is not None:
                target_phase(found, workflow, self.to_phase)
        return project, found, workflow, checked_reason(self.reason)
