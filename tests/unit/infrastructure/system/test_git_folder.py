"""Where ``.git`` of a folder's repository may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.system.git_folder import git_places


@pytest.mark.parametrize("folder", ["/", "/a", "/a/b.c/d", "a", "a/b", "//a/b"])
def test_git_is_looked_for_in_the_folder_and_in_each_one_above(folder: str) -> None:
    path = Path(folder)

    assert [Path(each) for each in git_places(path)] == [
        above / ".git" for above in (path, *path.parents)
    ]
