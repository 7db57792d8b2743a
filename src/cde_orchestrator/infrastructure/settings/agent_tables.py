"""The agents of a project: ``[agents.NAME]`` in ``.cde/config.toml``, and the built-in ones.

A definition of a built-in agent's name changes what it gives and keeps the rest::

    [agents.claude]
    timeout_seconds = 3600

    [agents.mine]
    command = ["my-agent", "--headless"]
    output = "text"
    environment = ["MY_AGENT_KEY"]
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from cde_orchestrator.domain.agent import ACP, PROMPT_FILE, SLOTS, Agent, OutputForm, PromptBy
from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.names import checked_name
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.command_table import CommandTable
from cde_orchestrator.infrastructure.settings.settings import FILE

TABLE = "agents"
LONGEST_TIMEOUT_SECONDS = 86_400.0
_LISTS = ("command", "version", "environment")
_CHOICES = {"prompt": get_args(PromptBy), "output": get_args(OutputForm)}


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
    table.require_keys(*_LISTS, *_CHOICES, "timeout_seconds")
    values = {key: _value(table, key) for key in table.values}
    known = BUILT_IN_AGENTS.get(name)
    if known and (command := values.get("command")):  # what it replaces says nothing of it
        takes_file = any(PROMPT_FILE in word for word in command)
        values = {"output": "text", "prompt": "file" if takes_file else "stdin", **values}
    if known is None and not values.get("command"):
        table.refuse("command", "it is missing")
    agent = replace(known, **values) if known else Agent(name=name, **values)
    if (agent.prompt == "file") is not any(PROMPT_FILE in word for word in agent.command):
        reason = f'{PROMPT_FILE} must be in the command if, and only if, prompt is "file"'
        table.refuse("prompt", reason)
    if agent.output in {"text", ACP} and any(slot in agent.command for slot in SLOTS):
        slots = " and ".join(SLOTS)
        table.refuse("output", f"{slots} in the command need the output of a known program")
    if agent.output == ACP and agent.prompt == "file":
        table.refuse("prompt", "a program that speaks acp gets its prompt by that")
    return replace(agent, source=f"{FOLDER}/{FILE}")


def _value(table: CommandTable, key: str) -> Any:
    if key in _LISTS:
        words = table.words(key)
        if key == "command" and not words:
            table.refuse(key, "it is empty")
        return words
    if (choices := _CHOICES.get(key)) is not None:
        if table.values[key] not in choices:
            table.refuse(key, f"it must be one of {', '.join(choices)}")
        return table.values[key]
    return table.seconds(key, LONGEST_TIMEOUT_SECONDS)
