"""Restore what was accepted, where a person is waited for and no yes counts without it."""

from __future__ import annotations

from cde_orchestrator.application.approvals.shown import waiting_phase
from cde_orchestrator.application.features.earlier_outputs import (
    AcceptedOutput,
    changed_before,
    restore_changed,
)
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureReply,
    RestoredView,
    feature_view,
    project_view,
)


class RestoreOutputsReply(FeatureReply):
    """What was, or would be, restored, and the copies of what it replaces.

    ``undo_at`` is the number of the change before it, to which a restore of the feature undoes
    it; None where nothing was to be restored, or a file was too large to be kept for that.
    """

    restored: list[RestoredView]
    undo_at: int | None


class RestoreOutputs(UseCase[RestoreOutputsReply], operation="restore_outputs", in_worktree=True):
    """Put the outputs that were changed by hand back as they were accepted.

    Attributes:
        dry_run: whether it is only said what would be restored.
    """

    feature_id: str
    dry_run: bool = False

    def __call__(
        self, *, features: ProjectFeatures, outputs: ProjectOutputs
    ) -> RestoreOutputsReply:
        """Restore all or none; a repeated call has nothing to do.

        Raises:
            CDEError: E004, E102, E103; E112 or E132, one cannot be restored; E145, the feature
                waits for no person; E203 or E204; and the repository's own.
        """
        project, feature, workflow = features.read(self.feature_id)
        changed = changed_before(feature, waiting_phase(feature, workflow), workflow, outputs)
        restored, undo_at = [_would_be(each, outputs) for each in changed], None
        if changed and not self.dry_run:
            leases = features.leases()
            with features.repository.transaction(features.root) as project:
                project.require_writable()
                feature, workflow = features.adopted(project, feature.id)
                phase = waiting_phase(feature, workflow)
                at, by = leases.now.isoformat(), leases.caller.name
                copies = restore_changed(feature, phase, workflow, outputs, at, by)
                if copies and len(feature.events[-1]["files"]) == len(copies):
                    undo_at = project.sequence
                restored = [{"path": path, "kept_as": copy} for path, copy in copies.items()]
        return {
            "project": project_view(project, features.root, features.repository.backend),
            "feature": feature_view(feature),
            "phase": None,
            "restored": restored,
            "undo_at": undo_at,
        }


def _would_be(each: AcceptedOutput, outputs: ProjectOutputs) -> RestoredView:
    path, copy = each.artifact.path, None
    if each.is_there:
        copy = outputs.files.copy_path(outputs.root, path, each.artifact.id)
    return {"path": path, "kept_as": copy}
