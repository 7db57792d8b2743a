"""Commands inside the test's own process too."""

from __future__ import annotations

from tests.unit.cli.conftest import at_project, commands_built_once, terminal

__all__ = ["at_project", "commands_built_once", "terminal"]
