"""Agents that the product starts by itself: the port, and the use cases that show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypedDict

from cde_orchestrator.application.ports.runs import Note
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport

OnLine = Callable[[str], None]
Ask = Callable[[str], bool]
"""Asks a person whether an agent may do what it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What an agent is started for.

    Attributes:
        folder: where it works.
        timeout_seconds: how long it may take; its own time-out when None.
        labels: environment variables that say what it works on.
        commands: what it may run, each as a list of words.
        session: what is known of the session that it continues; None for a new one.
        whole_prompt: what it is given instead where that session turns out to be gone.
        others: whether another agent could go on in its place.
        accepted: what it may not edit: by path, the feature and the phase whose output it is.
        ask: asks a person; None where none is there.
    """

    prompt: str
    folder: Path
    timeout_seconds: float | None = None
    labels: Mapping[str, str]
    commands: Sequence[Sequence[str]] = ()
    session: AgentReport | None = None
    whole_prompt: str = ""
    others: bool = False
    accepted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ask: Ask | None = None


class AgentProbe(TypedDict):
    """An agent as it can be used here; ``breaker`` is the state of its circuit breaker."""

    name: str
    source: str
    command: list[str]
    prompt: str
    timeout_seconds: float
    found: bool
    version: str | None
    breaker: str


class AgentTrialReply(TypedDict):
    """How a small task went; ``wrote_file`` says whether the agent may write files."""

    name: str
    wrote_file: bool
    duration_ms: float
    last_lines: list[str]


class Agents(Protocol):
    """Knows the agents and runs them."""

    def definitions(self) -> Mapping[str, Agent]:
        """The agents by name: the project's own first, then the built-in ones.

        Raises:
            ValidationError: E314, a definition in the project's settings is not valid.
        """

    def run(self, agent: Agent, assignment: Assignment, on_line: OnLine) -> AgentReport:
        """Start the agent, wait for it, and leave none of its processes behind.

        Each line of its output is given to ``on_line``, in the calling thread.

        Raises:
            AgentError: E905 it cannot be started, E906 it failed, E907 it took too long.
            AgentUnavailableError: E939 its model is busy, E942 it cannot work here.
            CDESystemError: E903 it is given time to recover, E911 the run was stopped.
        """

    def is_installed(self, agent: Agent) -> bool:
        """Whether its program is found."""

    def wait(self, seconds: float, agent: str) -> None:
        """Wait for an agent whose model is busy; raises E911 when the run is stopped."""

    def probe(self, agent: Agent, *, ask_version: bool) -> AgentProbe:
        """Whether the agent can be used here; its version only when it may be run for it."""

    def try_out(self, agent: Agent) -> AgentTrialReply:
        """Give the agent a small task in a folder that is thrown away.

        Raises:
            CDESystemError: as ``run``.
        """

    def lock_run(self, feature_id: str, feature: str) -> AbstractContextManager[Note]:
        """Be the only run of a feature on this machine; ends with the process.

        What it yields keeps the run's lines, so that others see how far it is.

        Raises:
            CDESystemError: E909, the feature is being run already.
            StateError: E203 or E204, the lock cannot be made.
        """

    def stop(self) -> None:
        """End the agents that are running, from any thread; their runs raise E911."""
