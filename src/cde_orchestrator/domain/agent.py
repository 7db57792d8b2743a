"""Agents that are started by a command: what is run, and how it is given its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cde_orchestrator.domain.agent_flags import allowing, resuming
from cde_orchestrator.domain.command_line import CommandLine

PromptBy = Literal["stdin", "file"]
OutputForm = Literal["text", "claude-json", "codex-json", "gemini-json", "acp"]
ACP: OutputForm = "acp"
"""It speaks the Agent Client Protocol: prompt, session, permissions and usage go through it."""

PROMPT_FILE = "{prompt_file}"
"""Stands in a command for the path of the file that holds the prompt."""
RESUME = "{resume}"
"""A word of a command: the words that continue a session, or none in a new one."""
ALLOW_COMMANDS = "{allow_commands}"
"""A word of a command: the words that let it run what the phase asks for, if it needs any."""
SLOTS = (RESUME, ALLOW_COMMANDS)

BUILT_IN = "built-in"
DEFAULT_TIMEOUT_SECONDS = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """How one agent is run without a person.

    Attributes:
        command: its arguments, the program first; never a shell line.
        prompt: ``stdin``, or ``file`` for a file that stands for ``{prompt_file}``.
        output: what it prints: lines for people, or the events of one of the known programs,
            which also says what ``{resume}`` and ``{allow_commands}`` are replaced by; or ``acp``
            for one that speaks the Agent Client Protocol on both of its streams.
        version: a command that prints its version; empty for none.
        environment: names of environment variables that it gets in addition to the usual ones; a
            name that ends in ``*`` means all that begin so.
        timeout_seconds: how long one attempt may take.
        source: ``built-in``, or the file that defines it.
    """

    name: str
    command: tuple[str, ...]
    prompt: PromptBy = "stdin"
    output: OutputForm = "text"
    version: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    source: str = BUILT_IN

    @property
    def breaker(self) -> str:
        """Name of the circuit breaker that guards it."""
        return f"agent-{self.name}"

    @property
    def resumes(self) -> bool:
        """Whether it can continue a session."""
        return RESUME in self.command or self.output == ACP

    @property
    def reports_cost(self) -> bool:
        """Whether it says what its work cost."""
        return self.output == "claude-json"

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

    def arguments(
        self,
        prompt_file: str = "",
        *,
        session: str = "",
        commands: Sequence[Sequence[str]] = (),
    ) -> list[str]:
        """The command with its slots filled in.

        Args:
            prompt_file: the path of the prompt's file.
            session: the session to continue; empty for a new one.
            commands: what it may run, each as a list of words.
        """
        slots = {
            RESUME: resuming(self.output, session),
            ALLOW_COMMANDS: allowing(self.output, commands),
        }
        filled: list[str] = []
        for word in self.command:
            filled += slots.get(word, [word.replace(PROMPT_FILE, prompt_file)])
        return filled
