"""Find the feature that is meant, and the phase that it is in."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.features.feature_filter import OPEN
from cde_orchestrator.application.features.followed_workflow import meant_feature
from cde_orchestrator.application.ports.core import ProjectRepository
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, COMPLETED

CANDIDATES_SHOWN = 5


class FoundFeature(TypedDict):
    """A feature by its name, and its current phase; None where it takes no more work."""

    name: str
    phase: str | None


class FindFeature(UseCase[FoundFeature], operation="find_feature", routine=True):
    """The feature that a command names; where it names none, the one that it can only mean.

    Attributes:
        feature_id: as it is named.
        completed: whether the feature completed last is meant, and not the only open one.
    """

    feature_id: str | None = None
    completed: bool = False

    def __call__(self, *, root: Path, repository: ProjectRepository) -> FoundFeature:
        """Raises E004, E102, E103, E154."""
        project = repository.get(root)
        if self.feature_id is not None:
            feature = meant_feature(project, self.feature_id)
            return {"name": feature.name, "phase": feature.current_phase}
        summaries = project.features.summaries()
        if self.completed:
            found = [each for each in summaries if each.status == COMPLETED]
            found = sorted(found, key=lambda each: each.updated_at)[-1:]
        else:
            found = [each for each in summaries if each.status not in CLOSED_STATUSES]
        if len(found) != 1:
            status = COMPLETED if self.completed else OPEN
            newest = [each.name for each in reversed(found)]
            raise FeatureError.of("E154", reason=_why_not_one(newest, status), status=status)
        return {"name": found[0].name, "phase": found[0].current_phase}


def _why_not_one(names: list[str], status: str) -> str:
    if not names:
        return f"none is {status}"
    more = f" and {len(names) - CANDIDATES_SHOWN} more" if len(names) > CANDIDATES_SHOWN else ""
    return f"{len(names)} are open: {', '.join(names[:CANDIDATES_SHOWN])}{more}"
