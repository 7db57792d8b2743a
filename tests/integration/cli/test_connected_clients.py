"""The programs themselves read what ``cde connect`` wrote for them, where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.commands import cde, environment

SEEN = {
    "claude-code": ("claude", "✔ Connected"),
    "codex": ("codex", "enabled"),
    "gemini": ("gemini", "Connected"),
    "opencode": ("opencode", "connected"),
    "copilot": ("copilot", "cde (local)"),
}
"""The program of each client, and what its ``mcp list`` says of a server that it would use."""
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "GEMINI_CLI_TRUST_WORKSPACE": "true",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "COPILOT_OFFLINE": "true",
    "COPILOT_AUTO_UPDATE": "false",
}


@pytest.mark.slow
@pytest.mark.parametrize("client", SEEN)
def test_the_client_lists_the_server_until_it_is_removed(
    client: str, project: Path, tmp_path: Path
) -> None:
    name, seen = SEEN[client]
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    empty = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CODEX_HOME"), "")
    variables = {"HOME": str(tmp_path), "PATH": own, **empty, **QUIET}

    def listed() -> str:
        done = subprocess.run(
            [program, "mcp", "list"],
            cwd=project,
            env={key: value for key, value in environment(**variables).items() if value},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return done.stdout + done.stderr

    assert cde("connect", client, "--yes", cwd=project, **variables).returncode == 0
    assert seen in listed()
    assert cde("connect", client, "--remove", "--yes", cwd=project, **variables).returncode == 0
    assert seen not in listed()
