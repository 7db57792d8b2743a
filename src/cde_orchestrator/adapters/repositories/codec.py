"""Projects as stored documents, and back.

A document is plain JSON data in which features and phases are keyed by id. Features are
decoded when they are asked for, so that a change costs what it touches.
"""

from __future__ import annotations

import bisect
import copy
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any

from cde_orchestrator.adapters.repositories.work_codec import (
    WORK,
    claim_of,
    decode_feature_work,
    decode_record_work,
    encode_feature_work,
    encode_record_work,
    idempotency_key_of,
)
from cde_orchestrator.domain.clock import Clock, parse_utc, utc_now
from cde_orchestrator.domain.feature import Artifact, Feature, PhaseRecord, PhaseStatus
from cde_orchestrator.domain.features import FeatureSummary
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff, pointer
from cde_orchestrator.storage.history_entries import touched_features

_PROJECT_KEYS = frozenset(
    [
        "id",
        "name",
        "path",
        "status",
        "created_at",
        "updated_at",
        "metadata",
        "workflows",
        "features",
    ]
)
_FEATURE_KEYS = frozenset(
    [
        "id",
        "project_id",
        "name",
        "prompt",
        "status",
        "current_phase",
        "workflow_type",
        "workflow_digest",
        "created_at",
        "updated_at",
        "phases",
        "artifacts",
        "metadata",
        WORK,
    ]
)
_RECORD_KEYS = frozenset(
    ["id", "status", "attempts", "started_at", "completed_at", "outputs", WORK]
)


class FeatureIndex:
    """Finds stored features by name and by the beginning of an id, and sums them up.

    It follows the documents of one store; only features that changed are read again.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._ids: list[str] = []
        self._summaries: dict[str, FeatureSummary] = {}

    def follow(self, document: Document, changes: Patch | None) -> None:
        """Take over what changed in a document; all of it when ``changes`` is None."""
        features: dict[str, Document] = document.get("features", {})
        changed = None if changes is None else touched_features(changes)
        if changed is None:
            self._summaries = {key: _summary(feature) for key, feature in features.items()}
            self._names = {summary.name: key for key, summary in self._summaries.items()}
            self._keys = {
                name: key
                for key, feature in features.items()
                if (name := idempotency_key_of(feature)) is not None
            }
            self._ids = sorted(features)
            return
        before = {key: self._summaries.get(key) for key in changed}
        for key in changed:
            if key in features:
                self._enter(key, features[key])
            else:
                self._summaries.pop(key, None)
                self._ids = [each for each in self._ids if each != key]
                self._keys = {name: each for name, each in self._keys.items() if each != key}
        for key, summary in before.items():  # last, so that no reader in a thread misses both
            now = self._summaries.get(key)
            if summary is None or (now is not None and now.name == summary.name):
                continue
            if self._names.get(summary.name) == key:
                del self._names[summary.name]

    def _enter(self, key: str, feature: Document) -> None:
        self._summaries[key] = summary = _summary(feature)
        self._names[summary.name] = key
        if (name := idempotency_key_of(feature)) is not None:
            self._keys[name] = key
        position = bisect.bisect_left(self._ids, key)
        if self._ids[position : position + 1] != [key]:
            self._ids.insert(position, key)

    def id_of(self, name: str) -> str | None:
        """The id of the feature with this name."""
        return self._names.get(name)

    def id_of_call(self, idempotency_key: str) -> str | None:
        """The id of the feature that the call with this key started."""
        return self._keys.get(idempotency_key)

    def ids_beginning(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``."""
        following = islice(self._ids, bisect.bisect_left(self._ids, prefix), None)
        return list(takewhile(lambda key: key.startswith(prefix), following))

    def summaries(self) -> list[FeatureSummary]:
        """A summary of every feature, oldest first."""
        return list(self._summaries.values())


class StoredFeatures:
    """The features of a stored project; each is decoded when it is asked for.

    Attributes:
        loaded: the project's own members as they were loaded.
        decoded: the features that were asked for or added.
        base: the documents that those were decoded from.
    """

    def __init__(self, document: Document, index: FeatureIndex) -> None:
        self._index = index
        self.decoded: dict[str, Feature] = {}
        self.base: dict[str, Document] = {}
        self._added: dict[str, str] = {}
        self.rebase(document)

    def rebase(self, document: Document) -> None:
        """Count ``document`` as what was loaded, once the changes are part of it."""
        self._documents: Mapping[str, Document] = document.get("features", {})
        self.loaded = {key: value for key, value in document.items() if key != "features"}
        self.base = {key: self._documents[key] for key in self.decoded if key in self._documents}
        self._added.clear()

    def __len__(self) -> int:
        return len(self._documents) + len(self._added)

    def __iter__(self) -> Iterator[Feature]:
        for key in [*self._documents, *self._added.values()]:
            feature = self.by_id(key)
            if feature is not None:
                yield feature

    def add(self, feature: Feature) -> None:
        """Add a feature whose id and name are new."""
        self.decoded[feature.id] = feature
        self._added[feature.name] = feature.id

    def by_id(self, feature_id: str) -> Feature | None:
        """The feature with exactly this id."""
        if feature_id not in self.decoded:
            document = self._documents.get(feature_id)
            if document is None:
                return None
            self.base[feature_id] = document
            self.decoded[feature_id] = decode_feature(document)
        return self.decoded[feature_id]

    def by_name(self, name: str) -> Feature | None:
        """The feature with exactly this name."""
        found = self._added.get(name) or self._index.id_of(name)
        return self.by_id(found) if found else None

    def by_idempotency_key(self, key: str) -> Feature | None:
        """The feature that the call with this key started."""
        found = self._index.id_of_call(key)
        return self.by_id(found) if found else None

    def ids_beginning(self, prefix: str) -> list[str]:
        """The ids that begin with ``prefix``."""
        added = [key for key in self._added.values() if key.startswith(prefix)]
        return [*self._index.ids_beginning(prefix), *added]

    def has_name(self, name: str) -> bool:
        """Whether a feature bears this name."""
        return name in self._added or self._index.id_of(name) is not None

    def summaries(self) -> list[FeatureSummary]:
        """A summary of every feature, oldest first."""
        fresh = {key: FeatureSummary.of(feature) for key, feature in self.decoded.items()}
        stored = [fresh.pop(summary.id, summary) for summary in self._index.summaries()]
        return [*stored, *fresh.values()]


