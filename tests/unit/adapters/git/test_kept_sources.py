"""Kept trees stay, are compared, and are put together; nothing of the person's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.git import kept_sources
from cde_orchestrator.adapters.git.kept_sources import GitKeptSources
from cde_orchestrator.application.ports.sources import Entry
from cde_orchestrator.domain.exceptions import FeatureError
from tests.repository import git, repository_at

PLACE, NAME = "project", "feature"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return repository_at(tmp_path / "repository")


@pytest.fixture
def sources() -> GitKeptSources:
    return GitKeptSources()


def trees_of(sources: GitKeptSources, folder: Path, count: int) -> list[str]:
    """As many trees as there are, one after the other."""
    found = []
    for number in range(count):
        (folder / "new").write_text(f"{number}\n")
        found.append(sources.now(folder).id)
    return found


def refs(folder: Path) -> list[str]:
    return git(folder, "for-each-ref", "--format=%(refname)", "refs/cde").splitlines()


def test_what_is_pinned_survives_garbage_collection_and_is_in_no_log(
    folder: Path, sources: GitKeptSources
) -> None:
    log = git(folder, "log", "--all", "--graph", "--decorate", "--patch")
    first, second, lost = trees_of(sources, folder, 3)
    sources.pin(folder, PLACE, NAME, [first])
    sources.pin(folder, PLACE, NAME, [second])
    git(folder, "gc", "--quiet", "--prune=now")

    assert sources.pinned(folder, PLACE, NAME) == {first, second}
    assert git(folder, "log", "--all", "--graph", "--decorate", "--patch") == log
    assert git(folder, "fsck", "--strict") == ""
    assert refs(folder) == ["refs/cde/phases/project/feature"]
    assert set(sources.differing(folder, first, second)) == {"new"}
    with pytest.raises(FeatureError) as raised:
        sources.differing(folder, first, lost)
    assert lost in str(raised.value.context["reason"])


def test_it_is_pinned_from_any_folder_of_the_repository(
    folder: Path, sources: GitKeptSources
) -> None:
    (folder / "inner").mkdir()
    first, second = trees_of(sources, folder, 2)
    sources.pin(folder / "inner", PLACE, NAME, [first])
    sources.pin(folder / "inner", PLACE, NAME, [second])

    assert sources.pinned(folder / "inner", PLACE, NAME) == {first, second}


def test_a_tree_that_is_gone_is_pinned_no_more(folder: Path, sources: GitKeptSources) -> None:
    kept, lost = trees_of(sources, folder, 2)
    git(folder, "prune", "--expire=now")
    (folder / "new").write_text("0\n")
    assert sources.now(folder).id == kept
    sources.pin(folder, PLACE, NAME, [lost, kept])

    assert sources.pinned(folder, PLACE, NAME) == {kept}


def test_the_oldest_that_is_needed_no_more_goes_first(
    folder: Path, sources: GitKeptSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_sources, "PINNED_LIMIT", 2)
    first, second, third = trees_of(sources, folder, 3)
    for tree in (first, second, third):
        sources.pin(folder, PLACE, NAME, [first, tree])

    assert sources.pinned(folder, PLACE, NAME) == {first, third}
    before = git(folder, "rev-parse", *refs(folder))
    sources.pin(folder, PLACE, NAME, [third, first])
    assert git(folder, "rev-parse", *refs(folder)) == before


def test_only_the_names_that_are_let_go_go(folder: Path, sources: GitKeptSources) -> None:
    (tree,) = trees_of(sources, folder, 1)
    for place, name in ((PLACE, "one"), (PLACE, "two"), ("other", "one")):
        sources.pin(folder, place, name, [tree])
    sources.let_go(folder, PLACE, ["one", "three"])
    sources.let_go(folder, PLACE, ["three"])

    assert refs(folder) == ["refs/cde/phases/other/one", "refs/cde/phases/project/two"]
    assert sources.pinned(folder, PLACE, "one") == frozenset()


@pytest.mark.parametrize("name", ["../heads/main", "a b", "-x", "a..b", "", "a.lock"])
def test_a_name_that_no_feature_has_is_no_ref(
    folder: Path, sources: GitKeptSources, name: str
) -> None:
    for ask in (
        lambda: sources.pin(folder, PLACE, name, []),
        lambda: sources.pinned(folder, PLACE, name),
        lambda: sources.let_go(folder, PLACE, [name]),
    ):
        with pytest.raises(FeatureError) as raised:
            ask()
        assert raised.value.code == "E136"
    assert refs(folder) == []


@pytest.mark.parametrize("tree", ["HEAD", "--output=x", ""])
def test_what_is_no_id_is_no_tree(folder: Path, sources: GitKeptSources, tree: str) -> None:
    (known,) = trees_of(sources, folder, 1)
    for ask in (
        lambda: sources.pin(folder, PLACE, NAME, [tree]),
        lambda: sources.differing(folder, known, tree),
        lambda: sources.replaced(folder, tree, {}),
    ):
        with pytest.raises(FeatureError):
            ask()
    assert not (folder / "x").exists()


def test_files_differ_by_bytes_and_by_modes(folder: Path, sources: GitKeptSources) -> None:
    (folder / "run").write_text("1\n")
    (folder / "gone").write_text("1\n")
    (folder / "link").symlink_to("run")
    (folder / ".cde").mkdir()
    before = sources.now(folder).id
    (folder / "run").chmod(0o755)
    (folder / "gone").unlink()
    (folder / "link").unlink()
    (folder / "link").write_text("run")
    (folder / ".cde" / "state.json").write_text("{}")
    after = sources.now(folder).id
    found = sources.differing(folder, before, after)
    one = git(folder, "hash-object", "run")
    run = git(folder, "hash-object", "link")

    assert found == {
        "gone": (Entry("100644", one), None),
        "link": (Entry("120000", run), Entry("100644", run)),
        "run": (Entry("100644", one), Entry("100755", one)),
    }
    assert [each.is_plain for each in found["link"] if each] == [False, True]
    assert [each.is_executable for each in found["run"] if each] == [False, True]
    assert sources.differing(folder, after, after) == {}
    assert sources.blobs(folder, [one], 2) == {one: b"1\n"}
    with pytest.raises(FeatureError) as refused:
        sources.blobs(folder, [one], 1)
    assert refused.value.code == "E136"


def test_only_the_project_s_own_folder_is_compared(folder: Path, sources: GitKeptSources) -> None:
    inner = folder / "inner"
    inner.mkdir()
    before = sources.now(inner).id
    for place in (folder / "new", inner / "new", folder / "inner2"):
        place.write_text("new\n")

    after = sources.now(inner).id
    assert set(sources.differing(inner, before, after)) == {"new"}
    assert sources.listed(inner, after) == ["new"]


def test_a_tree_is_put_together_with_other_files(folder: Path, sources: GitKeptSources) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "a.py").write_bytes(b"old\r\n")
    (inner / "same").write_text("same\n")
    (folder / ".gitattributes").write_text("* text eol=lf\n")
    before = sources.now(inner).id
    (inner / "a.py").write_text("new\n")
    (inner / "new's").write_text("new\n")
    after = sources.now(inner).id
    index = (folder / ".git" / "index").read_bytes()
    turns = sources.differing(inner, after, before)
    made = sources.replaced(inner, after, {path: turn[1] for path, turn in turns.items()})

    assert made == before
    assert (folder / ".git" / "index").read_bytes() == index
    assert sorted(each.name for each in inner.iterdir()) == ["a.py", "new's", "same"]


def test_in_a_worktree_its_own_files_are_kept(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "worktree"
    git(folder, "worktree", "add", "-q", "-b", "other", str(there))
    sources = GitKeptSources(worktree=there)
    before = sources.now(folder).id
    (there / "new").write_text("")
    (folder / "not").write_text("")
    after = sources.now(folder).id
    sources.pin(folder, PLACE, NAME, [before, after])

    assert set(sources.differing(folder, before, after)) == {"new"}
    assert GitKeptSources().pinned(folder, PLACE, NAME) == {before, after}
