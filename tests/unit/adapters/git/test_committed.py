"""What is committed is read from the repository, whatever the work folder has."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.git import committed as module
from cde_orchestrator.adapters.git.committed import GitCommittedFiles
from cde_orchestrator.domain.exceptions import FeatureError
from tests.repository import git, repository_at

RECORD = "specs/fees/record.json"


def commit(root: Path, **files: str | None) -> str:
    """Commit files by their names; its id."""
    for name, text in {"record": None, **files}.items():
        path = root / (RECORD if name == "record" else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message=Change")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository_at(tmp_path / "shop")


def test_files_of_a_folder_are_listed_as_they_are_committed(root: Path) -> None:
    tree = commit(root, record="one", other="x")
    (root / RECORD).unlink()

    assert GitCommittedFiles().listed(root, tree, "specs") == [RECORD]
    assert GitCommittedFiles().listed(root, tree, "nowhere") == []


def test_it_is_known_when_a_file_came_in_each_line_of_history(root: Path, tmp_path: Path) -> None:
    committed, before = GitCommittedFiles(), commit(root)
    first = commit(root, record="one")
    commit(root, record=None)
    last = commit(root, record="two")
    git(root, "switch", "--quiet", "--create", "side", before)
    other = commit(root, record="three")
    git(root, "merge", "--quiet", "--no-commit", "--strategy=ours", last)
    merged = commit(root, record="four")

    assert committed.came(root, last, RECORD) == [first]
    assert set(committed.came(root, merged, RECORD)) == {first, other}
    assert committed.came(root, before, RECORD) == []
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", "shallow")
    assert committed.came(tmp_path / "shallow", "HEAD", RECORD) == []


def test_all_versions_of_a_file_are_known_the_oldest_first(root: Path) -> None:
    first = commit(root, record="one")
    commit(root, record="two")
    commit(root, record=None)
    last = commit(root, record="three")

    committed = GitCommittedFiles()

    assert committed.versions(root, last, RECORD) == [b"one", b"two", b"three"]
    assert committed.versions(root, first, RECORD) == [b"one"]
    assert committed.versions(root, last, "README.md") == [b"words\n"]
    assert committed.versions(root, last, "-x*") == []


def test_a_version_that_came_by_a_merge_is_known(root: Path) -> None:
    commit(root, record="one")
    git(root, "switch", "--quiet", "--create", "side")
    commit(root, record="two")
    git(root, "switch", "--quiet", "main")
    commit(root, record="one", other="x")
    git(root, "merge", "--quiet", "--message=Merge", "side")
    last = git(root, "rev-parse", "HEAD")

    assert GitCommittedFiles().versions(root, last, RECORD) == [b"one", b"two"]


def test_versions_of_what_was_committed_on_top_of_a_commit_can_be_omitted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = commit(root, record="one")
    commit(root, record="two")
    git(root, "switch", "--quiet", "--create", "side", before)
    came = commit(root, record="one", other="x")
    git(root, "merge", "--quiet", "--message=Merge", "main")
    last = commit(root, record="three")
    committed = GitCommittedFiles()

    assert committed.versions(root, last, RECORD) == [b"one", b"two", b"three"]
    assert committed.versions(root, last, RECORD, not_after=came) == [b"one", b"two"]
    assert committed.versions(root, last, RECORD, not_after=before) == [b"one"]
    monkeypatch.setattr(module, "COMMITS_LIMIT", 2)  # then not all of them are known
    assert committed.versions(root, last, RECORD, not_after=came) == []
    assert committed.versions(root, last, RECORD, not_after=before) == [b"one"]


def test_a_file_that_was_removed_is_remembered(root: Path) -> None:
    commit(root, record="one")
    last = commit(root, record=None, **{"docs/record.json": "x", "record.txt": "x"})

    assert GitCommittedFiles().ever(root, last, "record.json") == ["docs/record.json", RECORD]


def test_a_project_in_a_folder_of_a_repository_has_paths_of_its_own(root: Path) -> None:
    inner = root / "inner"
    for folder in (root, inner):
        (folder / "specs" / "fees").mkdir(parents=True)
        (folder / RECORD).write_text(folder.name)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=Both")
    last = git(root, "rev-parse", "HEAD")
    committed = GitCommittedFiles()

    assert (committed.folder(root), committed.folder(inner)) == (".", "inner")
    assert committed.listed(inner, last, "specs") == [RECORD]
    assert committed.versions(inner, last, RECORD) == [b"inner"]
    assert committed.ever(inner, last, "record.json") == [RECORD]


def test_what_git_refuses_is_an_error(root: Path, tmp_path: Path) -> None:
    for folder, commit_id in ((root, "gone"), (tmp_path, "HEAD"), (root, "--all")):
        with pytest.raises(FeatureError) as refused:
            GitCommittedFiles().versions(folder, commit_id, RECORD)

        assert refused.value.code == "E136"
