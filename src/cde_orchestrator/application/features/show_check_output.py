"""Show all that the last check of a phase printed."""

from __future__ import annotations

from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureView, feature_view
from cde_orchestrator.domain.exceptions import ValidationError


class CheckOutputReply(TypedDict):
    """What the last check of a phase printed, without secrets.

    ``whole`` is whether ``text`` is what is kept of all of it, which says itself what is missing at
    its begin; else it is the end that the state has. ``printed`` are the bytes that were printed.
    """

    feature: FeatureView
    phase: str
    command: list[str]
    exit_code: int | None
    at: str
    text: str
    whole: bool
    printed: int


class ShowCheckOutput(UseCase[CheckOutputReply], operation="show_check_output"):
    """All that the last check of a phase printed, as far as it is kept."""

    feature_id: str
    phase_id: str

    def __call__(self, *, features: ProjectFeatures, outputs: ProjectOutputs) -> CheckOutputReply:
        """Raises E004, E102, E103, E305: no check of the phase is recorded."""
        _, feature, _ = features.read(self.feature_id)
        record = feature.phases.get(self.phase_id)
        if record is None or record.evidence is None:
            reason = f"no check of a phase {self.phase_id!r} is recorded"
            raise ValidationError.of("E305", argument="phase_id", reason=reason)
        evidence = record.evidence
        kept = outputs.kept(record.check_output) if record.check_output else None
        return {
            "feature": feature_view(feature),
            "phase": record.id,
            "command": list(evidence.command),
            "exit_code": evidence.exit_code,
            "at": evidence.at.isoformat(),
            "text": evidence.tail if kept is None else kept.decode(errors="replace"),
            "whole": kept is not None,
            "printed": evidence.size,
        }
