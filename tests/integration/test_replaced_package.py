"""A server whose package is replaced while it runs says what to do, whatever it is asked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import cde_orchestrator
from tests.integration.mcp_client import Agent, stdio_agent

pytestmark = pytest.mark.anyio

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("cde_submitWork", {"feature_id": "f", "phase_id": "define", "results": {"spec": "x"}}),
    ("cde_resumeFeature", {"feature_id": "f"}),
    ("cde_saveProgress", {"feature_id": "f", "phase_id": "define", "note": "Half way"}),
    ("cde_closeFeature", {"feature_id": "f", "outcome": "cancelled", "reason": "No"}),
    ("cde_getHealth", {}),
]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package in a folder of its own, where it can be replaced."""
    own = Path(cde_orchestrator.__file__).parent
    copy = tmp_path / "site" / own.name
    shutil.copytree(own, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def move(package: Path, place: Path) -> None:
    package.rename(place)


async def codes(agent: Agent) -> dict[str, str | None]:
    """The code of each call's error, by tool; None where it succeeded."""
    found: dict[str, str | None] = {}
    for tool, arguments in CALLS:
        result = await agent.raw(tool, arguments)
        content = result.structured_content or {}
        found[tool] = str(content["error"]["code"]) if result.is_error else None
        if result.is_error:
            assert "estart" in str(content["error"]["suggestions"])
    return found


async def test_a_package_that_is_gone_is_named(project: Path, installed: Path) -> None:
    async with stdio_agent(project, PYTHONPATH=str(installed.parent)) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        move(installed, installed.with_name("gone"))
        assert await codes(agent) == {tool: "E931" for tool, _ in CALLS}
        move(installed.with_name("gone"), installed)
    async with stdio_agent(project, PYTHONPATH=str(installed.parent)) as agent:
        status = await agent.call("cde_getFeatureStatus", feature_id="f")
        assert status["feature"]["status"] == "defining"


async def test_another_version_in_its_place_is_named(project: Path, installed: Path) -> None:
    async with stdio_agent(project, PYTHONPATH=str(installed.parent)) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        module = installed / "application" / "features" / "save_progress.py"
        module.write_text("raise AttributeError('it is called otherwise now')\n")
        about = installed.with_name("cde_orchestrator-9.9.0.dist-info")
        about.mkdir()
        about.joinpath("METADATA").write_text(
            "Metadata-Version: 2.1\nName: cde-orchestrator\nVersion: 9.9.0\n"
        )
        given = {"feature_id": "f", "phase_id": "define", "note": "Half way"}
        error = await agent.refused("cde_saveProgress", **given)
    assert error["code"] == "E931"
    assert "version 9.9.0 is installed now" in error["message"]


async def test_an_accident_of_the_same_version_stays_one(project: Path, installed: Path) -> None:
    async with stdio_agent(project, PYTHONPATH=str(installed.parent)) as agent:
        await agent.call("cde_startFeature", prompt="Add login", name="f")
        module = installed / "application" / "features" / "save_progress.py"
        module.write_text("raise AttributeError('it is called otherwise now')\n")
        given = {"feature_id": "f", "phase_id": "define", "note": "Half way"}
        assert (await agent.refused("cde_saveProgress", **given))["code"] == "E999"
