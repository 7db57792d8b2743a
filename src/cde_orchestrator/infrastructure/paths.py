"""Folders that belong to the product: in a project, and of the user."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

FOLDER = ".cde"
"""The folder in the project that everything of the product is in."""

STATE = "state.json"
"""In ``FOLDER``: the newest checkpoint of the state, as far as files keep it."""

JOURNAL = "journal.jsonl"
"""In ``FOLDER``: the changes since the checkpoint before, one a line."""

LOG_FILE = Path(FOLDER) / "logs" / "cde.log"
"""In the project: what happened, a line of JSON each."""

RUNS = "runs"
"""In ``FOLDER``: what runs of agents and checks need, as locks and prompts in files."""


_APPLICATION = "cde-orchestrator"


def user_state_folder() -> Path | None:
    """The user's folder for what outlives a process and is no setting; None without a home."""
    return user_folder("state", "~/.local/state")


def user_folder(kind: Literal["config", "state"], usual: str) -> Path | None:
    """The user's folder for what is of this kind; None without a home.

    Where the rule is short, nothing is imported for it. A path that depends on the current
    folder would be a stranger's to fill, and is none.
    """
    if sys.platform in {"win32", "darwin"}:
        import platformdirs

        folder_of = getattr(platformdirs, f"user_{kind}_dir")
        with suppress(RuntimeError):
            folder = Path(folder_of(_APPLICATION, appauthor=False))
            return folder if folder.is_absolute() else None
        return None
    usual = os.path.expanduser(usual)  # noqa: PTH111 - which never fails
    chosen = os.environ.get(f"XDG_{kind.upper()}_HOME", "").strip(), usual
    found = next(filter(os.path.isabs, chosen), None)
    return None if found is None else Path(found, _APPLICATION)
