"""The command line with every command loaded, for tests that walk through it."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

from cde_orchestrator.cli.app import app


def whole_command() -> Any:
    """The group ``cde``; its ``commands`` are the commands themselves, not what the help lists."""
    group: Any = get_command(app)
    group.commands = {name: group.load(name) for name in group.commands}
    return group
