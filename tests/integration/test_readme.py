"""The first steps that the README tells work as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.domain.clients import CLIENTS
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.terminal import at_terminal

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("is_at_terminal", [True, False])
def test_a_newcomer_who_follows_the_readme_finishes_a_feature(
    tmp_path: Path, is_at_terminal: bool
) -> None:
    chapter = README.read_text().partition("## A finished feature")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # As a newcomer has it: a new home, and no folder that is trusted beforehand.
    newcomer = {**os.environ, "PATH": path, "HOME": str(tmp_path / "home")}
    for name in (VARIABLE, "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        newcomer.pop(name, None)

    words = ["bash", "-c", f"{script}\ncde list --json"]
    if is_at_terminal:
        written, shown = at_terminal(words, tmp_path, newcomer)
    else:  # as a script
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env=newcomer,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        written, shown = done.stdout, done.stderr

    listed = json.loads(written[written.index("\n{\n") :])
    assert [row["status"] for row in listed["features"]] == ["completed"]
    assert "Write notes/hello.md. The goal: Say hello to the team\n" in written
    assert re.findall(r"\bE\d{3}\b", shown)[0] == "E115"


def test_no_recipe_for_a_client_binds_all_its_sessions_to_one_project() -> None:
    """Entries are made by one command, so that no text has its own; that they do not is tested."""
    readme = README.read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "cde_orchestrator", "serve", "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for text in (readme, shown):
        assert re.findall(r"\w+ mcp add|mcpServers|mcp_servers", text) == []
        named = re.findall(
            r"\$ (?:CDE_\S+ )?(?:\S+ )*?cde connect ([a-z][a-z -]*?)(?= --| {2}|\n|$)", text
        )
        assert named
        assert {each for words in named for each in words.split()} <= CLIENTS.keys()
