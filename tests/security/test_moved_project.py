"""A server whose project's folder is exchanged for something else serves and changes nothing there.

What is at the path then was trusted by nobody, whether it is a link or a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.logs.setup import (
    log_file,
    setup_project_logging,
)
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.trust.judge import VARIABLE, FolderTrust
from tests.command_line import cde
from tests.integration.mcp_client import StdioServer
from tests.security.swap import contents


def a_link_to_where_it_went(root: Path, moved: Path) -> None:
    root.symlink_to(moved, target_is_directory=True)


def a_link_to_another_project(root: Path, moved: Path) -> None:
    root.symlink_to(moved.with_name("other"), target_is_directory=True)


def a_link_to_a_folder(root: Path, moved: Path) -> None:
    root.symlink_to(moved.with_name("empty"), target_is_directory=True)


def a_link_to_nothing(root: Path, moved: Path) -> None:
    root.symlink_to(moved.with_name("nowhere"))


def a_copy(root: Path, moved: Path) -> None:
    shutil.copytree(moved, root)


def another_project(root: Path, moved: Path) -> None:
    shutil.copytree(moved.with_name("other"), root)


def a_worktree_of_another_project(root: Path, moved: Path) -> None:
    """What is at the path says itself where its log and its state would be."""
    other = moved.with_name("other")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (
        ("init", "--quiet"),
        ("commit", "--quiet", "--allow-empty", "--message", "Begin"),
        ("worktree", "add", "--quiet", "--detach", str(root)),
    ):
        subprocess.run([*git, *words], cwd=other, check=True, capture_output=True)


def a_file(root: Path, moved: Path) -> None:
    root.write_text("mine")


def nothing(root: Path, moved: Path) -> None:
    """The folder is gone."""


EXCHANGES = [
    *(a_link_to_where_it_went, a_link_to_another_project, a_link_to_a_folder, a_link_to_nothing),
    *(a_copy, another_project, a_file, nothing),
]
UNJUDGED = [a_worktree_of_another_project, *EXCHANGES]
"""The first is trusted, as the project that it belongs to is, but no call has judged it."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "cde_startFeature": {"prompt": "Do it"},
    "cde_submitWork": {"feature_id": "one", "phase_id": "define", "results": {"spec": "words"}},
    "cde_saveProgress": {"feature_id": "one", "phase_id": "define", "note": "A note"},
    "cde_closeFeature": {"feature_id": "one", "outcome": "cancelled", "reason": "No"},
    "cde_setProjectStatus": {"status": "archived"},
    "cde_onboardProject": {"path": "."},
}
"""Whatever changes anything."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project that a person trusts, next to another one and an empty folder."""
    monkeypatch.delenv(VARIABLE)
    for name in ("project", "other"):
        (tmp_path / name).mkdir()
        for words in (("init",), ("start", "Do one", "--name", "one")):
            assert cde(*words, cwd=tmp_path / name).returncode == 0
    (tmp_path / "empty").mkdir()
    yield tmp_path / "project"
    assert not (tmp_path / "nowhere").exists()


def served(
    root: Path, exchange: Callable[[Path, Path], None]
) -> tuple[StdioServer, dict[str, tuple[int, str]]]:
    """A server whose folder was exchanged after a call, and all that there is then."""
    server = StdioServer(root)
    asked = {"name": "cde_saveProgress", "arguments": ARGUMENTS["cde_saveProgress"]}
    assert not server.ask("tools/call", asked, "before")["result"]["isError"]
    exchange(root, root.rename(root.with_name("moved")))
    return server, contents(root.parent)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_server_of_a_folder_that_was_exchanged_changes_nothing(
    root: Path, exchange: Callable[[Path, Path], None]
) -> None:
    server, before = served(root, exchange)

    codes = {}
    for tool, arguments in ARGUMENTS.items():
        answer = server.ask("tools/call", {"name": tool, "arguments": arguments}, tool)["result"]
        codes[tool] = answer["isError"] and answer["structuredContent"]["error"]["code"]

    _, said = server.end()
    assert contents(root.parent) == before
    assert "Traceback" not in said
    assert set(codes.values()) <= {"E001", "E002", "E003", "E004", "E006", "E325", "E326"}, codes


@pytest.mark.parametrize("exchange", UNJUDGED)
def test_a_server_that_ends_after_it_was_exchanged_leaves_nothing_there(
    root: Path, exchange: Callable[[Path, Path], None]
) -> None:
    """No call has judged by then what is at the path: not the log, nor counts, nor the state."""
    server, before = served(root, exchange)

    _, said = server.end()

    assert contents(root.parent) == before
    assert "Traceback" not in said


@pytest.mark.parametrize("exchange", UNJUDGED[:7])
def test_a_line_of_a_call_that_has_judged_nothing_yet_waits(
    root: Path, exchange: Callable[[Path, Path], None]
) -> None:
    FolderTrust().judge(root)
    setup_project_logging(root, Settings())
    moved = root.rename(root.with_name("moved"))
    exchange(root, moved)
    before = contents(root.parent)

    get_logger(__name__).warning("said_before_it_is_judged")

    assert contents(root.parent) == before
    root.unlink() if root.is_symlink() else shutil.rmtree(root)
    moved.rename(root)
    get_logger(__name__).warning("said_when_it_is_back")
    lines = log_file(root).read_text().splitlines()
    assert [orjson.loads(line)["event"] for line in lines[-2:]] == [
        "said_before_it_is_judged",
        "said_when_it_is_back",
    ]


def test_it_is_served_further_once_it_is_back(root: Path) -> None:
    server = StdioServer(root)
    call = {"name": "cde_startFeature", "arguments": {"prompt": "Do it"}}
    moved = root.rename(root.with_name("moved"))
    root.symlink_to(root.with_name("other"), target_is_directory=True)
    assert server.ask("tools/call", call, "away")["result"]["isError"]
    root.unlink()
    os.rename(moved, root)
    answer = server.ask("tools/call", call, "back")["result"]
    assert not answer["isError"], answer
    server.end()
