"""A command whose exit code gates a phase."""

from __future__ import annotations

from collections.abc import Sequence

from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.errors.installing import remedy_of
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.value import Value


class Check(Value):
    """A command as a list of arguments, never a line for a shell.

    Attributes:
        directory: relative to the project, and inside it.
    """

    command: tuple[str, ...]
    directory: str
    timeout_seconds: float

    @property
    def command_line(self) -> CommandLine:
        """What has to be trusted before it is run; how long it may take is not part of it."""
        return CommandLine(kind="check", words=self.command, directory=self.directory)


def check_cannot_run(command: Sequence[str], reason: str) -> FeatureError:
    """E121: a check that cannot be run for this reason, with what is to be done about it."""
    words = " ".join(command)
    return FeatureError.of("E121", command=words, reason=reason, remedy=remedy_of(reason))
