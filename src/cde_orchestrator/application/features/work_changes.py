"""Whether a feature changed anything but its own records since it began."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cde_orchestrator.application.ports.checks import VersionControl
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.records import Baseline
from cde_orchestrator.domain.workflow import Phase, Workflow

RECORDS = "specs/"
"""Where features keep their records: a file there is no change of the project."""

_ASIDE = ".before-rollback"
_PATHS_SHOWN = 5


def baseline_for(workflow: Workflow | None, git: VersionControl, root: Path) -> Baseline | None:
    """The work tree as it is now, if a phase of the workflow will ask what changed since."""
    if workflow is None or not any(phase.changes for phase in workflow.phases):
        return None
    return git.baseline(root)


def require_changes(
    feature: Feature, phase: Phase, workflow: Workflow, git: VersionControl, root: Path
) -> None:
    """Refuse a phase that must change files while only records differ from the beginning.

    Nothing is demanded where it cannot be known: without git, or where it was not recorded
    how the feature began.

    Raises:
        OutputError: E130.
    """
    if phase.changes is None or feature.baseline is None:
        return
    changed = git.changed_since(root, feature.baseline)
    if changed is None:
        return
    records = {output.path_for(feature.name) for each in workflow.phases for output in each.outputs}
    if any(not _is_record(path, records) for path in changed):
        return
    shown = ", ".join(changed[:_PATHS_SHOWN]) + (", ..." if changed[_PATHS_SHOWN:] else "")
    raise OutputError.of(
        "E130",
        feature=feature.name,
        phase=phase.id,
        commit=feature.baseline.commit[:10],
        seen=f"only records differ: {shown}" if changed else "no file differs",
    )


def _is_record(path: str, records: Collection[str]) -> bool:
    return path.startswith(RECORDS) or path.partition(_ASIDE)[0] in records
