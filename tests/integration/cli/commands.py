"""The real command line as a process of its own, for the tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests import command_line
from tests.command_line import CDE

__all__ = ["CDE", "answer", "cde", "environment", "refused"]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what would change the answers."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == VARIABLE
        or not (name.startswith(("CDE_", "PYTHONIOENCODING")) or name in {"COLUMNS", "NO_COLOR"})
    }
    return kept | changes


def cde(
    *arguments: str, cwd: Path, stdin: str | bytes = b"", kind: str = "commands", **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = command_line.cde(
        *arguments, cwd=cwd, environment=environment(**env), stdin=given, kind=kind
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def answer(*arguments: str, cwd: Path, stdin: str | bytes = b"") -> dict[str, Any]:
    """The reply of a command that must succeed: all that is on standard output."""
    done = cde(*arguments, "--json", cwd=cwd, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    reply: dict[str, Any] = json.loads(done.stdout)
    assert done.stdout == json.dumps(reply, indent=2, ensure_ascii=False) + "\n"
    return reply


def refused(*arguments: str, cwd: Path, stdin: str | bytes = b"") -> dict[str, Any]:
    """The error of a command that must be refused: all that is on standard output."""
    done = cde(*arguments, "--json", cwd=cwd, stdin=stdin)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout + done.stderr
    reply: dict[str, Any] = json.loads(done.stdout)
    assert set(reply) == {"error"}
    error: dict[str, Any] = reply["error"]
    return error
