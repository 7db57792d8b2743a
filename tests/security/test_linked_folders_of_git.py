"""What is in a repository's own folder is reached without a link, whatever the folder is called."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.gitignore import keep_from_git
from cde_orchestrator.infrastructure.system.file_ops import open_regular
from cde_orchestrator.infrastructure.system.git_folder import repository_of
from cde_orchestrator.storage.format.vault import shelves_for
from tests.repository import git, repository_at

pytestmark = pytest.mark.skipif(os.name == "nt", reason="made for POSIX")


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """A worktree of a repository that has no other."""
    origin = repository_at(tmp_path / "origin")
    git(tmp_path, "clone", "--bare", str(origin), "bare")
    git(tmp_path / "bare", "worktree", "add", str(tmp_path / "tree"), "main")
    return tmp_path / "tree"


def test_no_link_is_followed_in_the_folder_of_a_bare_repository(
    tmp_path: Path, worktree: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "exclude").write_text("theirs\n")
    found = repository_of(worktree)
    assert found is not None
    assert found.common == tmp_path / "bare"
    for name in ("info", "cde"):
        place = found.common / name
        if place.exists():
            place.rename(place.with_name(f"{name}-before"))
        place.symlink_to(elsewhere)

    with pytest.raises(OSError, match="a link is in its place") as refused:
        open_regular(found.common / "info" / "exclude", os.O_WRONLY | os.O_APPEND)
    assert refused.value.errno == errno.ELOOP
    keep_from_git(worktree, worktree)
    assert next(shelves_for(worktree)).noted() is None
    assert (elsewhere / "exclude").read_text() == "theirs\n"
