"""What the first page and the page of a feature show, and what shows that it changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.features.feature_filter import FeatureFilter
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.reported_criteria import (
    ReportedCriterionView,
    reported_criteria,
)
from cde_orchestrator.application.monitoring.glance import Glance, glance_at, mark_of, problem_of
from cde_orchestrator.application.monitoring.project_board import Board, BoardQuery, board_of
from cde_orchestrator.application.ports.breakers import Breakers
from cde_orchestrator.application.ports.checks import CheckRunner
from cde_orchestrator.application.ports.core import (
    ErrorReports,
    ProjectFiles,
    ProjectRepository,
    StateRecovery,
)
from cde_orchestrator.application.ports.health import Health
from cde_orchestrator.application.ports.runs import Runs
from cde_orchestrator.application.state.recover_state import ListChanges
from cde_orchestrator.application.state.removed_features import removal_of
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.application.views import FeatureDetailReply
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, ValidationError
from cde_orchestrator.domain.feature import Feature

CHANGES = 100
"""How many changes a feature's timeline shows."""
CRITERIA = 100
"""How many criteria a feature's page shows."""


class DashboardReply(Glance):
    """The project at a glance; ``board`` is None where the project cannot be read."""

    board: Board | None


class FeaturePageReply(TypedDict):
    """A feature with everything that is known of it, and its changes, newest first.

    ``criteria`` are the first of ``criteria_total``. ``changes`` are None where the asker has them
    already, those until ``latest``.
    """

    at: str
    status: FeatureDetailReply
    criteria: list[ReportedCriterionView]
    criteria_total: int
    latest: str
    changes: list[dict[str, Any]] | None


class PulseReply(TypedDict):
    """A word that is another one as soon as there is something new to show.

    ``lines`` are words by the ids of features that ``cde run`` worked on lately; each is another
    one after each line of the run.
    """

    mark: str
    lines: Mapping[str, str]


class ShowDashboard(
    UseCase[DashboardReply], operation="show_dashboard", tolerant=True, routine=True
):
    """What the first page shows: whether the project is well, and its features.

    A project that cannot be read is reported in it, and does not fail the answer.

    Attributes:
        word: only features that have it in their name or their goal.
        workflow: only those that follow it.
        waits_for: only those that wait for a ``person`` or for an ``agent``.
        agent: only those whose phase this agent has.
        proof: only completed ones with this verdict.
        by: the workflow whose phases are the lanes; None: lanes that fit every workflow.
        sort: the order of the cards in a lane, one of ``SORTS``.
        cards: of each lane.
    """

    word: str | None = None
    workflow: str | None = None
    waits_for: str | None = None
    agent: str | None = None
    proof: str | None = None
    by: str | None = None
    sort: str | None = None
    cards: int | None = None

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        files: ProjectFiles,
        reports: ErrorReports,
        breakers: Breakers,
        health: Health,
    ) -> DashboardReply:
        """Raises E305, something is asked for that cannot be."""
        wanted = FeatureFilter(
            word=self.word,
            workflow=self.workflow,
            waits_for=self.waits_for,
            agent=self.agent,
            proof=self.proof,
        )
        query = BoardQuery(features=wanted, by=self.by, sort=self.sort, cards=self.cards)
        glance, project = glance_at(features, reports, breakers, health, 0)
        board = None
        if project is not None:
            try:
                board = board_of(project, features, files, query)
            except ValidationError:
                raise  # what was asked for, not the project
            except CDEError as error:
                glance["problem"] = problem_of(error, features.root)
        return {**glance, "board": board}


class ShowFeature(UseCase[FeaturePageReply], operation="show_feature", tolerant=True, routine=True):
    """A feature with its phases and its timeline.

    Attributes:
        known: ``latest`` as the asker has it: reading a long history takes
            a while, and is not done again for nothing.
    """

    feature_id: str
    known: str | None = None

    def __call__(
        self,
        *,
        features: ProjectFeatures,
        recovery: StateRecovery,
        outputs: ProjectOutputs,
        rendering: PhasePrompts,
        baselines: Baselines,
        checks: CheckRunner,
    ) -> FeaturePageReply:
        """Raises E004, E102 with the restore that removed a ``known`` one as ``gone``, E103."""
        asked = GetFeatureStatus(feature_id=self.feature_id, detail="full", to_work=False)
        ports: dict[str, Any] = {"rendering": rendering, "baselines": baselines, "checks": checks}
        try:
            project, feature, followed = features.read_followed(self.feature_id)
        except FeatureError as error:
            if error.code == "E102" and self.known is not None:
                error.context["gone"] = removal_of(self.feature_id, features.root, recovery)
            raise
        status = asked.reply(project, feature, followed, features=features, **ports)
        full = cast(FeatureDetailReply, status)
        is_compared = asked.compares(project, feature, followed.workflow, rendering)
        caveats = full.get("caveats", ()) if is_compared else None
        known = (full["standing"], caveats)
        criteria = reported_criteria(feature, followed.workflow, outputs, *known)
        changes = None
        latest = _latest(feature)
        if latest != self.known:
            past = ListChanges(limit=CHANGES, feature=full["feature"]["id"])
            found = past(root=features.root, recovery=recovery)
            changes = [each for each in found["changes"] if not _is_renewal(each)]
        return {
            "at": features.clock().isoformat(),
            "status": full,
            "criteria": criteria[:CRITERIA],
            "criteria_total": len(criteria),
            "latest": latest,
            "changes": changes,
        }


def _latest(feature: Feature) -> str:
    """When it changed, something happened to it or it was refused last."""
    refused = [each.refused.at.isoformat() for each in feature.phases.values() if each.refused]
    events = [str(each["at"]) for each in feature.events[-1:]]
    return max([feature.updated_at.isoformat(), *events, *refused])


class GetPulse(UseCase[PulseReply], operation="get_pulse", tolerant=True, routine=True):
    """Whether there is something new, cheap enough to be asked every second."""

    def __call__(
        self,
        *,
        root: Path,
        repository: ProjectRepository,
        reports: ErrorReports,
        breakers: Breakers,
        runs: Runs,
    ) -> PulseReply:
        """Look."""
        return {"mark": mark_of(root, repository, reports, breakers), "lines": runs.stamps()}


def _is_renewal(change: Mapping[str, Any]) -> bool:
    """Whether a change is no news: an agent that looked kept its claim."""
    summary = str(change["summary"])
    return summary.startswith("work.claim.until:") and ", " not in summary
