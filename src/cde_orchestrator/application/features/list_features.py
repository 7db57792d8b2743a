"""List the features of a project, page by page."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    WorkflowRepository,
)
from cde_orchestrator.application.proofs.verdicts import verdict_of
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureHead,
    FeatureListReply,
    FeatureRow,
    project_view,
    view_of,
)
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, COMPLETED
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import CANONICAL_STATUS, IN_PROGRESS, WAITS_FOR_PERSON

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 100
OPEN = "open"
"""Stands for every status of a feature that takes more work."""
FILTERS = (
    OPEN,
    *CANONICAL_STATUS.values(),
    IN_PROGRESS,
    WAITS_FOR_PERSON,
    *sorted(CLOSED_STATUSES),
)
"""What a list can be limited to in every project; its workflows may have more."""


class ListFeatures(UseCase[FeatureListReply], operation="list_features"):
    """Features, newest first.

    Attributes:
        status: only those with this status, or ``open``; all when None.
        limit: features on a page; at least 1, and more than 100 count as 100.
        cursor: ``next_cursor`` of the page before.
        prefix: only those whose name begins so.
    """

    status: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    prefix: str = ""

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        files: ProjectFiles,
    ) -> FeatureListReply:
        """Raises E004, E305, E308."""
        if self.limit < 1:
            reason = f"it is {self.limit}, and a page has at least 1 feature"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        self._require_known_status(root, repository, workflows)
        after = _decode(self.cursor) if self.cursor is not None else None
        project = repository.get(root)
        found = sorted(
            filter(self._wanted, project.features.summaries()), key=_position, reverse=True
        )
        rest = found if after is None else [f for f in found if _position(f) < after]
        page = rest[: min(self.limit, LARGEST_LIMIT)]
        return {
            "project": project_view(project, root, repository.backend),
            "features": [_row(each, project, files, root) for each in page],
            "total": len(found),
            "next_cursor": _encode(page[-1]) if len(rest) > len(page) else None,
        }

    def _require_known_status(
        self, root: Path, repository: ProjectRepository, workflows: WorkflowRepository
    ) -> None:
        """Refuse a status that no feature can have; one that none has now gives an empty list."""
        if self.status is None or self.status in FILTERS:
            return
        found = repository.get(root).features.summaries()
        known = dict.fromkeys([*FILTERS, *(feature.status for feature in found)])
        with suppress(CDEError):  # a broken workflow file does not keep anybody from looking
            for workflow in workflows.load(root).workflows.values():
                known |= dict.fromkeys(phase.feature_status for phase in workflow.phases)
        if self.status not in known:
            reason = f"'{self.status}' is not a status; there are: {', '.join(known)}"
            raise ValidationError.of("E305", argument="status", reason=reason)

    def _wanted(self, feature: FeatureSummary) -> bool:
        if not feature.name.startswith(self.prefix):
            return False
        if self.status == OPEN:
            return feature.status not in CLOSED_STATUSES
        return self.status in (None, feature.status)


def _row(summary: FeatureSummary, project: Project, files: ProjectFiles, root: Path) -> FeatureRow:
    """A feature as the list has it; only what a completed one has proven is looked at."""
    row = cast("FeatureRow", view_of(FeatureHead, summary))
    completed = project.features.by_id(summary.id) if summary.status == COMPLETED else None
    if completed is not None and (verdict := verdict_of(completed, files, root)) is not None:
        row["standing"], row["waived"] = verdict["verdict"], verdict["waived"]
    return row


def _position(feature: FeatureSummary) -> tuple[datetime, str]:
    return feature.created_at, feature.id


def _encode(feature: FeatureSummary) -> str:
    position = f"{feature.created_at.astimezone(UTC).isoformat()}|{feature.id}"
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded, b"-_", validate=True).decode()
        created_at, _, feature_id = decoded.partition("|")
        moment = datetime.fromisoformat(created_at)
    except (binascii.Error, ValueError):
        raise ValidationError.of("E308", cursor=cursor) from None
    if not feature_id or moment.tzinfo is None:
        raise ValidationError.of("E308", cursor=cursor)
    return moment, feature_id
