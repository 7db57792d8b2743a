"""Which restore of the state removed a feature."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from cde_orchestrator.application.ports.core import StateRecovery
from cde_orchestrator.domain.exceptions import CDEError

LOOKED_AT = 100
"""Changes, the newest ones, among which the restore is looked for."""
COMPARED = 3
"""Restores, the newest ones, whose states are read."""


class RemovalView(TypedDict):
    """The change that removed a feature: its number, when it was, what happened and by whom."""

    sequence: int
    at: str
    event: str
    actor: str


def removal_of(reference: str, root: Path, recovery: StateRecovery) -> RemovalView | None:
    """The restore after which there is no feature of this id or name; None where none is known."""
    with suppress(CDEError):
        found = recovery.history(root, LOOKED_AT, None)
        restores = [each for each in found if each.operation == "restore_state"][:COMPARED]
        for each in restores:
            if _has(reference, root, recovery, each.sequence - 1) and not _has(
                reference, root, recovery, each.sequence
            ):
                return {
                    "sequence": each.sequence,
                    "at": each.at,
                    "event": each.event or each.summary,
                    "actor": each.actor,
                }
    return None


def _has(reference: str, root: Path, recovery: StateRecovery, sequence: int) -> bool:
    features = recovery.state_at(root, sequence)[1].get("features", {})
    return reference in features or any(each["name"] == reference for each in features.values())
