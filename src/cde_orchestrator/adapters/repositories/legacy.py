"""Reads the state files of releases that wrote no schema version.

Their top level has ``id, name, path, status, created_at, updated_at, metadata, features``;
a feature has ``id, project_id, prompt, status, current_phase, workflow_type, created_at,
updated_at, artifacts, metadata``. Keys that are not known are carried along unchanged.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from cde_orchestrator.domain.exceptions import StateError, ValidationError
from cde_orchestrator.domain.feature import KNOWN_STATUSES
from cde_orchestrator.domain.names import checked_name, free_name, slug_from
from cde_orchestrator.domain.project import ProjectStatus
from cde_orchestrator.domain.workflow import CANONICAL_STATUS, IN_PROGRESS
from cde_orchestrator.storage.format.json_patch import Document

BEFORE = "before_migration"
"""Key of a feature's metadata that keeps what it was called where that could not stay."""

_PHASE_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def migrate(content: dict[str, Any], path: str) -> Document:
    """The document of a version-less state file; no key is lost.

    Raises:
        StateError: E201, it is no state file of this product.
    """
    features = content.get("features", [])
    entries = _keyed(features) if isinstance(features, dict) else features
    usable = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    if not usable or not ({"id", "features"} & content.keys()):
        reason = "state.json has neither a schema version nor the keys of an older release"
        raise StateError.of("E201", path=path, reason=reason)
    now = datetime.now(UTC).isoformat()
    project_id = str(content.get("id") or uuid.uuid4())
    status = content.get("status")
    document = {
        "id": project_id,
        "name": str(content.get("name") or path.rsplit("/", 1)[-1] or "project"),
        "path": str(content.get("path") or path),
        "status": status if status in list(ProjectStatus) else ProjectStatus.ERROR.value,
        "created_at": _moment(content.get("created_at"), now),
        "updated_at": _moment(content.get("updated_at"), now),
        "metadata": _mapping(content.get("metadata")),
        "workflows": {},
    }
    unknown = {key: value for key, value in content.items() if key not in document}
    unknown.pop("features", None)
    document = {**document, **unknown, "features": _features(entries, project_id, now)}
    try:
        orjson.dumps(document)  # half characters and depths cannot be written down
    except (TypeError, RecursionError) as error:
        raise StateError.of("E201", path=path, reason=f"state.json: {error}") from error
    return document


def _features(entries: Iterable[dict[str, Any]], project_id: str, now: str) -> Document:
    found: Document = {}
    names: set[str] = set()
    for entry in entries:
        feature_id = str(entry.get("id") or uuid.uuid4())
        if feature_id in found:
            feature_id = str(uuid.uuid4())
        prompt = str(entry.get("prompt") or "")
        own = str(entry.get("name") or "")
        name = free_name(_slug(own) or slug_from(prompt), names.__contains__)
        names.add(name)
        stated = str(entry.get("status") or "defining")
        phase = _phase(entry.get("current_phase"), stated)
        of_phase = CANONICAL_STATUS.get(phase or "", IN_PROGRESS)
        status = stated if stated in KNOWN_STATUSES else of_phase
        replaced = {
            "name": (own, name),
            "status": (stated, status),
            "current_phase": (entry.get("current_phase"), phase),
        }
        before = {key: old for key, (old, new) in replaced.items() if old and old != new}
        metadata = _mapping(entry.get("metadata"))
        known = {
            "id": feature_id,
            "project_id": str(entry.get("project_id") or project_id),
            "name": name,
            "prompt": prompt,
            "status": status,
            "current_phase": phase,
            "workflow_type": str(entry.get("workflow_type") or "default"),
            "workflow_digest": None,
            "created_at": _moment(entry.get("created_at"), now),
            "updated_at": _moment(entry.get("updated_at"), now),
            "phases": {},
            "artifacts": entry.get("artifacts", []),
            "metadata": {**metadata, BEFORE: before} if before else metadata,
        }
        found[feature_id] = {**entry, **known}
    return found


def _slug(name: str) -> str:
    """The name as features are called now, which is good for paths and commands."""
    try:
        return checked_name(name)
    except ValidationError:
        return slug_from(name) if name.strip() else ""


def _phase(value: object, status: str) -> str | None:
    """The phase by the id that workflows have for it, as ``define`` for ``PHASE_1_DEFINE``."""
    if not isinstance(value, str) or not value.strip():
        return None
    if _PHASE_ID.fullmatch(value):
        return value
    words = re.findall(r"[a-z]+", value.lower())
    named = next((word for word in reversed(words) if word in CANONICAL_STATUS), None)
    by_status = {each: phase for phase, each in CANONICAL_STATUS.items()}
    return named or by_status.get(status, value)


def _keyed(features: dict[str, Any]) -> list[Any]:
    """Features that are keyed by id, as a list; the key is the id of one without."""
    return [
        {**entry, "id": entry.get("id") or key} if isinstance(entry, dict) else entry
        for key, entry in features.items()
    ]


def _moment(value: object, fallback: str) -> str:
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        return fallback


def _mapping(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"value": value}
