"""What a bundle starts is the server, for the project that the person chose."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cde_orchestrator.mcp_tools.all_tools import TOOLS
from tools.bundle import ENTRY_POINT, START, answered

pytestmark = pytest.mark.anyio


async def test_the_entry_point_serves_the_project_that_is_named(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    home.mkdir()
    (tmp_path / ENTRY_POINT).write_text(START)
    command = [sys.executable, str(tmp_path / ENTRY_POINT), "--project", str(project)]

    assert await answered(command, {"HOME": str(home)}) == {tool.name for tool in TOOLS}
    assert (project / ".cde" / "workflow.yml").is_file()
