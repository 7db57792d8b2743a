"""The agents of a project: ``[agents.NAME]`` in ``.cde/config.toml``, and the built-in ones.

A definition of a built-in agent's name changes what it gives and keeps the rest::

    [agents.claude]
    timeout_seconds = 3600

    [agents.mine]
    command = ["my-agent", "--headless"]
    environment = ["MY_AGENT_KEY"]
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from cde_orchestrator.domain.agent import PROMPT_FILE, Agent, PromptBy
from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.names import checked_name
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.command_table import CommandTable
from cde_orchestrator.infrastructure.settings.settings import FILE

TABLE = "agents"
LONGEST_TIMEOUT_SECONDS = 86_400.0
_LISTS = ("command", "version", "environment")


def load_agents(root: Path) -> dict[str, Agent]:
    """The agents of the project at ``root`` by name, its own ones first.

    Raises:
        ValidationError: E314, a definition is not valid; E320, the file cannot be read.
    """
    found = CommandTable.read(TABLE, root)
    own = {name: _agent(name, found) for name in found.values}
    return {**own, **{name: each for name, each in BUILT_IN_AGENTS.items() if name not in own}}


def _agent(name: str, agents: CommandTable) -> Agent:
    try:
        checked_name(name)
    except ValidationError as error:
        agents.refuse(name, error.message)
    table = CommandTable.of(f"{TABLE}.{name}", agents.values[name], agents.source)
    table.require_keys(*_LISTS, "prompt", "timeout_seconds")
    values = {key: _value(table, key) for key in table.values}
    known = BUILT_IN_AGENTS.get(name)
    if known is None and not values.get("command"):
        table.refuse("command", "it is missing")
    agent = replace(known, **values) if known else Agent(name=name, **values)
    if (agent.prompt == "file") is not any(PROMPT_FILE in word for word in agent.command):
        reason = f'{PROMPT_FILE} must be in the command if, and only if, prompt is "file"'
        table.refuse("prompt", reason)
    return replace(agent, source=f"{FOLDER}/{FILE}")


def _value(table: CommandTable, key: str) -> Any:
    if key in _LISTS:
        words = table.words(key)
        if key == "command" and not words:
            table.refuse(key, "it is empty")
        return words
    if key == "prompt":
        if table.values[key] not in get_args(PromptBy):
            table.refuse(key, f"it must be one of {', '.join(get_args(PromptBy))}")
        return table.values[key]
    return table.seconds(key, LONGEST_TIMEOUT_SECONDS)
