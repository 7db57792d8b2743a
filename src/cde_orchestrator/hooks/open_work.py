"""The open features of a project, read from the state as it is stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, read_bounded
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.trust.judge import FolderTrust
from cde_orchestrator.storage.format.feature_texts import FeatureTexts
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.loader import load

Stored = Mapping[str, Any]

_FEATURE = "{feature}"
_CLOSED = frozenset({"completed", "failed", "cancelled"})
_CONFIG_BYTES = 1024 * 1024


class OpenFeature(Value):
    """A feature that is not closed, with the workflow that is kept with it; as stored."""

    stored: Stored
    workflow: Stored

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.stored["id"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.stored["name"])

    @property
    def phase(self) -> str:
        """The id of its current phase."""
        return str(self.stored["current_phase"])

    @property
    def claim(self) -> Stored:
        """The lease on it; empty where there is none."""
        return (self.stored.get("work") or {}).get("claim") or {}

    @property
    def record(self) -> Stored:
        """What happened to the current phase."""
        record: Stored = self.stored["phases"][self.phase]
        return record

    @property
    def given(self) -> str:
        """Whose commands were given the current phase's prompt; empty for nobody's."""
        return str((self.record.get("work") or {}).get("given") or "")

    @property
    def definition(self) -> Stored:
        """The current phase in the workflow; empty for a feature of an older release."""
        phases = self.workflow.get("phases", ())
        return next((each for each in phases if each["id"] == self.phase), {})

    @property
    def waits_for_person(self) -> bool:
        """Whether a person has to act before an agent can."""
        return (
            self.definition.get("handler", "agent") != "agent"
            or self.record.get("status") != "in_progress"
        )

    def outputs(self) -> Iterator[tuple[str, Stored]]:
        """The outputs that the current phase declares, each with its path."""
        for output in self.definition.get("outputs", ()):
            yield output["path"].replace(_FEATURE, self.name), output

    def recorded(self) -> Iterator[tuple[str, str]]:
        """The path of each output that was accepted for good, and its phase.

        One without the feature's name in its path belongs to the project, and one that a later
        phase declares as well is that phase's to change.
        """
        later: set[str] = set()
        for phase in reversed(self.workflow.get("phases", ())):
            own = {each["path"] for each in phase["outputs"]}
            lasting = {each for each in own - later if _FEATURE in each}
            if self.stored["phases"].get(phase["id"], {}).get("status") == "completed":
                yield from ((each.replace(_FEATURE, self.name), phase["id"]) for each in lasting)
            later |= own


class OpenWork(Value):
    """What is open in a project.

    Attributes:
        root: the project's folder, or a worktree of it.
        features: those that are not closed; in the worktree of one, that one alone.
        document: the whole state.
    """

    root: Path
    features: tuple[OpenFeature, ...]
    document: Stored


def open_work(root: Path) -> OpenWork | None:
    """What is open in the project at ``root``; None where a person does not trust it."""
    if not FolderTrust().judge(root).acts:
        return None
    document = _document(root)
    if "to" in document.get("moved", {}):
        return None
    workflows, stored = document.get("workflows", {}), document.get("features", {})
    is_text = isinstance(stored, FeatureTexts)
    features = (
        OpenFeature(each, workflows.get(each.get("workflow_digest") or "", {}))
        for each in (stored.without_statuses(_CLOSED) if is_text else stored.values())
        if each.get("status") not in _CLOSED and each.get("current_phase") in each["phases"]
    )
    own = root.name if root.parent.parts[-2:] == (FOLDER, "worktrees") else None
    own_features = tuple(each for each in features if own in {None, each.name})
    return OpenWork(root, own_features, document)


def _document(root: Path) -> Stored:
    """The state of the project, wherever it is kept."""
    if _may_be_in_database(root):
        from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
        from cde_orchestrator.infrastructure.settings.settings import load_settings
        from cde_orchestrator.project_ports import ProjectPorts

        ports = ProjectPorts(root, load_settings(root), OperationMeter())
        return ports.repository.state_at(root)[1]
    return load(StateFiles(root), OsFileOps()).document


def _may_be_in_database(root: Path) -> bool:
    """Whether a setting may name a database; what is not there is not parsed."""
    if os.environ.get("CDE_STATE_URL"):
        return True
    try:
        return b"state_url" in read_bounded(shared_file(root, "config.toml"), _CONFIG_BYTES)
    except OSError:
        return False
