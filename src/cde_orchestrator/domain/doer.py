"""Who did a phase, and whether that is the agent that the workflow asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import OTHER_AGENT, Phase, Workflow

if TYPE_CHECKING:
    from cde_orchestrator.domain.feature import Feature
    from cde_orchestrator.domain.lease import Caller


_BY_ENVIRONMENT = "environment"
"""What the session begins with of an agent that only the environment of its commands names."""


class Doer(Value, kw_only=True):
    """Who did a phase.

    Attributes:
        agent: the name that it gave itself; empty where it gave none.
        session: distinguishes its process from others; empty where there is none that lasts.
        wanted: the agent that the workflow names for the phase, or ``other``; empty for none.
        as_wanted: whether it is that agent; None where it is not known.
    """

    agent: str
    session: str = ""
    wanted: str = ""
    as_wanted: bool | None = None

    @classmethod
    def of(cls, caller: Caller) -> Doer:
        """The caller; a command or a program that names no agent says nothing of who works.

        But the environment of a command may.
        """
        process = caller.process
        if caller.program:
            return cls(agent=caller.program, session=f"{_BY_ENVIRONMENT} {caller.connection}")
        if caller.anonymous:
            return cls(agent="")
        session = f"{process.pid} {process.started} {process.host}" if process else ""
        return cls(agent=caller.name, session=session)

    def judged(self, feature: Feature, workflow: Workflow, phase: Phase) -> Doer:
        """The same, compared with whom the workflow wants for the phase."""
        wanted = phase.agent or ""
        as_wanted: bool | None = None
        built = feature.phases[workflow.judged_phase(phase.id).id].doer
        if wanted != OTHER_AGENT:
            as_wanted = self.agent == wanted if self.agent and wanted else None
        elif self.agent and built is not None and built.agent:
            same = self.is_same(built)
            as_wanted = None if same is None else not same
        return replace(self, wanted=wanted, as_wanted=as_wanted)

    def is_same(self, other: Doer) -> bool | None:
        """Whether it is the same agent in the same session, as far as that is known.

        None where one of them gave itself its name, and the other did not, or both did so in one
        session.
        """
        if self._is_recognised != other._is_recognised:
            return None
        if self.agent == other.agent:
            return len({self.session, other.session} - {""}) < 2
        is_one = bool(self.session) and self.session == other.session
        return None if is_one and not self._is_recognised else False

    @property
    def _is_recognised(self) -> bool:
        return self.session.startswith(_BY_ENVIRONMENT)

    @property
    def words(self) -> str:
        """Who did it, where the workflow names an agent."""
        who = self.agent or "an agent without a name"
        if self.wanted != OTHER_AGENT:
            return f"done by {who}; the workflow names {self.wanted}"
        if self.as_wanted is None:
            return "whether another agent did it than the work is not known"
        if self.as_wanted:
            return f"done by another agent or session than the work: {who}"
        return f"done by the agent that did the work: {who}"
