"""Which reader reads what an agent prints."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.adapters.runners.output.claude import ClaudeReader
from cde_orchestrator.adapters.runners.output.codex import CodexReader
from cde_orchestrator.adapters.runners.output.gemini import GeminiReader
from cde_orchestrator.adapters.runners.output.reader import Reader
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport

_READERS: dict[str, type[Reader]] = {
    "text": Reader,
    "claude-json": ClaudeReader,
    "codex-json": CodexReader,
    "gemini-json": GeminiReader,
}


def reader_of(agent: Agent, folder: Path, before: AgentReport | None) -> Reader:
    """The reader for one run of the agent."""
    return _READERS[agent.output](folder, before)
