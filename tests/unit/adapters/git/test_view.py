"""What git sees of a repository where it might run a program of it."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest

import cde_orchestrator
from cde_orchestrator.adapters.git.git_process import Git, GitBrokenError, GitError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.repository import git

ODD = 'odd "name"\\ with a tab\t'


def repository_in(folder: Path) -> Path:
    """A repository with one commit."""
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_bytes(b"a\r\nb\r\n")
    later = time.time() + 3600  # a file that is newer than the index is always compared
    os.utime(folder / "a.txt", (later, later))
    (folder / "b" / "c").mkdir(parents=True)
    (folder / "b" / "c" / "d.txt").write_text("d\n")
    git(folder, "-c", "core.autocrlf=true", "add", ".")
    git(folder, "commit", "-qm", "First")
    return folder


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "repository").mkdir()
    return repository_in(tmp_path / "repository")


def changes(folder: Path) -> str:
    return Git(folder, BreakerRegistry()).run("status", "--porcelain", "-z")


def test_how_files_are_compared_is_still_the_repository_s_own(repository: Path) -> None:
    assert changes(repository) == "M a.txt\0"
    git(repository, "config", "core.autocrlf", "true")
    assert changes(repository) == ""
    (repository / "a.txt").chmod(0o755)
    assert changes(repository) == "M a.txt\0"
    git(repository, "config", "core.fileMode", "false")
    assert changes(repository) == ""


def test_a_setting_keeps_every_character_of_its_value(repository: Path) -> None:
    ignored = repository.parent / ODD
    ignored.write_text("*.tmp\n")
    git(repository, "config", "core.autocrlf", "true")
    git(repository, "config", "core.excludesFile", str(ignored))
    (repository / "x.tmp").write_text("")
    (repository / "y").write_text("")
    assert changes(repository) == "?? y\0"


def test_a_setting_without_a_value_is_true(repository: Path) -> None:
    with (repository / ".git" / "config").open("a") as config:
        config.write("[core]\n\tautocrlf\n")
    assert changes(repository) == ""


def test_a_sparse_checkout_stays_sparse(repository: Path) -> None:
    git(repository, "config", "core.autocrlf", "true")
    git(repository, "sparse-checkout", "set", "b")
    assert not (repository / "b" / "c" / "missing").exists()
    git(repository, "sparse-checkout", "set", "nothing")
    assert not (repository / "b").exists()
    assert changes(repository) == ""


def test_a_worktree_is_seen_as_what_it_is(repository: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    git(repository, "config", "core.autocrlf", "true")
    git(repository, "worktree", "add", "-q", "-b", "other", str(there))
    (there / "new").write_text("")
    assert changes(there) == "?? new\0"
    Git(there, BreakerRegistry()).run("switch", "-c", "third")
    assert git(there, "branch", "--show-current") == "third"
    assert git(repository, "branch", "--show-current") == "main"
    assert "moving from other to third" in git(there, "reflog")
    with pytest.raises(GitError, match=f"'{repository}'"):
        Git(there, BreakerRegistry()).run("switch", "main")


def test_nothing_is_left_of_it(repository: Path, tmp_path: Path) -> None:
    changes(repository)
    assert list((tmp_path / "cache" / "cde-orchestrator").iterdir()) == []


def test_it_is_made_elsewhere_where_the_user_has_no_folder_for_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{os.devnull}/cache")
    assert changes(repository) == "M a.txt\0"


def test_it_is_not_made_where_an_agent_writes(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{repository}/cache")
    with pytest.raises(GitError, match="cache"):
        changes(repository)
    assert not (repository / "cache").exists()


def test_what_killed_processes_left_is_removed_after_a_day(
    repository: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache" / "cde-orchestrator"
    for name in ("git-old", "git-new", "other"):
        (cache / name / "inside").mkdir(parents=True)
    for name in ("git-old", "other"):
        os.utime(cache / name, (1, 1))
    changes(repository)
    assert {each.name for each in cache.iterdir()} == {"git-new", "other"}


def test_a_folder_whose_name_has_lines_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "two\nlines"
    folder.mkdir()
    repository_in(folder)
    with pytest.raises(GitBrokenError, match="line break"):
        changes(folder)


def test_a_repository_without_files_is_refused_as_git_does(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    with pytest.raises(GitError, match=r"safe\.bareRepository"):
        changes(tmp_path / "bare.git")


def test_a_configuration_that_git_does_not_understand_is_git_s_to_refuse(repository: Path) -> None:
    (repository / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError, match="bad config"):
        changes(repository)


def test_changes_are_thrown_away_at_the_top_alone(repository: Path) -> None:
    (repository / "a.txt").write_text("changed\n")
    breakers = BreakerRegistry()
    with pytest.raises(GitError, match=str(repository)) as caught:
        Git(repository / "b", breakers).run("reset", "--hard")
    assert not isinstance(caught.value, GitBrokenError)
    assert (repository / "a.txt").read_text() == "changed\n"
    Git(repository, breakers).run("reset", "--hard")
    assert (repository / "a.txt").read_text() != "changed\n"


def test_nobody_else_runs_git() -> None:
    """Whoever starts processes has no command line that begins with git.

    A person's commit is theirs, by their own git: ADR 45.
    """
    source = Path(cde_orchestrator.__file__).parent
    found = set()
    for path in source.rglob("*.py"):
        text = path.read_text()
        if "programs" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.List | ast.Tuple) and node.elts:
                first = node.elts[0]
                if isinstance(first, ast.Constant) and first.value == "git":
                    found.add(path.name)
    assert found == {"git_process.py", "commits.py"}
