"""Changes to a project, set against what others changed since it was loaded."""

from __future__ import annotations

import json

from cde_orchestrator.adapters.repositories.codec import (
    StoredFeatures,
    encode_feature,
    encode_project,
    require_name,
)
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import ConcurrentChangeError, FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.names import free_name
from cde_orchestrator.domain.project import Project
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff, keys_of, pointer

_SHARED = frozenset({"workflows", "updated_at"})
"""Members of a project that may change on both sides."""
_SHOWN = 100


def features_of(project: Project, index: FeatureIndex) -> StoredFeatures:
    """The features of a project; where it was never stored, all of them as new ones."""
    if isinstance(project.features, StoredFeatures):
        return project.features
    features = StoredFeatures({"workflows": {}}, index)
    for feature in project.features:
        features.add(feature)
    return features


def fitting_changes(
    project: Project,
    features: StoredFeatures,
    document: Document,
    index: FeatureIndex,
    *,
    force: bool = False,
) -> tuple[Patch, list[str]]:
    """What was changed in a project, as it fits the present ``document``.

    With ``force``, what somebody else changed as well is made as it is here; the second value
    says in words what that overrides.

    Raises:
        ConcurrentChangeError: E207, without ``force``.
        FeatureError: E104, a new feature's name was taken meanwhile.
        ValidationError: E302, E303 or E305, what was changed cannot be stored.
    """
    own, wanted = _own(document), encode_project(project)
    changes, overridden = diff(features.loaded, wanted), list[str]()
    if "name" in _members(changes):
        require_name(project)
    contended = _members(changes) & _members(diff(features.loaded, own)) - _SHARED
    changes = [each for each in changes if keys_of(each["path"])[0] not in contended]
    for name in sorted(contended):
        part = diff(_only(own, name), _only(wanted, name))
        if part and not force:
            raise ConcurrentChangeError.of("E207", subject="The project")
        if part:
            changes += part
            overridden.append(_member_words(own, name))
    needed: set[str | None] = set()
    for key, feature in features.decoded.items():
        part, is_contended = _feature_changes(key, feature, features, document, index)
        if is_contended and not force:
            raise ConcurrentChangeError.of("E207", subject=f"The feature '{feature.name}'")
        if is_contended:
            overridden.append(_feature_words(feature.name, key in document["features"]))
        if part:
            needed.add(feature.workflow_digest)
            changes += part
    # A workflow that went meanwhile comes back with the features that follow it.
    kept, known = own.get("workflows", {}), features.loaded.get("workflows", {})
    lost = {key: known[key] for key in known.keys() & needed - kept.keys()}
    if lost:
        changes += diff(_only(own, "workflows"), {"workflows": {**kept, **lost}})
    return changes, overridden


def _feature_changes(
    key: str, feature: Feature, features: StoredFeatures, document: Document, index: FeatureIndex
) -> tuple[Patch, bool]:
    """What makes a feature as it is here, and whether that overrides what somebody else did."""
    encoded, where = encode_feature(feature), pointer("features", key)
    base, stored = features.base.get(key), document["features"].get(key)
    if base is not None:
        changes = diff(base, encoded, where)
        if not changes or stored is base or (stored is not None and not diff(base, stored)):
            return changes, False
    if stored is not None:
        changes = diff(stored, encoded, where)
        return changes, bool(changes)
    if index.id_of(feature.name) is not None:
        free = free_name(feature.name, lambda name: index.id_of(name) is not None)
        raise FeatureError.of("E104", name=feature.name, free_name=free)
    return [{"op": "add", "path": where, "value": encoded}], base is not None


def _own(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "features"}


def _members(changes: Patch) -> set[str]:
    return {keys_of(operation["path"])[0] for operation in changes}


def _only(document: Document, name: str) -> Document:
    return {name: document[name]} if name in document else {}


def _member_words(theirs: Document, name: str) -> str:
    if name not in theirs:
        return f"The project's {name} is kept; somebody else had removed it."
    value = plain(json.dumps(theirs[name], ensure_ascii=False), _SHOWN)
    return f"The project's {name} was replaced; somebody else had changed it to {value}."


def _feature_words(name: str, is_there: bool) -> str:
    if is_there:
        return f"The feature '{name}' was replaced; somebody else had changed it."
    return f"The feature '{name}' is kept; somebody else had removed it."
