"""The agents of a project: ``[agents.NAME]`` in ``.cde/config.toml``, and the built-in ones.

A definition of a built-in agent's name changes what it gives and keeps the rest::

    [agents.claude]
    timeout_seconds = 3600

    [agents.mine]
    command = ["my-agent", "--headless"]
    environment = ["MY_AGENT_KEY"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

from cde_orchestrator.domain.agent import BUILT_IN_AGENTS, PROMPT_FILE, Agent, PromptBy
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.names import checked_name
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.settings.settings import (
    FILE,
    settings_document,
    settings_file,
)

TABLE = "agents"
LONGEST_TIMEOUT_SECONDS = 86_400.0
_LISTS = ("command", "version", "environment")
_KEYS = (*_LISTS, "prompt", "timeout_seconds")


def load_agents(root: Path) -> dict[str, Agent]:
    """The agents of the project at ``root`` by name, its own ones first.

    Raises:
        ValidationError: E314, a definition is not valid; E320, the file cannot be read.
    """
    path = settings_file(root)
    own = {name: _agent(name, definition, path) for name, definition in _definitions(path).items()}
    return {**own, **{name: each for name, each in BUILT_IN_AGENTS.items() if name not in own}}


def _definitions(path: Path) -> Mapping[str, Any]:
    _, content = settings_document(path)
    found = content.get(TABLE, {})
    if not isinstance(found, dict):
        _refuse(TABLE, path, "it is no table")
    return found


def _agent(name: str, definition: object, path: Path) -> Agent:
    where = f"{TABLE}.{name}"
    try:
        checked_name(name)
    except ValidationError as error:
        _refuse(where, path, error.message)
    if not isinstance(definition, dict):
        _refuse(where, path, "it is no table")
    unknown = sorted(definition.keys() - set(_KEYS))
    if unknown:
        _refuse(f"{where}.{unknown[0]}", path, f"there are only {', '.join(_KEYS)}")
    values = {key: _value(f"{where}.{key}", key, definition[key], path) for key in definition}
    known = BUILT_IN_AGENTS.get(name)
    if known is None and not values.get("command"):
        _refuse(f"{where}.command", path, "it is missing")
    agent = replace(known, **values) if known else Agent(name=name, **values)
    if (agent.prompt == "file") is not any(PROMPT_FILE in word for word in agent.command):
        reason = f'{PROMPT_FILE} stands in the command if, and only if, prompt is "file"'
        _refuse(f"{where}.prompt", path, reason)
    return replace(agent, source=f"{FOLDER}/{FILE}")


def _value(where: str, key: str, value: object, path: Path) -> Any:
    if key in _LISTS:
        if not isinstance(value, list) or not all(_is_word(word) for word in value):
            _refuse(where, path, "it is no list of texts")
        if key == "command" and not value:
            _refuse(where, path, "it is empty")
        return tuple(value)
    if key == "prompt":
        if value not in get_args(PromptBy):
            _refuse(where, path, f"it is none of {', '.join(get_args(PromptBy))}")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(where, path, "it is no number")
    if not 0 < value <= LONGEST_TIMEOUT_SECONDS:
        _refuse(where, path, f"it is not between 0 and {LONGEST_TIMEOUT_SECONDS:.0f}")
    return float(value)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _refuse(setting: str, path: Path, reason: str) -> NoReturn:
    raise ValidationError.of("E314", setting=setting, source=str(path), reason=reason)
