"""Makes a valid state of what was salvaged: what is missing of it gets its default."""

from __future__ import annotations

from cde_orchestrator.adapters.repositories.codec import encode_project
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.history import Salvaged
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.text import counted
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.json_patch import Document
from cde_orchestrator.storage.salvage import Salvage


def salvaged(found: Salvage, files: StateFiles, clock: Clock) -> Salvaged:
    """The state, and in words what it comes from and what is missing.

    A feature that is not valid as records left it is as it was before the gap, else left out.
    """
    own = _project(found.document, files, clock)
    features: Document = {}
    unusable: list[str] = []
    for key, last in found.document["features"].items():
        versions = (last, found.before.get(key))
        usable = next(
            (
                each
                for each in versions
                if isinstance(each, dict) and _fits(own, key, each, features)
            ),
            None,
        )
        if usable is None:
            unusable.append(key)
        else:
            features[key] = usable
    missing = [str(a) if a == b else f"{a} to {b}" for a, b in found.missing]
    if found.is_open:
        missing.append(f"any after {max(found.sequence, *(b for _, b in found.missing), 0)}")
    return Salvaged(
        document={**own, "features": features},
        sequence=found.sequence,
        at=found.newest.change.at if found.newest else None,
        certain=found.certain == found.sequence and not missing,
        used=[
            (files.shown(path), "a checkpoint" if count is None else counted(count, "change"))
            for path, count in found.used.items()
        ],
        missing=missing,
        incomplete=[features[key]["name"] for key in found.before if key in features],
        unusable=unusable,
    )


def _project(document: Document, files: StateFiles, clock: Clock) -> Document:
    """The project's own members; those of a new one where none are left or they are not valid."""
    new = Project.create(str(files.root), files.root.name or "project", clock)
    stated = {str(each.get("project_id", new.id)) for each in document["features"].values()}
    new.id, new.status = files.project_id or next(iter(stated), new.id), ProjectStatus.ACTIVE
    default = encode_project(new)
    found = {**default, **{key: each for key, each in document.items() if key != "features"}}
    try:
        return checked_document({**found, "features": {}})
    except StateError:
        return default


def _fits(own: Document, key: str, feature: Document, others: Document) -> bool:
    """Whether the feature can be stored; it follows the current workflow where its own is lost."""
    if feature.get("workflow_digest") not in own["workflows"]:
        feature["workflow_digest"] = None
    try:
        checked_document({**own, "features": {key: feature}})
    except StateError:
        return False
    return feature["name"] not in {each["name"] for each in others.values()}