def decode_project(
    document: Document, index: FeatureIndex, path: str, clock: Clock = utc_now
) -> Project:
    """The project of a document, at the place where it was found now."""
    return Project(
        id=document["id"],
        name=document["name"],
        path=path,
        status=ProjectStatus(document["status"]),
        created_at=parse_utc(document["created_at"]),
        updated_at=parse_utc(document["updated_at"]),
        metadata=copy.deepcopy(document.get("metadata") or {}),
        workflows=dict(document.get("workflows") or {}),
        extra=_unknown(document, _PROJECT_KEYS),
        features=StoredFeatures(document, index),
        clock=clock,
    )


def encode_project(project: Project) -> Document:
    """The project's own members, in the order in which they are stored, no features."""
    return {
        "id": project.id,
        "name": project.name,
        "path": project.path,
        "status": project.status.value,
        "created_at": project.created_at.isoformat(),
        "updated_at": project.updated_at.isoformat(),
        "metadata": copy.deepcopy(project.metadata),
        "workflows": dict(project.workflows),
        **copy.deepcopy(project.extra),
    }


def project_changes(project: Project) -> Patch:
    """What was changed in a stored project since it was loaded."""
    features = stored_features(project)
    changes = diff(features.loaded, encode_project(project))
    for key, feature in features.decoded.items():
        encoded = encode_feature(feature)
        base = features.base.get(key)
        if base is None:
            changes.append({"op": "add", "path": pointer("features", key), "value": encoded})
        else:
            changes.extend(diff(base, encoded, pointer("features", key)))
    return changes


def stored_features(project: Project) -> StoredFeatures:
    """The features of a project that a repository gave.

    Raises:
        TypeError: the project was made otherwise.
    """
    if not isinstance(project.features, StoredFeatures):
        raise TypeError("the project was not given by a repository")
    return project.features


def encode_feature(feature: Feature) -> Document:
    """The feature as it is stored."""
    return {
        "id": feature.id,
        "project_id": feature.project_id,
        "name": feature.name,
        "prompt": feature.prompt,
        "status": feature.status,
        "current_phase": feature.current_phase,
        "workflow_type": feature.workflow_type,
        "workflow_digest": feature.workflow_digest,
        "created_at": feature.created_at.isoformat(),
        "updated_at": feature.updated_at.isoformat(),
        "phases": {key: _encode_record(record) for key, record in feature.phases.items()},
        "artifacts": copy.deepcopy(feature.artifacts),
        "metadata": copy.deepcopy(feature.metadata),
        **encode_feature_work(feature),
        **copy.deepcopy(feature.extra),
    }


def decode_feature(document: Document) -> Feature:
    """The feature of a stored document."""
    feature = Feature(
        id=document["id"],
        project_id=document["project_id"],
        name=document["name"],
        prompt=document["prompt"],
        status=document["status"],
        current_phase=document["current_phase"],
        workflow_type=document["workflow_type"],
        workflow_digest=document.get("workflow_digest"),
        created_at=parse_utc(document["created_at"]),
        updated_at=parse_utc(document["updated_at"]),
        phases={key: _decode_record(record) for key, record in document["phases"].items()},
        artifacts=copy.deepcopy(document["artifacts"]),
        metadata=copy.deepcopy(document["metadata"]),
        extra=_unknown(document, _FEATURE_KEYS),
    )
    decode_feature_work(feature, document)
    return feature


def _encode_record(record: PhaseRecord) -> Document:
    return {
        **record.to_dict(),
        **encode_record_work(record),
        **copy.deepcopy(record.extra),
    }


def _decode_record(document: Document) -> PhaseRecord:
    started, completed = document["started_at"], document["completed_at"]
    record = PhaseRecord(
        id=document["id"],
        status=PhaseStatus(document["status"]),
        attempts=document["attempts"],
        started_at=parse_utc(started) if started else None,
        completed_at=parse_utc(completed) if completed else None,
        outputs=[Artifact(**output) for output in document["outputs"]],
        extra=_unknown(document, _RECORD_KEYS),
    )
    decode_record_work(record, document)
    return record


def _summary(document: Document) -> FeatureSummary:
    claimed_by, claimed_until = claim_of(document)
    return FeatureSummary(
        id=document["id"],
        name=document["name"],
        status=document["status"],
        current_phase=document["current_phase"],
        created_at=parse_utc(document["created_at"]),
        updated_at=parse_utc(document["updated_at"]),
        claimed_by=claimed_by,
        claimed_until=claimed_until,
    )


def _unknown(document: Document, known: frozenset[str]) -> dict[str, Any]:
    return copy.deepcopy({key: value for key, value in document.items() if key not in known})
