"""Two features at work on the same files at once are told of each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.remarks import submit_remarks
from cde_orchestrator.bootstrap import Application, build_application
from tests.integration.mcp_client import stdio_agent, text_of
from tests.repository import git

WORKFLOW = """\
version: 1
proof: recorded
workflows:
  short:
    phases:
      - {id: build, prompt: docs/write.md, changes: required}
      - {id: verify, prompt: docs/write.md, outputs: [{id: end, path: "specs/{feature}/end.md"}]}
"""
WORDS = "Feature one is open and changes shop.py, too: agree on who goes first."


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in git with two features under way, the first of which has changed a file."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "shop.py").write_text("price = 1\n")
    (root / "cart.py").write_text("total = 1\n")
    git(root, "init", "-q")
    with closing(build_application(root)) as application:
        application.handle(OnboardProject())
        (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
        git(root, "add", ".")
        git(root, "commit", "-qm", "First")
        for name in ("one", "two"):
            application.handle(StartFeature(prompt=f"Thing {name}", name=name))
        (root / "shop.py").write_text("price = 2\n")
        build(application, "one")
    return root


@pytest.fixture
def application(shop: Path) -> Iterator[Application]:
    with closing(build_application(shop)) as application:
        yield application


def build(application: Application, name: str) -> Any:
    return application.handle(SubmitWork(feature_id=name, phase_id="build"))


def test_who_submits_a_change_of_the_same_file_is_told_who_else_did(
    shop: Path, application: Application
) -> None:
    (shop / "shop.py").write_text("price = 3\n")
    reply = build(application, "two")

    (other,) = reply["overlaps"]
    assert (other["feature"], other["files"]) == ("one", ["shop.py"])
    assert WORDS in submit_remarks(reply)


def test_who_changes_other_files_is_told_of_nobody(shop: Path, application: Application) -> None:
    application.handle(StartFeature(prompt="Thing three", name="three"))
    (shop / "cart.py").write_text("total = 3\n")

    assert "overlaps" not in build(application, "three")


@pytest.mark.anyio
async def test_an_agent_is_told_in_the_answer(shop: Path) -> None:
    (shop / "shop.py").write_text("price = 3\n")
    async with stdio_agent(shop) as agent:
        arguments = {"feature_id": "two", "phase_id": "build", "takeover": True}
        answer = await agent.raw("cde_submitWork", arguments)

    assert WORDS in text_of(answer)
