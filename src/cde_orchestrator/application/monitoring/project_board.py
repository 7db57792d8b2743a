"""The project's features on a board; small however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.features.feature_filter import (
    PERSON,
    FeatureFilter,
    agent_at,
    awaited_by,
    opening_of,
)
from cde_orchestrator.application.features.followed_workflow import (
    ProjectFeatures,
)
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.features.present_workflow import as_followed
from cde_orchestrator.application.made_views import CommitView, commit_view
from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.proofs.verdicts import verdict_of
from cde_orchestrator.application.shapes import view_of
from cde_orchestrator.application.views import ClaimView
from cde_orchestrator.application.work_views import ReturnedView
from cde_orchestrator.domain.agent_run import total
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.workflow import Workflow, WorkflowCatalog

CARDS = 80
"""Cards on a board where nobody asks for more, shared by its lanes."""
LARGEST_LANE = 100
"""Cards in a lane at the most."""
WAITING, WORKING, READY, DONE = LANES = ("waiting", "working", "ready", "done")
"""Lanes that fit every workflow: for a person, with an agent, for an agent, closed."""
GOAL_LIMIT = 140
WORDS = 160
"""Characters of what is shown of an event, and of what a phase is."""
_ORDERS: dict[str, tuple[Callable[[FeatureSummary], Any], bool]] = {
    "started": (lambda each: each.created_at, True),
    "changed": (lambda each: each.updated_at, True),
    "unchanged": (lambda each: each.updated_at, False),
    "name": (lambda each: each.name, False),
}
SORTS = tuple(_ORDERS)


class FeatureEvent(TypedDict):
    """What happened to a feature, in a few words."""

    at: str
    kind: str
    text: str
    by: str | None


class CheckView(TypedDict):
    """How the last check of a feature ended."""

    at: str
    phase: str
    passed: bool


class Card(TypedDict):
    """A feature on the board; ``step`` is the place of its phase in its workflow, from 1.

    ``last_attempt`` is the number of the last one that is allowed, 0 where that is not known.
    ``goal`` is the beginning of it, ``asks`` what a person is asked for while it waits for one.
    ``standing`` is the verdict on one that is completed, None for others; ``waived`` is how many
    of its criteria a person waived. ``committed`` is the commit of one that ``cde finish``
    committed. ``reopened`` says who reopened it, in the first attempt since. ``cost_usd`` is None
    where no agent reported any.
    """

    id: str
    name: str
    goal: str
    status: str
    lane: str
    phase: str | None
    asks: str
    workflow: str
    step: int
    steps: int
    attempts: int
    last_attempt: int
    created_at: str
    updated_at: str
    phase_since: str | None
    claim: ClaimView | None
    check: CheckView | None
    standing: str | None
    waived: int
    committed: CommitView | None
    reopened: ReturnedView | None
    cost_usd: float | None
    event: FeatureEvent


class Lane(TypedDict):
    """Features that are alike; ``count`` includes those that are not shown."""

    id: str
    description: str
    count: int
    cards: list[Card]


class Board(TypedDict):
    """All lanes, and the number of features by status.

    ``by`` is the workflow whose phases are the lanes, None where they fit every workflow;
    ``found`` are those that were asked for, of ``total``; ``workflows`` and ``agents`` are those
    that can be asked for.
    """

    by: str | None
    lanes: list[Lane]
    counts: dict[str, int]
    total: int
    open: int
    found: int
    workflows: list[str]
    agents: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQuery:
    """What is wanted on a board.

    Attributes:
        features: which.
        by: the workflow whose phases are the lanes.
        sort: the order in a lane, one of ``SORTS``; where none is wanted what was started last
            comes first, and of what is done, what changed last.
        cards: of each lane.
    """

    features: FeatureFilter = field(default_factory=FeatureFilter)
    by: str | None = None
    sort: str | None = None
    cards: int | None = None

    def __post_init__(self) -> None:
        """Raises E305, there is no such order."""
        if self.sort not in (None, *SORTS):
            reason = f"it is {self.sort!r}, not one of {', '.join(SORTS)}"
            raise ValidationError.of("E305", argument="sort", reason=reason)
        if self.cards is not None and self.cards < 1:
            reason = f"it is {self.cards}, and a lane has at least 1 card"
            raise ValidationError.of("E305", argument="cards", reason=reason)

    def chosen(self, lane: str, members: Sequence[FeatureSummary]) -> list[FeatureSummary]:
        """The members of a lane in order."""
        key, reverse = _ORDERS[self.sort or ("changed" if lane == DONE else "started")]
        return sorted(members, key=key, reverse=reverse)


def board_of(
    project: Project,
    features: ProjectFeatures,
    files: ProjectFiles,
    query: BoardQuery | None = None,
) -> Board:
    """The board, with the first features of each lane.

    Raises:
        ValidationError: E305, no workflow is called so.
        CDEError: the repository's own.
    """
    query = query or BoardQuery()
    leases = features.leases()
    summaries = project.features.summaries()
    wanted = query.features
    phases: dict[str, str] | None = None
    if query.by is not None:
        phases, wanted = _phases(query.by, project, features), replace(wanted, workflow=query.by)
    found = wanted.among(project, files, features.root, leases.now)
    titles = dict.fromkeys(LANES, "") if phases is None else {**phases, DONE: ""}
    lanes: dict[str, list[FeatureSummary]] = {lane: [] for lane in titles}
    for summary in found:
        lane = _lane(summary, project, leases)
        if phases is not None and lane != DONE:
            lane = summary.current_phase or ""
        lanes.setdefault(lane, []).append(summary)
    shown = min(query.cards or max(CARDS // len(lanes), 1), LARGEST_LANE)
    return {
        "by": query.by,
        "lanes": [
            Lane(
                id=lane,
                description=_in_a_line(titles.get(lane, "")),
                count=len(members),
                cards=[
                    _card(*each, project, leases, files, features.root)
                    for each in _followed(project, query.chosen(lane, members)[:shown], features)
                ],
            )
            for lane, members in lanes.items()
        ],
        "counts": dict(sorted(Counter(each.status for each in summaries).items())),
        "total": len(summaries),
        "open": sum(each.status not in CLOSED_STATUSES for each in summaries),
        "found": len(found),
        "workflows": sorted(_workflows(summaries, project)),
        "agents": sorted({*filter(None, (agent_at(each, leases.now) for each in summaries))}),
    }


def _lane(summary: FeatureSummary, project: Project, leases: CallerLeases) -> str:
    """The lane that fits."""
    awaited = awaited_by(summary, project)
    if awaited is None:
        return DONE
    if awaited == PERSON:
        return WAITING
    return WORKING if leases.works(summary) else READY


def _workflows(summaries: Sequence[FeatureSummary], project: Project) -> set[str]:
    """The workflows that features follow, as far as that is known without decoding one."""
    digests = {each.workflow_digest for each in summaries}
    return {str(project.workflows[digest]["id"]) for digest in digests if digest is not None}


def _phases(workflow_id: str, project: Project, features: ProjectFeatures) -> dict[str, str]:
    """The phases of a workflow, with their descriptions: as the project has it, else as kept."""
    workflow = _catalog(features).workflows.get(workflow_id)
    if workflow is None:
        kept = [each for each in project.workflows.values() if each["id"] == workflow_id]
        workflow = Workflow.from_dict(kept[-1]) if kept else None
    if workflow is None:
        reason = f"'{workflow_id}' is no workflow of this project"
        raise ValidationError.of("E305", argument="by", reason=reason)
    return {phase.id: phase.description for phase in workflow.phases}


def _catalog(features: ProjectFeatures) -> WorkflowCatalog:
    try:
        return features.workflows.load(features.root)
    except CDEError:  # a broken workflow file does not keep anybody from looking
        return features.workflows.load_packaged()


def last_event(feature: Feature) -> FeatureEvent:
    """What happened to a feature last."""
    events = [_event(feature.created_at, "started", "started", None)]
    for phase_id, record in feature.phases.items():
        if record.started_at is not None:
            again = f", attempt {record.attempts}" if record.attempts > 1 else ""
            events.append(_event(record.started_at, "entered", f"started {phase_id}{again}", None))
        if record.returned is not None and phase_id == feature.current_phase:
            returned = record.returned
            kind, text = "returned", returned.reason
            if returned.closed_as is not None:
                who = by_words(returned.by)
                kind, text = "reopened", f"reopened by {who}: {returned.reason}"
            events.append(_event(returned.at, kind, text, returned.by))
        if record.completed_at is not None:
            events.append(_event(record.completed_at, "completed", f"completed {phase_id}", None))
        events += [_event(saved.at, "saved", saved.note, saved.by) for saved in record.saved()[-1:]]
        events += [_event(each.at, "failed", each.reason, each.by) for each in record.failures[-1:]]
        if record.evidence is not None:
            kind = "passed" if record.evidence.passed else "refused"
            events.append(_event(record.evidence.at, kind, f"check of {phase_id} {kind}", None))
        if record.refused is not None:
            refused = record.refused
            events.append(_event(refused.at, "refused", refused.reason, refused.by))
    if feature.closing is not None:
        closing = feature.closing
        moment = datetime.fromisoformat(closing["at"])
        events.append(_event(moment, closing["outcome"], closing["reason"], closing["by"]))
    # Of two at the same moment the later one in the workflow's order counts.
    return max(reversed(events), key=lambda event: datetime.fromisoformat(event["at"]))


def _event(at: datetime, kind: str, text: str, by: str | None) -> FeatureEvent:
    return {"at": at.isoformat(), "kind": kind, "text": _in_a_line(text), "by": by}


def _in_a_line(text: str) -> str:
    """The beginning of a text, as a card has room for."""
    line = " ".join(text.split())
    return line if len(line) <= WORDS else f"{line[: WORDS - 1]}…"


def _followed(
    project: Project, summaries: Sequence[FeatureSummary], features: ProjectFeatures
) -> Iterator[tuple[FeatureSummary, Feature, Workflow | None]]:
    """The features with their workflows, as far as they are known."""
    known: dict[tuple[str, str | None], Workflow | None] = {}
    for summary in summaries:
        feature = project.features.by_id(summary.id)
        if feature is None:
            continue
        key = (feature.workflow_type, feature.workflow_digest)
        if key not in known:
            try:
                known[key] = features.workflow_of(project, feature)
            except CDEError:  # the file that a feature of an older release needs is broken
                known[key] = None
        workflow = known[key]
        yield summary, feature if workflow is None else as_followed(feature, workflow), workflow


def _card(
    summary: FeatureSummary,
    feature: Feature,
    workflow: Workflow | None,
    project: Project,
    leases: CallerLeases,
    files: ProjectFiles,
    root: Path,
) -> Card:
    """A card; a feature of an older release stands where it was stored."""
    record = feature.phases.get(feature.current_phase or "")
    order = [*feature.phases] if workflow is None else [phase.id for phase in workflow.phases]
    place = order.index(feature.current_phase) + 1 if feature.current_phase in order else 0
    since = record.started_at if record is not None else None
    again = record.reopened if record is not None else None
    phase = workflow.find(feature.current_phase or "") if workflow is not None else None
    verdict = verdict_of(feature, files, root)
    runs = total(run.report for each in feature.phases.values() for run in each.runs)
    lane = _lane(summary, project, leases)
    return {
        "id": feature.id,
        "name": feature.name,
        "goal": opening_of(feature.prompt, GOAL_LIMIT),
        "status": summary.status,
        "lane": lane,
        "phase": summary.current_phase,
        "asks": _in_a_line(phase.description) if lane == WAITING and phase is not None else "",
        "workflow": feature.workflow_type,
        "step": place or len(order),
        "steps": len(order),
        "attempts": record.attempts if record is not None else 0,
        "last_attempt": record.last_attempt(workflow.max_attempts) if record and workflow else 0,
        "created_at": feature.created_at.isoformat(),
        "updated_at": feature.updated_at.isoformat(),
        "phase_since": since.isoformat() if since is not None else None,
        "claim": leases.view(feature),
        "check": _last_check(feature),
        "standing": verdict["verdict"] if verdict else None,
        "waived": verdict["waived"] if verdict else 0,
        "committed": commit_view(feature),
        "reopened": view_of(ReturnedView, again) if again else None,
        "cost_usd": runs.cost_usd,
        "event": last_event(feature),
    }


def _last_check(feature: Feature) -> CheckView | None:
    seen = [
        (record.evidence, phase_id)
        for phase_id, record in feature.phases.items()
        if record.evidence is not None
    ]
    if not seen:
        return None
    evidence, phase_id = max(seen, key=lambda each: each[0].at)
    return {"at": evidence.at.isoformat(), "phase": phase_id, "passed": evidence.passed}
