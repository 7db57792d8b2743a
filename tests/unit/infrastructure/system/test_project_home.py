"""Which worktree's ``.cde`` is a project's, and whose files are read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson
import pytest

from cde_orchestrator.infrastructure.system.project_home import (
    Shelf,
    home_of,
    local_folder,
    repository_shelf,
    shared_file,
)

NAME = "6bf15179-7fb2-4e29-a383-def8981a31ba"
IDENTITY = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *IDENTITY, *words], cwd=folder, capture_output=True, check=True)


def repository_at(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    git(folder, "commit", "--allow-empty", "--message=Begin")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project whose vault names it."""
    made = repository_at(tmp_path / "home")
    (made / ".cde").mkdir()
    (made / ".cde" / "state.json").touch()
    sign(shelf_of(made), made)
    return made


@pytest.fixture
def linked(home: Path) -> Path:
    """Another worktree of the repository."""
    git(home, "worktree", "add", str(home.with_name("linked")))
    return home.with_name("linked")


def shelf_of(root: Path) -> Shelf:
    shelf = repository_shelf(root)
    assert shelf is not None
    return shelf


def sign(shelf: Shelf, home: Path) -> None:
    (shelf.folder / NAME).mkdir(parents=True, exist_ok=True)
    passport = {"id": NAME, "home": str(home), "inode": 0}
    (shelf.folder / NAME / "project.json").write_bytes(orjson.dumps(passport))
    shelf.note.parent.mkdir(exist_ok=True)
    shelf.note.write_text(f"{NAME}\n")


def test_the_home_is_where_the_state_is(home: Path, linked: Path) -> None:
    assert home_of(home) == home_of(linked) == home
    assert local_folder(linked) == home / ".cde"
    (linked / ".cde").mkdir()
    assert home_of(linked) == home
    (linked / ".cde" / "journal.jsonl").touch()
    assert home_of(linked) == linked


def test_the_home_is_still_that_when_its_folder_is_removed_but_not_when_it_is_gone(
    home: Path, linked: Path
) -> None:
    sign(shelf_of(home), linked)
    (home / ".cde" / "state.json").unlink()
    assert home_of(home) == linked
    git(home, "worktree", "remove", str(linked))
    assert home_of(home) == home


def test_no_vault_leads_out_of_the_repository(home: Path, linked: Path) -> None:
    elsewhere = repository_at(home.with_name("elsewhere"))
    (elsewhere / ".cde").mkdir()
    (elsewhere / ".cde" / "state.json").touch()
    for named in (elsewhere, home / "below", home.parent, Path("/"), Path("\0")):
        sign(shelf_of(home), named)
        assert home_of(linked) == linked


def test_a_file_for_git_is_the_worktrees_own_else_its_homes(home: Path, linked: Path) -> None:
    assert shared_file(linked, "workflow.yml") == home / ".cde" / "workflow.yml"
    (linked / ".cde").mkdir()
    (linked / ".cde" / "workflow.yml").symlink_to("nowhere")  # an error of its own, and no lack
    assert shared_file(linked, "workflow.yml") == linked / ".cde" / "workflow.yml"
    assert shared_file(linked, "prompts") == home / ".cde" / "prompts"
    assert shared_file(home, "prompts") == home / ".cde" / "prompts"


def test_a_folder_without_a_repository_is_its_own_home(tmp_path: Path) -> None:
    assert repository_shelf(tmp_path) is None
    assert home_of(tmp_path) == tmp_path
