"""Judges a state that comes from outside before it becomes a project's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import orjson

from cde_orchestrator.adapters.repositories.codec import decode_feature, decode_project
from cde_orchestrator.adapters.repositories.documents import WORK
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.feature import CLOSED_STATUSES, KNOWN_STATUSES, Feature
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.project_facts import ProjectFacts
from cde_orchestrator.domain.value import completed
from cde_orchestrator.domain.workflow import Workflow
from cde_orchestrator.storage.format.checkpoint import OWN_KEYS
from cde_orchestrator.storage.format.feature_texts import plain
from cde_orchestrator.storage.format.json_patch import Document

_PROJECT = {"id": str, "name": str, "path": str, "status": str, "metadata": dict, "features": dict}
_FEATURE = {
    "id": str,
    "project_id": str,
    "name": str,
    "prompt": str,
    "status": str,
    "workflow_type": str,
    "metadata": dict,
    "phases": dict,
}
_RECORD = {"id": str, "status": str, "attempts": int, "outputs": list}


def checked_document(document: Document) -> Document:
    """The document, if a project and every feature of it can be made of it, and be stored.

    Raises:
        StateError: E210, with what is wrong where.
    """
    where, document = "the project", plain(document)
    try:
        orjson.dumps(document)
        _require_types(document, _PROJECT)
        reserved = [key for key in OWN_KEYS if key in document]
        if reserved:
            raise ValueError(f"{', '.join(reserved)} belongs to the file, not to the state")
        project = decode_project(document, FeatureIndex(), document["path"])
        for moment in (project.created_at, project.updated_at):
            _require_fit(moment, datetime, "created_at or updated_at")
        for name, hint in _hints_of(ProjectFacts).items():
            if (fact := project.metadata.get(name)) is not None:
                _require_fit(fact, hint, name)
        for digest, kept in project.workflows.items():
            where = f"workflow {digest}"
            _require_fit(Workflow.from_dict(kept), Workflow)
        names: set[str] = set()
        for key, stored in document["features"].items():
            where = f"feature {key}"
            _require_types(stored, _FEATURE)
            for phase_id, record in stored["phases"].items():
                _require_types(record, _RECORD)
                _require_work(record)
                if record["id"] != phase_id:
                    raise ValueError(f"the record of phase {phase_id} has another id")
            _require_work(stored)
            feature = decode_feature(stored)
            _require_fit(feature, Feature)
            if feature.id != key or feature.name in names:
                raise ValueError("its id or its name is used twice or elsewhere")
            names.add(feature.name)
            _require_known_workflow(project, feature)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StateError.of("E210", where=where, reason=reason) from error
    return document


def _require_types(value: Any, types: Mapping[str, type]) -> None:
    for key, wanted in types.items():
        if type(value[key]) is not wanted:
            raise TypeError(f"{key} is not of the type {wanted.__name__}")


def _require_work(stored: Document) -> None:
    """What is kept of the work is an object; anything else would be read as nothing."""
    if not isinstance(stored.get(WORK, {}), dict):
        raise TypeError(f"{WORK} is not of the type dict")


@cache
def _hints_of(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(completed(kind))}


def _require_fit(value: Any, hint: Any, where: str = "") -> None:
    """What was made of stored values has the types that the classes of the domain say."""
    kind, inner = get_origin(hint), get_args(hint)
    if hint is Any or (value is None and NoneType in inner):
        return
    if kind in {UnionType, Union}:
        _require_fit(value, inner[0], where)
    elif kind is Literal:
        if value not in inner:
            raise ValueError(f"{where} is not one of {', '.join(map(str, inner))}")
    elif kind is not None and issubclass(kind, Mapping):
        for key, item in value.items():
            _require_fit(key, str, where)
            _require_fit(item, inner[1], f"{where}.{key}")
    elif kind in {list, tuple}:
        for number, item in enumerate(value):
            _require_fit(item, inner[0], f"{where}[{number}]")
    elif isinstance(hint, type) and is_dataclass(completed(hint)):
        for name, found in _hints_of(hint).items():
            _require_fit(getattr(value, name), found, f"{where}.{name}" if where else name)
    elif hint is float:
        if type(value) not in {int, float} or not isfinite(value):
            raise TypeError(f"{where} is no number")
    elif not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise TypeError(f"{where} is not of the type {hint.__name__}")
    elif isinstance(value, datetime) and not 1 < value.year < 9999:
        raise ValueError(f"{where} is no time")


def _require_known_workflow(project: Project, feature: Feature) -> None:
    """A feature that keeps a workflow has a record of each of its phases, and of no other.

    Its status is that of one of them, or of a feature that is closed.
    """
    workflow = project.workflow_of(feature)
    known: set[str | None] = {*feature.phases} or {feature.current_phase}
    statuses = KNOWN_STATUSES
    if workflow is not None:
        statuses = CLOSED_STATUSES | {phase.feature_status for phase in workflow.phases}
        known = {phase.id for phase in workflow.phases}
        if set(feature.phases) != known:
            raise ValueError("its phases are not those of its workflow")
    if feature.current_phase not in {None, *known}:
        raise ValueError("its current phase is not one of its phases")
    if feature.status not in statuses:
        raise ValueError(f"its status is not one of {', '.join(sorted(statuses))}")
