"""What changed in the source while a feature was in phases that change no code."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow


def changed_idly(
    feature: Feature,
    phase_id: str,
    workflow: Workflow,
    sources: ProjectSources,
    kept: Collection[str],
) -> frozenset[str]:
    """The files that changed so, from a phase on; none where no phase says that it changes code.

    Of such a phase, the time until the next one began counts: only then is it known to be over.

    Args:
        feature: it has a record of each phase.
        phase_id: of the first phase that counts.
        workflow: the feature's.
        sources: of the work folder.
        kept: the trees that this product kept.

    Raises:
        FeatureError: E136, git refuses.
    """
    if not any(phase.may_change for phase in workflow.phases):
        return frozenset()
    first = [phase.id for phase in workflow.phases].index(phase_id)
    begun = [
        (phase, moment)
        for phase in workflow.phases[first:]
        if (moment := feature.phases[phase.id].start_source) is not None
        and moment.folder == str(sources.folder)
        and moment.tree in kept
    ]
    found: set[str] = set()
    for (phase, start), (_, end) in pairwise(begun):
        if not phase.may_change and start.at <= end.at:
            found.update(sources.trees.differing(sources.root, start.tree, end.tree))
    return frozenset(found)
