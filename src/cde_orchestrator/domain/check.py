"""A command whose exit code gates a phase, and what it takes to trust it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A command as a list of arguments, never a line for a shell.

    Attributes:
        directory: relative to the project, and inside it.
    """

    command: tuple[str, ...]
    directory: str
    timeout_seconds: float

    def digest(self, project_path: str) -> str:
        """What a person's trust is bound to: the project, the words and the folder."""
        content = json.dumps([project_path, list(self.command), self.directory])
        return hashlib.sha256(content.encode()).hexdigest()
