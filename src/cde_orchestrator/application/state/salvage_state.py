"""Put together the best state of what is whole, and put it in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from cde_orchestrator.application.ports.core import StateRecovery
from cde_orchestrator.application.state.recover_state import Difference, difference, present_state
from cde_orchestrator.application.state.state_exports import export_of
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.history import Salvaged


class SourceRow(TypedDict):
    """A file, and what of it is in the salvaged state."""

    file: str
    gave: str


class SalvageReply(TypedDict):
    """The salvaged state, what it comes from, and what is missing.

    ``newest`` is the last change that is in it, made at ``at``; ``missing`` are numbers of changes
    that no file has, ``incomplete`` features of which some are missing, ``unusable`` ids of
    features of which too little is left. ``sequence`` is the change that put it in force; None if
    nothing was changed.
    """

    newest: int
    at: str | None
    features: int
    used: list[SourceRow]
    missing: list[str]
    incomplete: list[str]
    unusable: list[str]
    difference: Difference
    dry_run: bool
    sequence: int | None
    state: dict[str, Any]


class SalvageState(UseCase[SalvageReply], operation="salvage_state"):
    """Put in force the best state that whole records and checkpoints give.

    What it replaces is kept, as by a restore. A state that is certain stays as it is.

    Attributes:
        dry_run: only say what would be done.
    """

    dry_run: bool = False

    def __call__(self, *, root: Path, recovery: StateRecovery) -> SalvageReply:
        """Raises E003, E004, E007, E202, E206, E210, E224."""
        found = recovery.salvage(root)
        document = recovery.checked_state(found.document)
        present, before = present_state(root, recovery)
        changed = difference(before, document)
        sequence = None
        if not self.dry_run and _is_wanted(found, present, before):
            sequence = recovery.restore(root, document, present)
        return {
            "newest": found.sequence,
            "at": found.at,
            "features": len(document["features"]),
            "used": [{"file": file, "gave": gave} for file, gave in found.used],
            "missing": found.missing,
            "incomplete": found.incomplete,
            "unusable": found.unusable,
            "difference": changed,
            "dry_run": self.dry_run,
            "sequence": sequence,
            "state": export_of(document),
        }


def _is_wanted(found: Salvaged, present: int | None, before: object) -> bool:
    """Whether the present state is not certain, or differs."""
    return present is None or not found.certain or before != found.document
