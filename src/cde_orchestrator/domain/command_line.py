"""Commands that come with a project, and what it takes to trust one."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal, get_args

from cde_orchestrator.domain.value import Value

CommandKind = Literal["check", "agent", "output"]
COMMAND_KINDS = frozenset(get_args(CommandKind))


class CommandLine(Value, kw_only=True):
    """A command as a list of words, never a line for a shell.

    Attributes:
        kind: what it is run as; as an output it is not run: ``write PATH`` is what is allowed.
        name: what a person knows it by: an agent's name.
        directory: relative to the project.
        version: the command that is run for the program's version, if there is one.
        environment: names of environment variables that it is given.
        reads: what decides how its run ended, of a runner of tests of the project's own: the
            JUnit file that it writes, and the patterns of its tests.
    """

    kind: CommandKind
    words: tuple[str, ...]
    name: str = ""
    directory: str = "."
    version: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """All of it that a person judges, in one line."""
        return " ".join(self.words) + (f" (reads {', '.join(self.reads)})" if self.reads else "")

    def digest(self, project_path: str) -> str:
        """What a person's trust is bound to: the project, and all of it but the name."""
        parts = (self.kind, self.words, self.directory, self.version, self.environment)
        said = [project_path, *parts, *([self.reads] if self.reads else ())]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


class Grant(Value, kw_only=True):
    """A command that a person trusts in one project."""

    digest: str
    kind: CommandKind
    name: str
    words: tuple[str, ...]
    directory: str
    granted_at: datetime
