"""The first steps that the README tells work as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"

GEMINI = "gemini mcp add --scope user cde cde serve"
"""A server of the folder alone is left out where Gemini was not asked to trust the folder."""


def test_a_newcomer_who_follows_the_readme_finishes_a_feature(tmp_path: Path) -> None:
    chapter = README.read_text().partition("## A finished feature")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    followed = subprocess.run(
        ["bash", "-c", f"{script}\ncde list --json"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    listed = json.loads(followed.stdout[followed.stdout.index("\n{\n") :])
    assert [row["status"] for row in listed["features"]] == ["completed"]
    assert "Write notes/hello.md. The goal: Say hello to the team\n" in followed.stdout
    assert re.findall(r"\bE\d{3}\b", followed.stderr)[0] == "E115"


def test_no_recipe_for_a_client_binds_all_its_sessions_to_one_project() -> None:
    readme = README.read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "cde_orchestrator", "serve", "--help"],
        env={**os.environ, "COLUMNS": "200"},
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
    for text in (readme, shown):
        commands = {each.strip() for each in re.findall(r"\w+ mcp add [^`\n]+", text)}
        assert commands == {"claude mcp add cde -- cde serve", GEMINI}


def test_the_files_that_the_readme_gives_to_editors_are_json() -> None:
    files = re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)

    assert [next(iter(json.loads(file))) for file in files] == ["mcpServers", "servers"]
