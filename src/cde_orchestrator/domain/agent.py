"""Agents that are started by a command: what is run, and how it is given its prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cde_orchestrator.domain.command_line import CommandLine

PromptBy = Literal["stdin", "file"]

PROMPT_FILE = "{prompt_file}"
"""Stands in a command for the path of the file that holds the prompt."""

BUILT_IN = "built-in"
DEFAULT_TIMEOUT_SECONDS = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """How one agent is run without a person.

    Attributes:
        command: its arguments, the program first; never a shell line.
        prompt: ``stdin``, or ``file`` for a file that stands for ``{prompt_file}``.
        version: a command that prints its version; empty for none.
        environment: names of environment variables that it gets in addition to the usual ones; a
            name that ends in ``*`` means all that begin so.
        timeout_seconds: how long one attempt may take.
        source: ``built-in``, or the file that defines it.
    """

    name: str
    command: tuple[str, ...]
    prompt: PromptBy = "stdin"
    version: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    source: str = BUILT_IN

    @property
    def breaker(self) -> str:
        """Name of the circuit breaker that guards it."""
        return f"agent-{self.name}"

    @property
    def command_line(self) -> CommandLine:
        """What has to be trusted before it is run."""
        return CommandLine(
            kind="agent",
            name=self.name,
            words=self.command,
            version=self.version,
            environment=self.environment,
        )

    def arguments(self, prompt_file: str) -> list[str]:
        """The command with the prompt's file filled in."""
        return [word.replace(PROMPT_FILE, prompt_file) for word in self.command]
