"""What every repository does between a project and what is stored of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from cde_orchestrator.adapters.repositories.codec import (
    FeatureIndex,
    decode_project,
    encode_project,
)
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.secrets import HINTS, data_without_secrets, without_secrets
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Document, Patch
from cde_orchestrator.storage.read_only import ReadOnly


def new_project(root: Path, name: str | None, clock: Clock) -> tuple[Project, Patch]:
    """A project that begins, and the change that stores it."""
    project = Project.create(str(root), name or root.name or "project", clock)
    document = {**encode_project(project), "features": {}}
    return project, [{"op": "add", "path": "", "value": document}]


def loaded_project(
    document: Document, index: FeatureIndex, root: Path, clock: Clock, mode: ReadOnly | None
) -> Project:
    """The project that a document tells, and why it takes no changes if so; logs name it."""
    name_subject(project_id=document["id"])
    project = decode_project(document, index, str(root), clock)
    if mode is not None:
        project.read_only_reason, project.read_only_since = mode.reason, mode.since
    return project


def change_made(changes: Patch, operation: str, clock: Clock) -> Change:
    """What is kept of a change: by whom and when, and without secrets.

    Args:
        changes: what changed.
        operation: what was done, where no operation runs that has a name.
        clock: where the time comes from.
    """
    context = call_context()
    return Change(
        at=clock().isoformat(),
        operation=context.operation or operation,
        actor=without_secrets(context.actor),
        correlation_id=context.correlation_id,
        changes=patch_without_secrets(changes),
    )


def patch_without_secrets(changes: Patch) -> Patch:
    """The changes with each secret of a known make replaced, before they are kept for ever.

    Workflows stay as they are: they are code, which would no longer do what it says.
    """
    if not HINTS.found_in(orjson.dumps(changes).decode()):
        return changes
    return [
        operation
        if operation["path"].startswith("/workflows") or "value" not in operation
        else {**operation, "value": _kept(operation)}
        for operation in changes
    ]


def _kept(operation: dict[str, Any]) -> Any:
    value = operation["value"]
    clean = data_without_secrets(value)
    if operation["path"] == "" and "workflows" in value:
        clean["workflows"] = value["workflows"]
    return clean
