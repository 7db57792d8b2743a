"""The features of a project, found by id, name or the beginning of an id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol, overload

from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature, artifacts_from
from cde_orchestrator.domain.lease import Process
from cde_orchestrator.domain.records import PATHS_KEPT
from cde_orchestrator.domain.related import COMPARED, GOAL_LIMIT, Touched
from cde_orchestrator.domain.text import did_you_mean

_CANDIDATES_SHOWN = 5
_NEAR_SHOWN = 3


class FeatureSummary(NamedTuple):
    """What a list shows of a feature; a tuple, which is made five times as fast as an object.

    Attributes:
        claimed_by: the agent that has the lease, or had it last.
        claimed_until: when the lease ends, or ended.
        claimed_in: where the state was when it was taken, as ``Claim.place`` has it.
        claimed_for: the process with which the lease ends.
        workflow_digest: key of the workflow that it follows in ``Project.workflows``.
    """

    id: str
    name: str
    status: str
    current_phase: str | None
    created_at: datetime
    updated_at: datetime
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    workflow_digest: str | None = None
    claimed_in: str = ""
    claimed_for: Process | None = None

    @classmethod
    def of(cls, feature: Feature) -> FeatureSummary:
        """The summary of a feature."""
        return cls(
            id=feature.id,
            name=feature.name,
            status=feature.status,
            current_phase=feature.current_phase,
            created_at=feature.created_at,
            updated_at=feature.updated_at,
            claimed_by=feature.claim.agent if feature.claim else None,
            claimed_until=feature.claim.until if feature.claim else None,
            workflow_digest=feature.workflow_digest,
            claimed_in=feature.claim.place if feature.claim else "",
            claimed_for=feature.claim.process if feature.claim else None,
        )


class Features(Protocol):
    """What a project asks of the collection of its features; they have places, as in a list."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[Feature]:
        """Every feature, oldest first."""
        return filter(None, map(self.by_id, self.ids()))

    @overload
    def __getitem__(self, place: int) -> Feature: ...
    @overload
    def __getitem__(self, place: slice) -> list[Feature]: ...
    def __getitem__(self, place: int | slice) -> Feature | list[Feature]:
        """The feature at a place, or those at several, oldest first."""
        if isinstance(place, slice):
            return [*filter(None, map(self.by_id, self.ids()[place]))]
        found = self.by_id(self.ids()[place])
        if found is None:
            raise IndexError(place)  # it went just now
        return found

    def ids(self) -> list[str]:
        """The id of every feature, oldest first."""

    def add(self, feature: Feature) -> None:
        """Add a feature whose id and name are new."""

    def by_id(self, feature_id: str) -> Feature | None:
        """The feature with exactly this id."""

    def goal_of(self, feature_id: str) -> str:
        """The goal of a feature, empty where there is none; cheaper than the feature."""

    def by_name(self, name: str) -> Feature | None:
        """The feature with exactly this name."""

    def by_idempotency_key(self, key: str) -> Feature | None:
        """The feature that the call with this key started."""

    def ids_beginning(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``."""

    def has_name(self, name: str) -> bool:
        """Whether a feature bears this name."""

    def summaries(self) -> list[FeatureSummary]:
        """A summary of every feature, oldest first; cheaper than the features themselves."""

    def newest(self, most: int) -> list[FeatureSummary]:
        """Summaries of the newest features, oldest first; they cost the same however many are."""

    def with_outputs(self) -> Iterator[Feature]:
        """The features that have a recorded output, oldest first; only to be read."""
        return (feature for feature in self if artifacts_from(feature.phases))

    def touched(self) -> list[Touched]:
        """What the newest features are about, oldest first; cheaper than the features."""


class FeatureList(Features):
    """A collection of features in memory."""

    def __init__(self, features: Iterable[Feature] = ()) -> None:
        self._by_id = {feature.id: feature for feature in features}

    def __len__(self) -> int:
        return len(self._by_id)

    def ids(self) -> list[str]:
        """The id of every feature, oldest first."""
        return list(self._by_id)

    def add(self, feature: Feature) -> None:
        """Add a feature whose id and name are new."""
        self._by_id[feature.id] = feature

    def by_id(self, feature_id: str) -> Feature | None:
        """The feature with exactly this id."""
        return self._by_id.get(feature_id)

    def goal_of(self, feature_id: str) -> str:
        """The goal of a feature, empty where there is none."""
        feature = self.by_id(feature_id)
        return "" if feature is None else feature.prompt

    def by_name(self, name: str) -> Feature | None:
        """The feature with exactly this name."""
        return next((f for f in self._by_id.values() if f.name == name), None)

    def by_idempotency_key(self, key: str) -> Feature | None:
        """The feature that the call with this key started."""
        return next((f for f in self._by_id.values() if f.idempotency_key == key), None)

    def ids_beginning(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``."""
        return [feature_id for feature_id in self._by_id if feature_id.startswith(prefix)]

    def has_name(self, name: str) -> bool:
        """Whether a feature bears this name."""
        return self.by_name(name) is not None

    def summaries(self) -> list[FeatureSummary]:
        """A summary of every feature, oldest first."""
        return [FeatureSummary.of(feature) for feature in self]

    def newest(self, most: int) -> list[FeatureSummary]:
        """Summaries of the newest features, oldest first."""
        return self.summaries()[-most:]

    def touched(self) -> list[Touched]:
        """What the newest features are about, oldest first."""
        return [touched_by(feature) for feature in self[-COMPARED:]]


def touched_by(feature: Feature) -> Touched:
    """What a feature is about, and the files that it touched."""
    paths: dict[str, None] = {}
    outputs: dict[str, str] = {}
    for record in feature.phases.values():
        paths |= dict.fromkeys(record.difference.paths if record.difference else ())
        paths |= dict.fromkeys(record.proof.covered if record.proof else ())
        outputs |= {each.id: each.path for each in record.outputs}
    records = {*outputs.values()}
    return Touched(
        id=feature.id,
        name=feature.name,
        status=feature.status,
        goal=feature.prompt[:GOAL_LIMIT],
        workflow_digest=feature.workflow_digest,
        paths=tuple(path for path in paths if path not in records)[:PATHS_KEPT],
        outputs=outputs,
    )


def find_feature(features: Features, reference: str) -> Feature:
    """The feature with this id or name, or the only one whose id, or else name, begins with it.

    Upper and lower case only matter where several would be meant otherwise.

    Raises:
        FeatureError: E102 none found, E103 several ids or names begin with it.
    """
    wanted = reference.strip()
    exact = features.by_id(wanted) or features.by_name(wanted) or features.by_name(wanted.lower())
    if exact is not None:
        return exact
    if not wanted:
        raise FeatureError.of("E102", reference=reference, near="")
    matches = features.ids_beginning(wanted) or features.ids_beginning(wanted.lower())
    names: list[str] = []
    if not matches:
        names = [each.name for each in features.summaries()]
        matches = [name for name in names if name.startswith(wanted.lower())]
    if len(matches) > 1:
        shown = ", ".join(matches[:_CANDIDATES_SHOWN])
        raise FeatureError.of("E103", reference=reference, candidates=shown)
    found = (features.by_id(matches[0]) or features.by_name(matches[0])) if matches else None
    if found is None:
        near = did_you_mean(wanted.lower(), names, _NEAR_SHOWN)
        raise FeatureError.of("E102", reference=reference, near=near)
    return found
