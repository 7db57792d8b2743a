"""A link in the place of a folder of ``.cde`` leads nobody out of the project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.objects import FilesystemObjectStore
from cde_orchestrator.adapters.runners.agent_process import CommandLineAgents
from cde_orchestrator.adapters.runners.checks import SubprocessCheckRunner
from cde_orchestrator.application.ports.agents import Assignment
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.fakes import NOON, writing_workflow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder."""
    (tmp_path / "project" / ".cde").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else, in which nothing is made or removed."""
    folder = tmp_path / "elsewhere"
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / "theirs").write_bytes(b"x" * 50_000)
    os.utime(folder / "ab" / "theirs", (0, 0))
    before = sorted(folder.rglob("*"))
    yield folder
    assert sorted(folder.rglob("*")) == before


def run_alone(root: Path) -> None:
    agents = CommandLineAgents(root, BreakerRegistry(root))
    agents.lock_run("id", "column").__enter__()


def give_the_prompt(root: Path) -> None:
    agents = CommandLineAgents(root, BreakerRegistry(root))
    agent = Agent(name="mine", command=(sys.executable, "{prompt_file}"), prompt="file")
    agents.run(agent, Assignment(prompt="x", folder=root, labels={}), lambda _: None)


def check_alone(root: Path) -> None:
    workflow = writing_workflow()
    feature = Feature.create(project_id="p", name="one", prompt="x", workflow=workflow, now=NOON)
    SubprocessCheckRunner().lock_check(root, feature).__enter__()


def keep(root: Path) -> None:
    FilesystemObjectStore().put(root, b"content")


@pytest.mark.parametrize(
    ("folder", "work"),
    [
        ("runs", run_alone),
        ("runs", give_the_prompt),
        ("runs", check_alone),
        ("objects", keep),
    ],
)
def test_nothing_is_written_into_a_linked_folder(
    root: Path, elsewhere: Path, folder: str, work: Callable[[Path], None]
) -> None:
    (root / ".cde" / folder).symlink_to(elsewhere)
    with pytest.raises(CDEError) as refused:
        work(root)

    assert refused.value.code == "E203"
    assert "a link is in its place" in refused.value.message


def test_contents_in_a_linked_folder_are_neither_kept_nor_removed(
    root: Path, elsewhere: Path
) -> None:
    objects = root / ".cde" / "objects"
    objects.mkdir()
    (objects / "ab").symlink_to(elsewhere / "ab")
    store = FilesystemObjectStore(total_limit_bytes=40_000)

    for number in range(200):
        with suppress(CDEError):
            store.put(root, f"{number}".encode() * 4_000)
    assert len(list(objects.glob("*/*"))) > 1


def test_a_breaker_is_not_shared_through_a_linked_folder(root: Path, elsewhere: Path) -> None:
    (root / ".cde" / "breakers").symlink_to(elsewhere)
    breaker = BreakerRegistry(root).get("git", failure_threshold=1, failures=OSError)

    with suppress(OSError):
        breaker.call(os.stat, root / "gone")

    assert breaker.state == "open"
