"""Refuses, in a valid state that comes from elsewhere, what could not have come about here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cde_orchestrator.application.ports.core import WorkflowRepository
from cde_orchestrator.domain.exceptions import StateError, ValidationError
from cde_orchestrator.domain.feature import CLOSED_STATUSES
from cde_orchestrator.domain.names import checked_name
from cde_orchestrator.domain.project import NAME_LIMIT
from cde_orchestrator.domain.project_paths import path_problem
from cde_orchestrator.domain.records import checked_key
from cde_orchestrator.domain.text import checked_line, checked_prompt, counted

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ID_SHOWN = 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_PROGRESS = re.compile(r"[0-9]{1,12}")
_MOST_ATTEMPTS = 1_000_000


def require_usable(document: Mapping[str, Any], workflows: WorkflowRepository) -> None:
    """Refuse, in a valid state from elsewhere, what no start and no submission accepts.

    Raises:
        StateError: E210.
    """
    if reason := _unusable_project(document, workflows):
        raise StateError.of("E210", where="the project", reason=reason)
    for feature in document["features"].values():
        where = f"feature {feature['id'][:_ID_SHOWN]!r}"
        if reason := _unusable(feature):
            raise StateError.of("E210", where=where, reason=reason)


def _unusable_project(document: Mapping[str, Any], workflows: WorkflowRepository) -> str | None:
    try:
        checked_line("name", document["name"], NAME_LIMIT)
        for kept in (document.get("workflows") or {}).values():
            workflows.require_usable(kept)
    except ValidationError as error:
        return error.message
    facts = document["metadata"]
    for key in ("languages", "test_command", "evidence"):
        if not _are_texts(facts.get(key) or []):
            return f"its {key} is no list of texts"
    if not isinstance(facts.get("package_manager"), str | None):
        return "its package_manager is no text"
    return None


def _unusable(feature: Mapping[str, Any]) -> str | None:
    if not _ID.fullmatch(feature["id"]):
        return "its id has other characters than letters, digits, - and _, or too many"
    work = feature.get("work") or {}
    try:
        checked_name(feature["name"])
        checked_prompt(feature["prompt"])
        checked_key(work.get("idempotency_key") or None)
    except ValidationError as error:
        return error.message
    is_open = feature["status"] not in CLOSED_STATUSES
    if is_open and feature["phases"] and feature["current_phase"] not in feature["phases"]:
        return "it is open, and none of its phases is the current one"
    if not _is_commit((work.get("baseline") or {}).get("commit")):
        return "its baseline has no commit of git's"
    if not all(map(_is_event, work.get("events") or [])):
        return "what happened to it is not as it is noted"
    closing = work.get("closing")
    if closing and not (_has_texts(closing, "outcome", "reason", "by") and _is_moment(closing)):
        return "how it was closed is not as it is noted"
    return next(filter(None, map(_unusable_phase, feature["phases"].values())), None)


def _unusable_phase(record: Mapping[str, Any]) -> str | None:
    phase_id, work = record["id"], record.get("work") or {}
    used = work.get("attempts_before") or 0
    if not 0 <= used <= record["attempts"] <= _MOST_ATTEMPTS:
        return f"phase {phase_id} has {used} of {counted(record['attempts'], 'attempt')} behind it"
    for artifact in record["outputs"]:
        if reason := path_problem(artifact["path"]):
            return f"an output of phase {phase_id} cannot be there: {reason}"
        if not _SHA256.fullmatch(artifact["sha256"]) or artifact["size"] < 0:
            return f"an output of phase {phase_id} has no digest or no size"
    if not all(map(_PROGRESS.fullmatch, work.get("progress") or {})):
        return f"saved progress of phase {phase_id} has no number"
    if not all(map(_is_commit, (work.get("start_commit"), work.get("end_commit")))):
        return f"phase {phase_id} has no commit of git's"
    if (printed := work.get("check_output")) and not _SHA256.fullmatch(printed):
        return f"what the check of phase {phase_id} printed has no digest"
    if not all(_has_texts(past, "status") for past in work.get("past") or []):
        return f"what was rolled back of phase {phase_id} is not as it is noted"
    return None


def _is_event(event: Mapping[str, Any]) -> bool:
    """Whether it is what a feature notes."""
    if not (_has_texts(event, "event") and _is_moment(event)):
        return False
    if event["event"] == "file_kept" and not _has_texts(event, "phase", "path", "kept_as"):
        return False
    if "source" in event and not (
        isinstance(event["source"], dict)
        and _has_texts(event["source"], "folder", "before", "after")
    ):
        return False
    files = event.get("files") or []
    return isinstance(files, list) and all(
        isinstance(each, dict)
        and _has_texts(each, "id", "path")
        and path_problem(each["path"]) is None
        and all(key in each and isinstance(each[key], str | None) for key in ("before", "after"))
        for each in files
    )


def _is_moment(noted: Mapping[str, Any]) -> bool:
    """Whether it says at what time it was noted, with the zone."""
    try:
        return datetime.fromisoformat(noted["at"]).tzinfo is not None
    except (KeyError, TypeError, ValueError):
        return False


def _is_commit(commit: str | None) -> bool:
    return not commit or _COMMIT.fullmatch(commit) is not None


def _has_texts(noted: Mapping[str, Any], *names: str) -> bool:
    return _are_texts([noted.get(name) for name in names])


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) for each in values)
