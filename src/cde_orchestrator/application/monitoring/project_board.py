"""The project's features on a board, a column for each phase; small however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from operator import attrgetter, itemgetter
from typing import TypedDict

from cde_orchestrator.application.features.followed_workflow import (
    ProjectFeatures,
    as_followed,
)
from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.ports.core import ProjectFiles
from cde_orchestrator.application.proofs.verdicts import VerdictView, verdict_of
from cde_orchestrator.application.views import ClaimView
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, Feature
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project

OPEN_SHOWN = 200
CLOSED_SHOWN = 20
CLOSED = "closed"
"""The id of the last column, which is no phase."""
WORDS = 160
"""Characters of what is shown of an event."""


class FeatureEvent(TypedDict):
    """What happened to a feature, in a few words."""

    at: str
    kind: str
    text: str
    by: str | None


class Card(TypedDict):
    """A feature on the board; ``step`` is the place of its phase in its workflow, from 1.

    ``standing`` is the verdict on one that is completed, None for others; ``waived`` is how many
    of its criteria a person waived.
    """

    id: str
    name: str
    status: str
    phase: str | None
    workflow: str
    step: int
    steps: int
    attempts: int
    created_at: str
    updated_at: str
    phase_since: str | None
    claim: ClaimView | None
    standing: str | None
    waived: int
    event: FeatureEvent


class Column(TypedDict):
    """Features in one phase, newest first; ``count`` includes those that are not shown."""

    id: str
    description: str
    count: int
    cards: list[Card]


class Board(TypedDict):
    """All columns, and the number of features by status."""

    columns: list[Column]
    counts: dict[str, int]
    total: int
    open: int
    shown: int


def board_of(project: Project, features: ProjectFeatures, files: ProjectFiles) -> Board:
    """The board: the open features touched last, and the last ones that were closed.

    Raises:
        CDEError: the repository's own.
    """
    summaries = project.features.summaries()
    counts = Counter(summary.status for summary in summaries)
    waiting = [each for each in summaries if each.status not in CLOSED_STATUSES]
    closed = [each for each in summaries if each.status in CLOSED_STATUSES]
    leases, touched = features.leases(), attrgetter("updated_at")
    cards, done = (
        [
            _card(*each, leases, verdict_of(each[1], files, features.root))
            for each in _followed(project, chosen, features)
        ]
        for chosen in (
            nlargest(OPEN_SHOWN, waiting, key=touched),
            nlargest(CLOSED_SHOWN, closed, key=touched),
        )
    )
    cards.sort(key=itemgetter("created_at"), reverse=True)
    in_phase = Counter(summary.current_phase or "" for summary in waiting)
    columns = [
        Column(
            id=phase,
            description=description,
            count=in_phase[phase],
            cards=[card for card in cards if (card["phase"] or "") == phase],
        )
        for phase, description in _phases(in_phase, features).items()
    ]
    columns.append(Column(id=CLOSED, description="", count=len(closed), cards=done))
    return {
        "columns": columns,
        "counts": dict(sorted(counts.items())),
        "total": len(summaries),
        "open": len(waiting),
        "shown": len(cards),
    }


def last_event(feature: Feature) -> FeatureEvent:
    """What happened to a feature last."""
    events = [_event(feature.created_at, "started", "started", None)]
    for phase_id, record in feature.phases.items():
        if record.started_at is not None:
            again = f", attempt {record.attempts}" if record.attempts > 1 else ""
            events.append(_event(record.started_at, "entered", f"started {phase_id}{again}", None))
        if record.returned is not None and phase_id == feature.current_phase:
            returned = record.returned
            events.append(_event(returned.at, "returned", returned.reason, returned.by))
        if record.completed_at is not None:
            events.append(_event(record.completed_at, "completed", f"completed {phase_id}", None))
        events += [_event(saved.at, "saved", saved.note, saved.by) for saved in record.saved()[-1:]]
        events += [_event(each.at, "failed", each.reason, each.by) for each in record.failures[-1:]]
        if record.evidence is not None:
            kind = "passed" if record.evidence.passed else "refused"
            events.append(_event(record.evidence.at, kind, f"check of {phase_id} {kind}", None))
    if feature.closing is not None:
        closing = feature.closing
        moment = datetime.fromisoformat(closing["at"])
        events.append(_event(moment, closing["outcome"], closing["reason"], closing["by"]))
    # Of two at the same moment the later one in the workflow's order counts.
    return max(reversed(events), key=lambda event: datetime.fromisoformat(event["at"]))


def _event(at: datetime, kind: str, text: str, by: str | None) -> FeatureEvent:
    line = " ".join(text.split())
    short = line if len(line) <= WORDS else f"{line[: WORDS - 1]}…"
    return {"at": at.isoformat(), "kind": kind, "text": short, "by": by}


def _followed(
    project: Project, summaries: Sequence[FeatureSummary], features: ProjectFeatures
) -> Iterator[tuple[FeatureSummary, Feature, list[str]]]:
    """The features with the phases of their workflows, as far as they are known."""
    orders: dict[tuple[str, str | None], list[str]] = {}
    for summary in summaries:
        feature = project.features.by_id(summary.id)
        if feature is None:
            continue
        key = (feature.workflow_type, feature.workflow_digest)
        if key not in orders or not feature.phases:
            try:
                workflow = features.workflow_of(project, feature)
            except CDEError:  # the file that a feature of an older release needs is broken
                orders[key] = list(feature.phases)
            else:
                orders[key] = [phase.id for phase in workflow.phases]
                feature = as_followed(feature, workflow)
        yield summary, feature, orders[key]


def _card(
    summary: FeatureSummary,
    feature: Feature,
    order: list[str],
    leases: CallerLeases,
    verdict: VerdictView | None,
) -> Card:
    """A card; a feature of an older release stands where it was stored."""
    record = feature.phases.get(feature.current_phase or "")
    place = order.index(feature.current_phase) + 1 if feature.current_phase in order else 0
    since = record.started_at if record is not None else None
    return {
        "id": feature.id,
        "name": feature.name,
        "status": summary.status,
        "phase": summary.current_phase,
        "workflow": feature.workflow_type,
        "step": place or len(order),
        "steps": len(order),
        "attempts": record.attempts if record is not None else 0,
        "created_at": feature.created_at.isoformat(),
        "updated_at": feature.updated_at.isoformat(),
        "phase_since": since.isoformat() if since is not None else None,
        "claim": leases.view(feature),
        "standing": verdict["verdict"] if verdict else None,
        "waived": verdict["waived"] if verdict else 0,
        "event": last_event(feature),
    }


def _phases(in_phase: Counter[str], features: ProjectFeatures) -> dict[str, str]:
    """The columns: phases of the default workflow in order, then others that are in use."""
    known: dict[str, str] = {}
    try:
        catalog = features.workflows.load(features.root)
    except CDEError:
        catalog = features.workflows.load_packaged()
    for workflow in (catalog.get_or_default(catalog.default), *catalog.workflows.values()):
        for phase in workflow.phases:
            if workflow.id == catalog.default or in_phase[phase.id]:
                known.setdefault(phase.id, phase.description)
    return known | {phase: known.get(phase, "") for phase in sorted(+in_phase)}
