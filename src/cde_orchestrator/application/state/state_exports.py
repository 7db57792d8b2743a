"""The state as one JSON document that people, git and other machines can work with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from cde_orchestrator.domain.clock import parse_utc
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.names import free_name
from cde_orchestrator.domain.text import why_unreadable

FORMAT = "cde-export"
VERSION = 1
_INCIDENTAL = frozenset({"moved", "path", "updated_at"})
"""Members of a project that differ although nobody changed the project itself."""
_NOT_EXPORTED = frozenset({"features", "moved"})  # where it comes from is not what it is
_NEEDED = ("id", "name", "created_at", "updated_at")


def export_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The export of a state: the project, then its features, oldest first."""
    features = sorted(
        document["features"].values(), key=lambda feature: (feature["created_at"], feature["id"])
    )
    own = {key: value for key, value in document.items() if key not in _NOT_EXPORTED}
    return {"format": FORMAT, "version": VERSION, "project": own, "features": features}


def export_text(export: Mapping[str, Any]) -> str:
    """An export as text: the same state gives the same text, one feature a block of lines."""
    own = _text(export["project"])
    features = ",\n".join(map(_text, export["features"]))
    return (
        f'{{"format": "{FORMAT}", "version": {VERSION},\n"project": {own},\n'
        f'"features": [\n{features}\n]}}\n'
    )


def _text(value: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # a number of more than 64 bits in a foreign export, or half a character
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def parse_export(text: str) -> dict[str, Any]:
    """The state in an export's text; only its outer shape is checked.

    Raises:
        StateError: E210, it is no export, or one of a newer release.
    """
    try:
        export = json.loads(text)
        json.dumps(export, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise StateError.of("E210", where="the file", reason="it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        reason = f"it is not JSON: {why_unreadable(error)}"
        raise StateError.of("E210", where="the file", reason=reason) from error
    if not isinstance(export, dict) or export.get("format") != FORMAT:
        raise StateError.of("E210", where="the file", reason="it is not a state export")
    if export.get("version") != VERSION:
        reason = f"its version is {export.get('version')}, not {VERSION}"
        raise StateError.of("E210", where="the file", reason=reason)
    own, features = export.get("project"), export.get("features")
    if not isinstance(own, dict) or not isinstance(features, list):
        raise StateError.of("E210", where="the file", reason="project or features are missing")
    if not isinstance(own.get("workflows") or {}, dict):
        raise StateError.of("E210", where="the project", reason="its workflows are no mapping")
    keyed: dict[str, Any] = {}
    for feature in features:
        if not isinstance(feature, dict) or not all(
            isinstance(feature.get(key), str) for key in _NEEDED
        ):
            reason = f"one lacks text for at least one of: {', '.join(_NEEDED)}"
            raise StateError.of("E210", where="features", reason=reason)
        feature_id = feature["id"]
        if feature_id in keyed:
            raise StateError.of("E210", where="features", reason="an id occurs twice")
        keyed[feature_id] = feature
    own = {key: value for key, value in own.items() if key not in _NOT_EXPORTED}
    return {**own, "features": keyed}


def parse_base(text: str) -> dict[str, Any]:
    """As ``parse_export``; git gives an empty text where the two sides share no ancestor.

    Raises:
        StateError: E210.
    """
    return parse_export(text) if text.strip() else {"features": {}}


def merge_exports(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Merge two states that grew from ``base``, feature by feature.

    A feature that one side changed is taken from there; of one that both changed, the newest
    revision wins (by ``updated_at``) and its name is reported. Where two features have one name,
    the later one is given a free name, which is reported too.

    Returns:
        The merged state, and what both sides changed.
    """
    own_base, own_ours, own_theirs = (_own(side) for side in (base, ours, theirs))
    conflicts: list[str] = []
    project = _pick(own_base, own_ours, own_theirs, "the project", conflicts)
    telling = {*own_ours, *own_theirs} - _INCIDENTAL
    if all(own_ours.get(key) == own_theirs.get(key) for key in telling):
        conflicts.clear()
    workflows = {**_workflows(theirs), **_workflows(ours)}
    sides = [side["features"] for side in (base, ours, theirs)]
    features: dict[str, Any] = {}
    for key in dict.fromkeys([*sides[0], *sides[1], *sides[2]]):
        old, mine, other = (side.get(key) for side in sides)
        name = (other or mine or old or {}).get("name")
        merged = _pick(old, mine, other, f"feature {name}", conflicts)
        if merged is not None:
            features[key] = merged
    conflicts += _part_names(features)
    return {**(project or {}), "workflows": workflows, "features": features}, conflicts


def _pick(base: Any, ours: Any, theirs: Any, name: str, conflicts: list[str]) -> Any:
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    conflicts.append(name)
    if ours is None or theirs is None:
        return ours or theirs
    return theirs if _revised(theirs) > _revised(ours) else ours


def _part_names(features: dict[str, Any]) -> list[str]:
    """Give features whose name is taken by an older one a free name; what was renamed."""
    taken = {feature["name"] for feature in features.values()}
    seen: set[str] = set()
    renamed: list[str] = []
    for key, feature in sorted(features.items(), key=lambda item: (item[1]["created_at"], item[0])):
        name = feature["name"]
        if name in seen:
            name = free_name(name, taken.__contains__)
            features[key] = {**feature, "name": name}
            renamed.append(f"feature {feature['name']} (one of two is now {name})")
        taken.add(name)
        seen.add(name)
    return renamed


def _revised(revision: Mapping[str, Any]) -> tuple[datetime, str]:
    """When it was changed; what is no time is older than every time."""
    text = str(revision.get("updated_at", ""))
    try:
        return parse_utc(text), text
    except ValueError:
        return datetime.min.replace(tzinfo=UTC), text


def _own(side: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in side.items() if key not in {"features", "workflows"}}


def _workflows(side: Mapping[str, Any]) -> dict[str, Any]:
    return dict(side.get("workflows") or {})
