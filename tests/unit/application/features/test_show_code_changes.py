"""What differs in the project's files since a feature began."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.application.features import show_code_changes
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.show_code_changes import (
    CodeChangesReply,
    ShowCodeChanges,
)
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.standing import Standing
from tests.fakes import World


@pytest.fixture
def world() -> World:
    """A feature in a repository, begun with two files."""
    world = World.active()
    world.git.commit = "a" * 40
    world.proofs.source |= {"cart.py": "one\ntwo\n", "old.py": "old\n"}
    world.run(StartFeature(prompt="Add login", name="login"))
    return world


def change(world: World) -> None:
    del world.proofs.source["old.py"]
    world.proofs.source |= {"cart.py": "one\n2\n", "new.py": "new\n"}
    world.files.contents["specs/login/spec.md"] = b"a record is no code"


def show(world: World, path: str | None = None) -> CodeChangesReply:
    use_case = ShowCodeChanges(feature_id="login", path=path)
    return world.run(use_case, standing=Standing(kind="trusted"))


def test_the_files_that_differ_are_listed_with_their_lines(world: World) -> None:
    change(world)
    world.git.lines = {"cart.py": (1, 1), "new.py": (1, 0)}

    found = show(world)

    rows = [
        (each["path"], each["kind"], each["lines_added"], each["lines_removed"])
        for each in found["files"]
    ]
    assert rows == [
        ("cart.py", "changed", 1, 1),
        ("new.py", "added", 1, 0),
        ("old.py", "removed", None, None),
    ]
    assert (found["total"], found["until"], found["problem"]) == (3, "now", None)


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("cart.py", [" one", "-two", "+2"]),
        ("new.py", ["+new"]),
        ("old.py", ["-old"]),
    ],
)
def test_a_file_is_shown_line_by_line(world: World, path: str, lines: list[str]) -> None:
    change(world)

    compared = show(world, path)["compared"]

    assert compared is not None
    assert compared["hunks"][0]["lines"] == lines


@pytest.mark.parametrize("path", ["", "other.py", "specs/login/spec.md", "../x", "/etc/passwd"])
def test_no_other_file_is_shown(world: World, path: str) -> None:
    change(world)
    with pytest.raises(CDEError) as refused:
        show(world, path)

    assert refused.value.code == "E305"


def test_only_the_first_files_are_listed_and_no_large_one_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(world)
    monkeypatch.setattr(show_code_changes, "FILES_SHOWN", 2)
    monkeypatch.setattr(show_code_changes, "COMPARED_BYTES", 3)

    found = show(world)
    assert ([each["path"] for each in found["files"]], found["total"]) == (["cart.py", "new.py"], 3)
    compared: Any = show(world, "cart.py")["compared"]
    assert (compared["hunks"], compared["problem"]) == ([], "too much differs")


def test_a_closed_feature_ends_with_what_it_saw_last(world: World) -> None:
    world.proofs.source["cart.py"] = "its own\n"
    world.run(SaveProgress(feature_id="login", note="half"))
    world.run(CloseFeature(feature_id="login", outcome="cancelled", reason="no"))
    world.proofs.source["later.py"] = "of somebody else\n"

    found = show(world)
    assert ([each["path"] for each in found["files"]], found["until"]) == (["cart.py"], "last_seen")
    world.source.kept.clear()
    assert [each["path"] for each in show(world)["files"]] == ["cart.py", "later.py"]


def test_without_a_repository_it_says_why_nothing_is_known() -> None:
    world = World.active()
    world.run(StartFeature(prompt="Add login", name="login"))

    found = show(world)

    assert (found["files"], found["total"], found["commit"]) == ([], 0, None)
    assert found["problem"] == "the source was not recorded when the feature started"


def test_git_is_not_run_in_a_folder_that_is_only_viewed(world: World) -> None:
    with pytest.raises(CDEError) as refused:
        world.run(ShowCodeChanges(feature_id="login"), standing=Standing(kind="not_yet"))

    assert refused.value.code == "E325"
