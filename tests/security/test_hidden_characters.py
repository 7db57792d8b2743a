"""Characters that are not seen, or change how others are, are refused, or shown as escapes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import load_alert_command
from cde_orchestrator.infrastructure.settings.agent_tables import load_agents
from cde_orchestrator.infrastructure.settings.settings import Settings, load_settings
from tests.command_line import cde
from tests.integration.mcp_client import stdio_agent

HIDDEN = {
    "escape": "\x1b",
    "carriage return": "\r",
    "delete": "\x7f",
    "csi": "\x9b",
    "soft hyphen": "\xad",
    "no width": "\u200b",
    "right to left": "\u202e",
    "isolate": "\u2066",
    "line separator": "\u2028",
    "mark of order": "\ufeff",
    "tag": "\U000e0041",
}
CHARACTERS = pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN)
OUTPUT: dict[str, Any] = {
    "id": "note",
    "path": "notes/{feature}.md",
    "type": "markdown",
    "must_contain": ["# Note"],
    "verdict": ["approved"],
}
BUILD: dict[str, Any] = {
    "id": "build",
    "description": "Build",
    "handler": "agent",
    "prompt": "standard/define.md",
    "outputs": [OUTPUT],
    "changes": "required",
    "check": ["make", "test"],
    "check_directory": "src",
    "status": "building",
}
LOOK: dict[str, Any] = {"id": "look", "prompt": "standard/define.md", "inputs": ["note"]}
WORKFLOW: dict[str, Any] = {
    "version": 1,
    "default": "main",
    "workflows": {"main": {"description": "One", "phases": [BUILD, LOOK]}},
}
CONFIG: dict[str, Any] = {
    **{each.name: "x" for each in fields(Settings) if isinstance(each.default, str)},
    "agents": {"mine": {"command": ["run", "it"], "version": ["run"], "environment": ["KEY"]}},
    "alerts": {"command": ["tell", "me"]},
}


def texts(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every text in a document, and of every key as ``(..., key, None)``."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(key, str):
            yield (*place, key, None)
        if isinstance(inner, dict | list):
            yield from texts(inner, (*place, key))
        elif isinstance(inner, str):
            yield (*place, key)


def changed(document: Any, place: tuple[Any, ...], character: str) -> Any:
    """The document with the character in the text, or the key, at the place."""
    made = json.loads(json.dumps(document))
    is_key = place[-1] is None
    *way, key = place[:-1] if is_key else place
    at = made
    for step in way:
        at = at[step]
    if is_key:
        at[f"{key[:1]}{character}{key[1:]}"] = at.pop(key)
    else:
        at[key] = f"{at[key][:1]}{character}{at[key][1:]}"
    return made


def as_toml(value: Any) -> str:
    """The value as a settings file says it, with escapes that mean what is not seen."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in value) + '"'


def load_all(root: Path) -> None:
    """What the settings file says, to its last word."""
    load_settings(root, {})
    load_agents(root)
    load_alert_command(root)


@CHARACTERS
@pytest.mark.parametrize("place", [*texts(WORKFLOW)], ids=str)
def test_no_text_of_a_workflow_file_has_any(
    tmp_path: Path, place: tuple[Any, ...], character: str
) -> None:
    (tmp_path / ".cde").mkdir()
    file = tmp_path / ".cde/workflow.yml"
    file.write_text(yaml.safe_dump(WORKFLOW), "utf-8")
    assert YamlWorkflowRepository().load(tmp_path).default == "main"
    file.write_text(yaml.safe_dump(changed(WORKFLOW, place, character)), "utf-8")

    with pytest.raises(CDEError) as refused:
        YamlWorkflowRepository().load(tmp_path)
    assert refused.value.code in {"E310", "E311"}
    assert character not in refused.value.message


@CHARACTERS
@pytest.mark.parametrize("place", [*texts(CONFIG)], ids=str)
def test_no_text_of_a_settings_file_has_any(
    tmp_path: Path, place: tuple[Any, ...], character: str
) -> None:
    (tmp_path / ".cde").mkdir()
    document = changed({place[0]: CONFIG[place[0]]}, place, character)
    content = "".join(f"{as_toml(key)} = {as_toml(value)}\n" for key, value in document.items())
    assert tomllib.loads(content) == document
    (tmp_path / ".cde/config.toml").write_text(content, "utf-8")

    with pytest.raises(CDEError) as refused:
        load_all(tmp_path)
    assert refused.value.code in {"E314", "E320"}
    assert character not in refused.value.message


@CHARACTERS
def test_a_name_that_somebody_gives_is_shown_with_escapes(tmp_path: Path, character: str) -> None:
    assert cde("init", cwd=tmp_path).returncode == 0
    word = f"log{character}in"
    for words in (
        ("status", word),
        ("start", "Log in", "--name", word),
        ("explain", word),
        ("workflow", "show", word),
        ("errors", "show", word),
        ("run", word, "--agent", word),
        ("project", "info", "--project", str(tmp_path / word)),
    ):
        done = cde(*words, cwd=tmp_path)
        assert done.returncode != 0, words
        said = (done.stdout + done.stderr).decode()
        assert character not in said, words
        assert re.search(r"log( |\\\w+)in", said), words  # a space is one for a line break
    assert character not in (tmp_path / ".cde/logs/cde.log").read_bytes().decode()


@pytest.mark.anyio
async def test_what_a_client_is_answered_has_escapes(tmp_path: Path) -> None:
    assert cde("init", cwd=tmp_path).returncode == 0
    async with stdio_agent(tmp_path) as agent:
        for character in HIDDEN.values():
            refused = await agent.refused("cde_getFeatureStatus", feature_id=f"a{character}b")
            assert character not in refused["message"]
            assert re.search(r"'a( |\\\w+)b'", refused["message"])
