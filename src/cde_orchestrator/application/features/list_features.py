"""List the features of a project, page by page."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from datetime import UTC, datetime
from heapq import nlargest
from operator import attrgetter
from pathlib import Path
from typing import Any

from cde_orchestrator.application.features.feature_filter import (
    OPEN,
    PERSON,
    FeatureFilter,
    agent_at,
    awaited_by,
    opening_of,
)
from cde_orchestrator.application.made_views import commit_view
from cde_orchestrator.application.ports.core import (
    ProjectFiles,
    ProjectRepository,
    WorkflowRepository,
)
from cde_orchestrator.application.proofs.verdicts import verdict_of
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import (
    FeatureHead,
    FeatureListReply,
    FeatureRow,
    project_view,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, ValidationError, besides
from cde_orchestrator.domain.feature import CLOSED_STATUSES, COMPLETED
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import CANONICAL_STATUS, IN_PROGRESS, WAITS_FOR_PERSON

GOAL_LIMIT = 72
"""Characters of a goal in a list."""
DEFAULT_LIMIT = 50
LARGEST_LIMIT = 100
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
        cursor: ``next_cursor`` of the page before, or the last feature of it.
        prefix: only those whose name begins so.
        word: only those that have it in their name or their goal, in upper or lower case.
        workflow: only those that follow it.
        waits_for: only those that wait for a ``person`` or for an ``agent``.
        agent: only those whose phase this agent has.
        waiting_first: those that wait for a person before all others, on a page without a next one.
    """

    status: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    prefix: str = ""
    word: str | None = None
    workflow: str | None = None
    waits_for: str | None = None
    agent: str | None = None
    waiting_first: bool = False

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        workflows: WorkflowRepository,
        files: ProjectFiles,
        clock: Clock,
    ) -> FeatureListReply:
        """Raises E004, E103, E305, E306, E308."""
        if self.limit < 1:
            reason = f"it is {self.limit}, and a page has at least 1 feature"
            raise ValidationError.of("E305", argument="limit", reason=reason)
        with besides(lambda: self._require_known_status(root, repository, workflows)):
            wanted = FeatureFilter(
                status=self.status,
                prefix=self.prefix,
                word=self.word,
                workflow=self.workflow,
                waits_for=self.waits_for,
                agent=self.agent,
            )
        self._require_known_status(root, repository, workflows)
        project = repository.get(root)
        after = _place(self.cursor, project) if self.cursor is not None else None
        now = clock()
        found = wanted.among(project, files, root, now)
        if not found and self.workflow is not None:
            self._require_known_workflow(project, root, workflows)
        rest = found if after is None else [f for f in found if _position(f) < after]

        def place(summary: FeatureSummary) -> tuple[Any, ...]:
            waits = self.waiting_first and awaited_by(summary, project) == PERSON
            return waits, _position(summary)

        # Sorting thousands is one step for Python, in which no other thread answers anybody.
        page = nlargest(min(self.limit, LARGEST_LIMIT), reversed(rest), key=place)
        is_last = self.waiting_first or len(rest) == len(page)
        return {
            "project": project_view(project, root, repository.backend),
            "features": [_row(each, project, files, root, now) for each in page],
            "total": len(found),
            "next_cursor": None if is_last else _encode(page[-1]),
        }

    def _require_known_workflow(
        self, project: Project, root: Path, workflows: WorkflowRepository
    ) -> None:
        """Refuse a workflow that no feature follows or can follow."""
        if any(self.workflow == each["id"] for each in project.workflows.values()):
            return
        try:
            catalog = workflows.load(root)
        except CDEError:  # a broken workflow file does not keep anybody from looking
            return
        catalog.get(self.workflow)

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


def _row(
    summary: FeatureSummary, project: Project, files: ProjectFiles, root: Path, now: datetime
) -> FeatureRow:
    """A feature as the list has it; files are read only for what a completed one has proven."""
    head = view_of(FeatureHead, summary)
    row: FeatureRow = {
        "id": head["id"],
        "name": head["name"],
        "status": head["status"],
        "current_phase": head["current_phase"],
        "updated_at": head["updated_at"],
        "goal": opening_of(project.features.goal_of(summary.id), GOAL_LIMIT),
        "waits_for": awaited_by(summary, project),
        "agent": agent_at(summary, now),
    }
    completed = project.features.by_id(summary.id) if summary.status == COMPLETED else None
    if completed is not None and (verdict := verdict_of(completed, files, root)) is not None:
        row["standing"], row["waived"] = verdict["verdict"], verdict["waived"]
    if completed is not None and (commit := commit_view(completed)) is not None:
        row["committed"] = commit
    return row


_position = attrgetter("created_at", "id")
"""Where a feature is in the list."""


def _encode(feature: FeatureSummary) -> str:
    position = f"{feature.created_at.astimezone(UTC).isoformat()}|{feature.id}"
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _place(cursor: str, project: Project) -> tuple[datetime, str]:
    """The position that a cursor or a feature has in the list.

    Raises:
        FeatureError: E103, it begins the ids or names of several features.
        ValidationError: E308, it is neither.
    """
    with suppress(binascii.Error, ValueError):
        padded = cursor + "=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded, b"-_", validate=True).decode()
        created_at, _, feature_id = decoded.partition("|")
        moment = datetime.fromisoformat(created_at)
        if feature_id and moment.tzinfo is not None:
            return moment, feature_id
    try:
        feature = project.feature(cursor)
    except FeatureError as error:
        if error.code != "E102":
            raise
        near = error.context["near"]
        raise ValidationError.of("E308", cursor=cursor, near=near) from None
    return feature.created_at, feature.id
