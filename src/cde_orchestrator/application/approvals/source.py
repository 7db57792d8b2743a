"""The source that a person approves, as it is now."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.proofs.proving import Proving, is_record
from cde_orchestrator.domain.exceptions import OutputError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Source:
    """The source as it is now.

    Attributes:
        changed: SHA-256 by path of what differs from the feature's beginning; None for a file
            that is gone. None where the source is no part of what is approved.
        commit: at which the feature started.
        added, removed: lines; None where git cannot count them.
        tree: all of it; None where nobody had to look.
    """

    changed: Mapping[str, str | None] | None = None
    commit: str = ""
    added: int | None = None
    removed: int | None = None
    tree: SourceTree | None = None


def source_now(
    feature: Feature,
    workflow: Workflow,
    outputs: ProjectOutputs,
    proving: Proving,
    git: VersionControl,
) -> Source:
    """The source that a person approves: what a phase before must change is approved with it.

    Raises:
        FeatureError: E136, git cannot compare.
    """
    phase = workflow.find(feature.current_phase or "")
    if phase is None or not workflow.judges_source(phase):
        return Source()
    if feature.base is None:
        return _since_baseline(feature, workflow, outputs, git)
    before, after = proving.base_of(feature).id, proving.trees.now(proving.root)
    files = proving.changed(before, after.id, feature, workflow)
    changed = {file.path: None if file.after is None else _sha256(file.after) for file in files}
    lines = git.lines_between(proving.root, before, after.id) if files else {}
    if lines is None:
        return Source(changed, feature.base.commit, tree=after)
    counted = [lines.get(path, (0, 0)) for path in changed]
    added, removed = (sum(each[which] for each in counted) for which in (0, 1))
    return Source(changed, feature.base.commit, added, removed, after)


def _since_baseline(
    feature: Feature, workflow: Workflow, outputs: ProjectOutputs, git: VersionControl
) -> Source:
    """The same where git keeps no tree of the feature's beginning."""
    if feature.baseline is None:
        return Source()
    records = workflow.paths_for(feature.name)
    paths = git.changed_since(outputs.root, feature.baseline) or ()
    changed = {path: _digest(path, outputs) for path in paths if not is_record(path, records)}
    return Source(changed, feature.baseline.commit)


def _digest(path: str, outputs: ProjectOutputs) -> str | None:
    try:
        content = outputs.read(path, path)
    except (OutputError, ValidationError):  # no plain file of the project, or one too large
        return None
    return content.sha256 if content else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
