"""The first steps that the README tells work as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.terminal import at_terminal

README = Path(__file__).parents[2] / "README.md"

HTTP = [
    'auth="Authorization: Bearer $(cat FILE)"',
    'claude mcp add --transport http cde http://127.0.0.1:8787/mcp -H "$auth"',
]
GEMINI = "gemini mcp add --scope user cde cde serve"
"""A server of the folder alone is left out where Gemini was not asked to trust the folder."""


def test_a_newcomer_who_follows_the_readme_finishes_a_feature(tmp_path: Path) -> None:
    chapter = README.read_text().partition("## A finished feature")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # As a newcomer has it: a new home, and no folder that is trusted beforehand.
    newcomer = {**os.environ, "PATH": path, "HOME": str(tmp_path / "home")}
    for name in (VARIABLE, "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        newcomer.pop(name, None)

    words = ["bash", "-c", f"{script}\ncde list --json"]
    written, shown = at_terminal(words, tmp_path, newcomer)

    listed = json.loads(written[written.index("\n{\n") :])
    assert [row["status"] for row in listed["features"]] == ["completed"]
    assert "Write notes/hello.md. The goal: Say hello to the team\n" in written
    assert re.findall(r"\bE\d{3}\b", shown)[0] == "E115"


def test_no_recipe_for_a_client_binds_all_its_sessions_to_one_project() -> None:
    readme = README.read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "cde_orchestrator", "serve", "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    codex = tomllib.loads("\n".join(re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)))
    entry = {"command": "cde", "args": ["serve"], "required": True}
    assert codex["mcp_servers"] == {"cde": entry}
    lines = [line.strip() for line in shown.splitlines()]
    first = lines.index("[mcp_servers.cde]")
    assert tomllib.loads("\n".join(lines[first : first + 4])) == codex
    over_http = lines[lines.index(HTTP[0]) :][: len(HTTP)]
    assert over_http == HTTP
    for text, more in ((readme, set()), (shown, set(HTTP[1:]))):
        commands = {each.strip() for each in re.findall(r"\w+ mcp add [^`\n]+", text)}
        assert commands == {"claude mcp add cde -- cde serve", GEMINI} | more


def test_the_files_that_the_readme_gives_to_editors_are_json() -> None:
    files = re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)

    assert [next(iter(json.loads(file))) for file in files] == ["mcpServers", "servers"]
