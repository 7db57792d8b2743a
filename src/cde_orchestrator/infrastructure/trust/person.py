"""Whether a person calls, or an agent that was started to work by itself."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.lease import PERSON
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
SESSIONS = ("CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID", "AMP_CURRENT_THREAD_ID")
"""Those of them, or set with them, that distinguish one session of the agent from another."""
_CALLED_BY = "it was called by "


def agent_at_work() -> str | None:
    """Why an agent is taken to call; None where nothing says so."""
    named = (reason for variable, reason in AGENTS.items() if os.environ.get(variable))
    return next(named, None)


def agent_session() -> tuple[str, str]:
    """The program that calls, as an agent's variables name it, and its session; empty for none.

    An agent or a check that cde runs is known to the run itself.
    """
    reason = None if os.environ.get(MARK) else agent_at_work()
    if reason is None:
        return "", ""
    named = (os.environ.get(variable, "") for variable in SESSIONS)
    return reason.removeprefix(_CALLED_BY), next(filter(None, named), "")


def user_name() -> str:
    """The user of this process, as the operating system knows them: no variable can say another."""
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container, where nobody has named the number
        return str(os.getuid())


def person_name(channel: str = "") -> str:
    """Who acts in this call, for the journal: a person on this machine, and by which channel."""
    by = f" ({channel})" if channel else ""
    return f"{PERSON}{user_name()}@{socket.gethostname()}{by}"


def terminal_problem(streams: Sequence[TextIO | None]) -> str | None:
    """Why nobody can be asked at the terminal of these streams, the input first; None: one can.

    An agent that starts a terminal of its own for the command is not seen: whoever may run any
    command as the person may do all that the person may.
    """
    if (reason := agent_at_work()) is not None:
        return reason
    asked = [stream for stream in streams if stream is not None and stream.isatty()]
    if len(asked) < len(streams):
        return "there is no terminal to ask in"
    with suppress(OSError, AttributeError, ValueError):  # a terminal that is not the process's own
        if os.tcgetpgrp(asked[0].fileno()) != os.getpgrp():
            return "it runs in the background of its terminal"
    return None


def require_person(path: str) -> None:
    """Refuse what only a person may say yes to.

    Raises:
        ValidationError: E328, an agent calls.
    """
    if (reason := agent_at_work()) is not None:
        raise ValidationError.of("E328", path=path, project_path=path, reason=reason)
