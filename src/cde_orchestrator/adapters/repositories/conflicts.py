"""Checks whether changes to a project still fit the state that it has by now."""

from __future__ import annotations

from cde_orchestrator.adapters.repositories.codec import (
    FeatureIndex,
    encode_feature,
    stored_features,
)
from cde_orchestrator.domain.exceptions import ConcurrentChangeError, FeatureError
from cde_orchestrator.domain.names import free_name
from cde_orchestrator.domain.project import Project
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff, keys_of


def require_no_conflict(
    project: Project, changes: Patch, current: Document, index: FeatureIndex
) -> None:
    """Refuse to overwrite what somebody else changed since the project was loaded.

    Args:
        project: as somebody changed it.
        changes: what they changed.
        current: the state by now.
        index: over its features.

    Raises:
        ConcurrentChangeError: E207.
        FeatureError: E104, a new feature's name was taken meanwhile.
    """
    loaded = stored_features(project)
    own = {key: value for key, value in current.items() if key != "features"}
    theirs = {keys_of(operation["path"])[0] for operation in diff(loaded.loaded, own)}
    mine = {keys_of(operation["path"])[0] for operation in changes}
    if mine & theirs - {"workflows", "updated_at"}:
        raise ConcurrentChangeError.of("E207", subject="The project")
    stored = current["features"]
    for key, feature in loaded.decoded.items():
        base = loaded.base.get(key)
        if base is None and index.id_of(feature.name) is not None:
            free = free_name(feature.name, lambda name: index.id_of(name) is not None)
            raise FeatureError.of("E104", name=feature.name, free_name=free)
        touched = base is not None and encode_feature(feature) != base
        if touched and stored.get(key) != base:
            raise ConcurrentChangeError.of("E207", subject=f"The feature '{feature.name}'")
