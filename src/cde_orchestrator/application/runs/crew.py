"""The agents of a run: whose turn it is, who is busy, and who is not used any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cde_orchestrator.application.features.get_feature_status import AssignmentReply
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.workflow import OTHER_AGENT

FIRST_WAIT_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 300.0
"""A wait that nobody asked for doubles each time, up to this."""
PATIENCE_SECONDS = 3_600.0
"""How long a run waits in all for the busy agents of one phase."""


@dataclass(slots=True, kw_only=True)
class Crew:
    """The agents that a person trusts in this run.

    Attributes:
        trusted: all of them, the first choice first.
        names: those that whoever started the run named; the others are for phases that name them.
        seconds: a clock that never goes back.
    """

    trusted: Sequence[Agent]
    names: Sequence[str]
    seconds: Callable[[], float]
    _dropped: dict[str, CDEError] = field(default_factory=dict)
    _busy_until: dict[str, float] = field(default_factory=dict)
    _waits: dict[str, int] = field(default_factory=dict)
    _worked: str = ""

    def for_phase(self, assignment: AssignmentReply) -> list[Agent]:
        """Who may do the phase, the first choice first: whom the workflow names, or any.

        Among any, whose work was accepted last begins.
        """
        wanted = assignment["agent"]
        there = [agent for agent in self.trusted if agent.name not in self._dropped]
        if wanted not in {None, OTHER_AGENT}:
            return [agent for agent in there if agent.name == wanted]
        given = [agent for agent in there if agent.name in self.names]
        given.sort(key=lambda agent: agent.name != self._worked)
        if wanted is None:
            return given
        return sorted(given, key=lambda agent: agent.name == assignment["worked"])

    def free(self, agents: Sequence[Agent]) -> list[Agent]:
        """Those of the agents that may be started now."""
        now = self.seconds()
        return [
            agent
            for agent in agents
            if agent.name not in self._dropped and self._busy_until.get(agent.name, 0.0) <= now
        ]

    def next_free(self, agents: Sequence[Agent]) -> tuple[Agent, float] | None:
        """Who of the busy ones is free first, and in how many seconds; None where none is busy."""
        waiting = [
            (self._busy_until[agent.name] - self.seconds(), agent)
            for agent in agents
            if agent.name not in self._dropped and agent.name in self._busy_until
        ]
        if not waiting:
            return None
        seconds, agent = min(waiting, key=lambda each: each[0])
        return agent, max(seconds, 0.0)

    def busy(self, agent: Agent, wait_seconds: float | None) -> None:
        """The agent's model is busy, for as long as it says."""
        times = self._waits[agent.name] = self._waits.get(agent.name, 0) + 1
        if wait_seconds is None:
            wait_seconds = min(FIRST_WAIT_SECONDS * 2 ** (times - 1), LONGEST_WAIT_SECONDS)
        self._busy_until[agent.name] = self.seconds() + max(wait_seconds, 1.0)

    def drop(self, agent: Agent, error: CDEError) -> None:
        """The agent is not used any more in this run."""
        self._dropped[agent.name] = error

    def answered(self, agent: Agent) -> None:
        """The agent's model is there."""
        self._busy_until.pop(agent.name, None)
        self._waits.pop(agent.name, None)

    def accepted(self, agent: Agent) -> None:
        """The agent's work was accepted: it begins the next phase."""
        self._worked = agent.name
