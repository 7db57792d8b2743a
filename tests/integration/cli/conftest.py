"""Commands inside the test's own process too."""

from __future__ import annotations

from tests.unit.cli.conftest import at_project, terminal

__all__ = ["at_project", "terminal"]
