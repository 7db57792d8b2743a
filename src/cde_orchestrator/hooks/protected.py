"""Which edits of a client are refused: those of files that no agent edits."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.domain.hooks import Event
from cde_orchestrator.hooks.open_work import OpenWork
from cde_orchestrator.infrastructure.system.protected_files import edit_refusal


def refusal(event: Event, work: OpenWork) -> str | None:
    """Why one of the files is not to be edited; None where all may be."""
    accepted = {
        path: (feature.name, phase)
        for feature in work.features
        for path, phase in feature.recorded()
    }
    folder = Path(event.cwd or work.root)
    found = (edit_refusal(folder / path, work.root, accepted) for path in event.edited)
    return next((reason for reason in found if reason is not None), None)
