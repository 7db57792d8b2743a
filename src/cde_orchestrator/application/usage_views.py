"""What agents that ``cde run`` started used, as people and programs are answered."""

from __future__ import annotations

from typing import TypedDict

from cde_orchestrator.domain.agent_run import AgentReport, AgentRun
from cde_orchestrator.domain.text import counted


class UsageView(TypedDict):
    """What agents that ``cde run`` started used for a phase, as their programs report it.

    ``cost_usd`` is None where none says it; ``denied`` is what they were not allowed to use;
    ``words`` say all of it.
    """

    session: str
    turns: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    denied: list[str]
    words: str


class AgentRunView(UsageView):
    """One run of an agent for a phase, with the last that it said."""

    at: str
    agent: str
    attempt: int
    seconds: float
    last_words: str


def usage_view(report: AgentReport) -> UsageView:
    """What agents used, as the contract has it."""
    session = f"session {report.session}" if report.session else ""
    more = (denied_words(report), session)
    return {
        "session": report.session,
        "turns": report.turns,
        "input_tokens": report.input_tokens,
        "output_tokens": report.output_tokens,
        "cost_usd": report.cost_usd,
        "denied": list(report.denied),
        "words": "; ".join(filter(None, (used_words(report), *more))),
    }


def run_view(run: AgentRun) -> AgentRunView:
    """One run, as the contract has it."""
    return {
        "at": run.at.isoformat(),
        "agent": run.agent,
        "attempt": run.attempt,
        "seconds": run.seconds,
        "last_words": run.report.words,
        **usage_view(run.report),
    }


def used_words(report: AgentReport) -> str:
    """How much of the model was used; empty where nothing is known."""
    parts = []
    if report.turns:
        parts.append(counted(report.turns, "turn"))
    if tokens := report.input_tokens + report.output_tokens:
        parts.append(counted(tokens, "token", spec=","))
    if report.cost_usd is not None:
        parts.append(f"${report.cost_usd:.2f}")
    return ", ".join(parts)


def denied_words(report: AgentReport) -> str:
    """What the agent was not allowed; empty where that is nothing."""
    return f"not allowed to the agent: {'; '.join(report.denied)}" if report.denied else ""
