"""Whether a person calls, or an agent that was started to work by itself."""

from __future__ import annotations

import os

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.system.process_guard import MARK

AGENTS = {
    MARK: "it was called by an agent or a check that cde runs",
    "CLAUDECODE": "it was called by Claude Code",
    "CODEX_SANDBOX": "it was called by Codex",
    "CODEX_THREAD_ID": "it was called by Codex",
    "GEMINI_CLI": "it was called by Gemini CLI",
    "CURSOR_AGENT": "it was called by Cursor's agent",
    "OPENCODE": "it was called by OpenCode",
    "CLINE_ACTIVE": "it was called by Cline",
    "GOOSE_TERMINAL": "it was called by Goose",
    "AMP_CURRENT_THREAD_ID": "it was called by Amp",
}
"""Variables that agents set for the commands that they run."""


def require_person(path: str) -> None:
    """Refuse what only a person may say yes to.

    Raises:
        ValidationError: E328, an agent calls.
    """
    for variable, reason in AGENTS.items():
        if os.environ.get(variable):
            raise ValidationError.of("E328", path=path, project_path=path, reason=reason)
