"""Move the project's state from its files to a database, or back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from cde_orchestrator.application.features.leases import CallerLeases
from cde_orchestrator.application.ports.checks import Callers
from cde_orchestrator.application.ports.core import MovableState
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import CDEError, ValidationError


class MoveReply(TypedDict):
    """What was moved from where to where, or would be.

    ``moved`` is false where it was there already; ``sequence`` is the number of the last change
    at the source.
    """

    source: str
    target: str
    sequence: int
    features: int
    moved: bool
    dry_run: bool


class MoveState(UseCase[MoveReply], operation="move_state"):
    """Move the present state; its history stays where it was.

    Attributes:
        to: ``database``, the one that the settings name, or ``files``, the project's own.
        force: also while agents work, what went elsewhere, and in place of another state of the
            project, which is kept as a backup.
        dry_run: only show what would be moved.
    """

    to: Literal["database", "files"]
    force: bool = False
    dry_run: bool = False

    def __call__(
        self,
        *,
        root: Path,
        movable: MovableState,
        files_repository: MovableState,
        callers: Callers,
        clock: Clock,
    ) -> MoveReply:
        """Raises E004, E122, E206, E211, E217 to E219, E228, E305, E314."""
        if movable is files_repository:
            reason = "it is empty, so there is no database; set it for this command"
            raise ValidationError.of(
                "E314", setting="CDE_STATE_URL", source="the environment", reason=reason
            )
        places = (files_repository, movable)
        source, target = places if self.to == "database" else places[::-1]
        if not self.force:
            _require_free(source, root, CallerLeases.of(callers, root, clock()))
        move = source.move_to(target, root, force=self.force, dry_run=self.dry_run)
        return {
            "source": move.source,
            "target": move.target,
            "sequence": move.sequence,
            "features": move.features,
            "moved": move.leaves or move.brings or move.revives,
            "dry_run": self.dry_run,
        }


def _require_free(source: MovableState, root: Path, leases: CallerLeases) -> None:
    """Refuse to move the state while an agent works on it.

    Raises:
        FeatureError: E122.
    """
    try:
        project = source.get(root)
    except CDEError:
        return  # the move itself reports what is wrong, or completes one that was cut short
    for summary in project.features.summaries():
        if summary.claimed_until is not None and summary.claimed_until > leases.now:
            leases.require_free(project.feature(summary.id), takeover=False)
