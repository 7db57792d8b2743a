"""Projects as stored documents, and back.

A document is plain JSON data in which features and phases are keyed by id. Features are
decoded when they are asked for, so that a change costs what it touches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from itertools import chain, islice
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cde_orchestrator.adapters.repositories.documents import OUTPUT, WORK, work_of
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.refusing import (
    refusing_unreadable,
    refusing_unstorable,
)
from cde_orchestrator.domain.clock import Clock, parse_utc, utc_now
from cde_orchestrator.domain.feature import Feature, artifacts_from
from cde_orchestrator.domain.features import Features, FeatureSummary, touched_by
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.project import NAME_LIMIT, Project, ProjectStatus
from cde_orchestrator.domain.records import Failure
from cde_orchestrator.domain.related import COMPARED, Touched
from cde_orchestrator.domain.text import checked_line
from cde_orchestrator.domain.value import Value
from cde_orchestrator.storage.format.feature_texts import FeatureTexts, touched_features
from cde_orchestrator.storage.format.json_patch import Document, Patch, keys_of

_WORK_FIELDS: dict[type, tuple[str, ...]] = {
    Feature: (
        "workflow_file",
        "claim",
        "closing",
        "idempotency_key",
        "branch",
        "baseline",
        "base",
        *("trials", "seen_source", "verified", "waivers", "events"),
    ),
    PhaseRecord: (
        *("attempts_before", "failures", "evidence", "check_output", "progress"),
        *("accepted_goal", "accepted_tree"),
        *("entered", "entered_at", "written", "start_commit", "end_commit"),
        *("start_source", "proof", "approval", "difference", "doer", "given", "returned"),
        "refused",
        *("tasks", "ticks", "runs", "past"),
    ),
}
_OWN_FIELDS = {
    kind: [each.name for each in fields(kind) if each.name not in {*work, "extra"}]
    for kind, work in _WORK_FIELDS.items()
}
_SCALARS = frozenset({str, int, float, bool, type(None)})
_PROJECT_FIELDS = ("id", "name", "path", "status", "created_at", "updated_at", "metadata")


class StoredFeatures(Features):
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
        self._documents: dict[str, Document] | FeatureTexts = document.get("features", {})
        self.loaded = {key: value for key, value in document.items() if key != "features"}

    def rebase(self, changes: Patch, document: Document, workflows: Document) -> None:
        """Count the changes as loaded, now that they are part of ``document``.

        What others changed since is not: it is not in the objects here, either.
        """
        touched = touched_features(changes)
        mine = document if touched is None else {keys_of(each["path"])[0] for each in changes}
        kept = {name: value for name, value in self.loaded.items() if name not in mine}
        new = {name: value for name, value in document.items() if name in mine}
        self.loaded = {**kept, **new, "workflows": dict(workflows)}
        self.loaded.pop("features", None)
        self._documents = document["features"]
        for key in self.decoded.keys() if touched is None else touched:
            self.base[key] = self._documents[key]
        self._added.clear()

    def __len__(self) -> int:
        return len(self._documents) + len(self._added)

    def ids(self) -> list[str]:
        """The id of every feature, oldest first."""
        return [*self._documents, *self._added.values()]

    def _newest_ids(self, most: int) -> list[str]:
        """The ids of the newest features, oldest first."""
        newest = chain(reversed(self._added.values()), reversed(self._documents))
        return [*islice(newest, most)][::-1]

    def add(self, feature: Feature) -> None:
        """Add a feature whose id and name are new."""
        self.decoded[feature.id] = feature
        self._added[feature.name] = feature.id

    def by_id(self, feature_id: str) -> Feature | None:
        """The feature with exactly this id.

        Raises:
            StateError: E201, what is stored of it was edited, and is no feature any more.
        """
        if feature_id not in self.decoded:
            document = self._documents.get(feature_id)
            if document is None:
                return None
            self.base[feature_id] = document
            with refusing_unreadable(self.loaded, f"feature {feature_id}"):
                self.decoded[feature_id] = decode_feature(document)
        return self.decoded[feature_id]

    def goal_of(self, feature_id: str) -> str:
        """The goal of a feature, empty where there is none; it is not decoded for it."""
        if feature_id in self.decoded:
            return self.decoded[feature_id].prompt
        document = self._documents.get(feature_id)
        with refusing_unreadable(self.loaded, f"feature {feature_id}"):
            return "" if document is None else str(document["prompt"])

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
        if not self.decoded:
            return self._index.summaries()
        fresh = {key: FeatureSummary.of(feature) for key, feature in self.decoded.items()}
        stored = [fresh.pop(summary.id, summary) for summary in self._index.summaries()]
        return [*stored, *fresh.values()]

    def newest(self, most: int) -> list[FeatureSummary]:
        """Summaries of the newest features, oldest first."""
        decoded, summary = self.decoded, self._index.summary
        keys = self._newest_ids(most)
        found = (FeatureSummary.of(decoded[k]) if k in decoded else summary(k) for k in keys)
        return [*filter(None, found)]

    def with_outputs(self) -> Iterator[Feature]:
        """The features that have a recorded output, oldest first; others are not decoded.

        Raises:
            StateError: E201, as ``by_id``.
        """
        documents = self._documents
        for key in self.ids():
            text = documents.text(key) if isinstance(documents, FeatureTexts) else OUTPUT
            feature = self.decoded.get(key)
            if feature is None and OUTPUT in text:
                with refusing_unreadable(self.loaded, f"feature {key}"):
                    feature = decode_feature(documents[key])
            if feature is not None and artifacts_from(feature.phases):
                yield feature

    def touched(self) -> list[Touched]:
        """What the newest features are about, oldest first; none is decoded for it."""
        keys, decoded = self._newest_ids(COMPARED), self.decoded
        with refusing_unreadable(self.loaded, "features"):
            stored = self._index.touched.of((k for k in keys if k not in decoded), self._documents)
        return [touched_by(decoded[key]) if key in decoded else stored[key] for key in keys]


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
        extra=_unknown(document, {*_PROJECT_FIELDS, "workflows", "features"}),
        features=StoredFeatures(document, index),
        clock=clock,
    )


@refusing_unstorable()
def require_name(project: Project) -> None:
    """Refuse a project's name that ``cde init`` would; one that it has already is left alone.

    Raises:
        ValidationError: E302, E303 or E305.
    """
    checked_line("name", project.name, NAME_LIMIT)


@refusing_unstorable()
def encode_project(project: Project) -> Document:
    """The project's own members, in the order in which they are stored, no features."""
    own = {name: _plain(getattr(project, name)) for name in _PROJECT_FIELDS}
    own["status"] = ProjectStatus(project.status).value
    return {**own, "workflows": dict(project.workflows), **_plain(project.extra)}


