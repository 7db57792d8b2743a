"""People are asked at one place, where the time that they take is told apart."""

from __future__ import annotations

from pathlib import Path

import cde_orchestrator

SOURCE = Path(cde_orchestrator.__file__).parent


def test_no_command_asks_by_itself() -> None:
    asking = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(each in path.read_text("utf-8") for each in ("typer.prompt(", "typer.confirm("))
    }
    assert asking == {"cli/session/call.py"}
