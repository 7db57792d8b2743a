"""Folders that belong to the product: in a project, and of the user."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

FOLDER = ".cde"
"""The folder in the project that everything of the product is in."""

STATE = "state.json"
"""In ``FOLDER``: the newest checkpoint of the state, as far as files keep it."""

JOURNAL = "journal.jsonl"
"""In ``FOLDER``: the changes since the checkpoint before, one a line."""

RUNS = "runs"
"""In ``FOLDER``: what runs of agents and checks need, as locks and prompts in files."""


def user_state_folder() -> Path | None:
    """The user's folder for what outlives a process and is no setting; None without a home."""
    import platformdirs

    with suppress(RuntimeError):
        folder = Path(platformdirs.user_state_dir("cde-orchestrator", appauthor=False))
        return folder if folder.is_absolute() else None
    return None