@refusing_unstorable()
def encode_feature(feature: Feature) -> Document:
    """The feature as it is stored."""
    document: Document = _plain(feature)
    return document


def decode_feature(document: Document) -> Feature:
    """The feature of a stored document."""
    feature: Feature = _made(Feature, document)
    return feature


def _plain(value: Any) -> Any:
    """A copy as JSON has it: moments as text, tuples as lists, objects by their fields."""
    if type(value) in _SCALARS:  # most of them: first, for it is a hot path
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if not is_dataclass(value):
        return value
    members: Document = {}
    kind: type = type(value)
    for name in _names_of(kind):
        item = getattr(value, name)
        members[name] = item if type(item) in _SCALARS else _plain(item)
    if isinstance(value, Failure) and value.key is None:
        del members["key"]
    if not isinstance(value, Feature | PhaseRecord):
        return members
    extra = members.pop("extra")
    work = {name: members.pop(name) for name in _WORK_FIELDS[kind]}
    kept = {name: item for name, item in work.items() if item}
    return {**members, **({WORK: kept} if kept else {}), **extra}


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """What makes a field of this type of what is stored of it, which it copies.

    Raises:
        TypeError: no field has had this type so far.
    """
    kind, inner = get_origin(hint), get_args(hint)
    if kind in {UnionType, Union} and inner[1:] == (type(None),):
        read = _reader(inner[0])
        nothing = (None, "") if inner[0] is datetime else (None,)
        return lambda value: None if value in nothing else read(value)
    if kind is list:
        read = _reader(inner[0])
        return lambda value: [read(item) for item in value]
    if kind in {dict, Mapping}:
        read = _reader(inner[1])
        return lambda value: {key: read(item) for key, item in value.items()}
    if kind is tuple:
        read = _reader(inner[0])
        return lambda value: tuple(read(item) for item in value)
    if kind is Literal:
        return copy.deepcopy
    if hint is datetime:
        return parse_utc
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if isinstance(hint, type) and (issubclass(hint, Value) or is_dataclass(hint)):
        return partial(_made, hint)
    if hint is Any or hint in (str, int, float, bool):
        return copy.deepcopy
    raise TypeError(f"{hint} is stored in no way that is known")


@cache
def _readers_of(kind: type) -> dict[str, Callable[[Any], Any]]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _made(kind: Any, document: Document) -> Any:
    """An object of a class of the domain; members that are not stored have their defaults."""
    members, others = document, {}
    if kind in _WORK_FIELDS:
        own, work = _OWN_FIELDS[kind], work_of(document)
        members = {key: document[key] for key in own if key in document}
        members |= {key: work[key] for key in _WORK_FIELDS[kind] if work.get(key)}
        others = {"extra": _unknown(document, {*own, WORK})}
    readers = _readers_of(kind)
    typed = {key: readers[key](value) for key, value in members.items()}
    return kind(**typed, **others)


def _unknown(document: Document, known: Collection[str]) -> dict[str, Any]:
    return copy.deepcopy({key: value for key, value in document.items() if key not in known})
