"""What a program of an agent reported of one run: its session, its use of the model, denials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime

from cde_orchestrator.domain.value import Value

RUNS_KEPT = 20
"""Runs that stay with a phase, the newest ones; the journal has them all."""
DENIED_KEPT = 10
"""Refused commands and tools that are kept of one run."""
WORDS_LIMIT = 500
"""Characters of an agent's last words that are kept."""


class AgentReport(Value, kw_only=True):
    """What the program reported.

    Attributes:
        session: names the session, so that it can be continued; empty where none is known.
        turns: answers of the model.
        cost_usd: None where the program does not say.
        denied: commands and tools that it was not allowed to use.
        words: the last that the agent said.
    """

    session: str = ""
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    denied: tuple[str, ...] = ()
    words: str = ""

    def __add__(self, later: AgentReport) -> AgentReport:
        """Both together; what was said last counts."""
        costs = [each for each in (self.cost_usd, later.cost_usd) if each is not None]
        return AgentReport(
            session=later.session or self.session,
            turns=self.turns + later.turns,
            input_tokens=self.input_tokens + later.input_tokens,
            output_tokens=self.output_tokens + later.output_tokens,
            cost_usd=round(sum(costs), 6) if costs else None,
            denied=tuple(dict.fromkeys((*self.denied, *later.denied))),
            words=later.words or self.words,
        )

    @property
    def has_answer(self) -> bool:
        """Whether a model answered, as far as it is known."""
        return bool(self.turns or self.input_tokens or self.denied)


class AgentRun(Value, kw_only=True):
    """One run of an agent for an attempt at a phase."""

    at: datetime
    agent: str
    attempt: int
    seconds: float
    report: AgentReport = field(default_factory=AgentReport)


def total(reports: Iterable[AgentReport]) -> AgentReport:
    """All reports together."""
    return sum(reports, AgentReport())
