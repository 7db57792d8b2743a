"""Continue a feature in another folder than the one that its phase began in."""

from __future__ import annotations

from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.use_case import UseCase


class MoveWork(UseCase[bool], operation="move_work"):
    """Have the source at the phase's start be that of this folder, for a rollback.

    Nothing is changed where the phase began here or is a person's, or where git cannot keep the
    source.
    """

    feature_id: str

    def __call__(self, *, features: ProjectFeatures, sources: ProjectSources) -> bool:
        """Whether it began elsewhere; raises E004, E102, E103, E122 or E206."""
        project, feature, workflow = features.read(self.feature_id)
        record = feature.phases.get(feature.current_phase or "")
        start = record.start_source if record else None
        if record is None or start is None or start.folder == str(sources.folder):
            return False
        if workflow.waits_for_person(record.id):
            return False
        leases = features.leases()
        leases.require_free(feature, takeover=False)
        present = sources.keep(project, feature)
        if present.moment is None:
            return False
        with features.change(self.feature_id) as (_, moved, _):
            leases.require_free(moved, takeover=False)
            entered = moved.phases.get(record.id)
            if entered is not None and entered.start_source == start:
                entered.start_source, entered.start_commit = present.moment, present.commit
        return True
