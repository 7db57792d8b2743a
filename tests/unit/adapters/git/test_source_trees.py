"""A source tree holds each byte of the work folder, and nothing of the person's is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git import source_trees
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.domain.exceptions import FeatureError
from tests.repository import git, keep_now, repository_at

ODD_NAMES = (b"two\nlines", b"a\rb", b" ", b"-n", b"*", b":(top)x", b'"q"\\', b"\t", b"\xff\xfe")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return repository_at(tmp_path / "repository")


@pytest.fixture
def trees() -> GitSourceTrees:
    return GitSourceTrees()


def files_in(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Kind and bytes of each file below a folder, but for git's and the product's own."""
    found = {}
    for above, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in {".git", ".cde"}]
        for path in (Path(above, name) for name in (*names, *folders)):
            inside = str(path.relative_to(folder))
            if path.is_symlink():
                found[inside] = "link", os.fsencode(path.readlink())
            elif path.is_file():
                kind = "program" if path.stat().st_mode & 0o100 else "file"
                found[inside] = kind, path.read_bytes()
    return found


def checked_out(trees: GitSourceTrees, root: Path, tree: str, to: Path) -> Path:
    to.mkdir()
    return trees.check_out(root, tree, to)


def refused(raised: pytest.ExceptionInfo[FeatureError]) -> str:
    """Why something was refused."""
    assert raised.value.code == "E136"
    return str(raised.value.context["reason"])


def test_it_is_the_commit_s_where_nothing_differs(folder: Path, trees: GitSourceTrees) -> None:
    found = trees.now(folder)

    assert found.id == git(folder, "rev-parse", "HEAD^{tree}")
    assert found.commit == git(folder, "rev-parse", "HEAD")
    assert trees.at(folder, "HEAD") == trees.at(folder, "main") == found


def test_what_is_not_committed_is_in_it_and_what_is_ignored_is_not(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    (folder / ".gitignore").write_text("*.tmp\n.gitignore\n")
    (folder / "README.md").write_text("other\n")
    (folder / "sub" / ".cde").mkdir(parents=True)
    for name in ("a.tmp", "new", "sub/staged", "sub/.cde/state", "tracked.tmp"):
        (folder / name).write_text(name)
    git(folder, "add", "sub/staged")
    git(folder, "add", "--force", "tracked.tmp")

    there = checked_out(trees, folder, trees.now(folder).id, tmp_path / "there")

    assert files_in(there) == {
        name: ("file", (folder / name).read_bytes())
        for name in ("README.md", "new", "sub/staged", "tracked.tmp")
    }


def test_each_tree_is_of_its_moment(folder: Path, trees: GitSourceTrees, tmp_path: Path) -> None:
    def write(name: str, text: str) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    steps: dict[str, Callable[[], object]] = {
        "new": partial(write, "x.tmp", "x"),
        "changed": partial(write, "x.tmp", "y"),
        "ignored": partial(write, ".gitignore", "*.tmp\n"),
        "tracked": partial(git, folder, "add", "--force", "x.tmp"),
        "gone": partial(os.unlink, folder / "x.tmp"),
        "a folder": partial(write, "x.tmp/a", ""),
        "forgotten": partial(git, folder, "rm", "-rq", "--cached", "README.md"),
        "emptied": partial(write, ".gitignore", ""),
    }
    for name, step in steps.items():
        step()
        there = checked_out(trees, folder, trees.now(folder).id, tmp_path / name)
        expected = files_in(folder)
        if name == "ignored":
            del expected["x.tmp"]
        if name in {"a folder", "forgotten"}:
            del expected["x.tmp/a"]
        assert files_in(there) == expected, name


def test_a_name_may_be_any_and_a_link_stays_one(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    no_text = os.fsdecode(ODD_NAMES[-1])
    (folder / no_text).write_text(str(len(ODD_NAMES) - 1))
    before = trees.now(folder).id
    for number, name in enumerate(ODD_NAMES[:-1]):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(str(number))
    (folder / "sub").mkdir()
    (folder / "sub" / "link").symlink_to("../nowhere\n")
    (folder / "out").symlink_to("/")
    (folder / "program").write_text("")
    (folder / "program").chmod(0o755)

    found = trees.now(folder).id
    there = checked_out(trees, folder, found, tmp_path / "there")

    assert files_in(there) == files_in(folder)
    changed = {
        each.path: (each.before, each.after) for each in trees.changed(folder, before, found)
    }
    expected = {name: (None, data) for name, (_, data) in files_in(folder).items()}
    del expected["README.md"]
    assert changed == {name: each for name, each in expected.items() if name != no_text}
    assert list(changed) == sorted(changed)
    asked = [*expected, "none", "/etc/passwd", "../../x", ""]
    assert trees.contents(folder, found, asked) == {
        **{name: data for name, (_, data) in expected.items()},
        **dict.fromkeys(asked[-4:]),
    }


def test_what_changed_is_told_by_bytes(folder: Path, trees: GitSourceTrees) -> None:
    (folder / "gone").write_bytes(b"\r\n\0")
    (folder / "was.sh").write_text("true\n")
    (folder / "target").write_text("README.md")
    before = trees.now(folder).id
    (folder / "gone").unlink()
    (folder / "was.sh").chmod(0o755)
    (folder / "target").unlink()
    (folder / "target").symlink_to("README.md")
    after = trees.now(folder).id

    assert before != after
    assert [
        (each.path, each.before, each.after) for each in trees.changed(folder, before, after)
    ] == [
        ("gone", b"\r\n\0", None),
        ("target", b"README.md", b"README.md"),
    ]
    assert trees.changed(folder, after, after) == []


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_project_in_a_folder_of_the_repository(
    tmp_path: Path, trees: GitSourceTrees, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "top"
    root = top / "packages" / "app"
    root.mkdir(parents=True)
    git(top, "init", "--object-format", kind)
    (root / "a.py").write_text("a\n")
    git(top, "add", ".")
    git(top, "commit", "--message", "All")
    (root / "a.py").write_text("b\n")
    (top / "shared.py").write_text("")
    (root / ".cde").mkdir()
    (root / ".cde" / "state").write_text("")

    before, after = trees.at(root, "HEAD").id, trees.now(root).id
    there = checked_out(trees, root, after, tmp_path / "there")

    assert there == tmp_path / "there" / "packages" / "app"
    assert files_in(tmp_path / "there") == files_in(top)
    assert [each.path for each in trees.changed(root, before, after)] == ["../../shared.py", "a.py"]
    assert trees.contents(root, after, ["a.py", "../../shared.py", "shared.py"]) == {
        "a.py": b"b\n",
        "../../shared.py": b"",
        "shared.py": None,
    }


def test_a_project_without_any_file(folder: Path, trees: GitSourceTrees, tmp_path: Path) -> None:
    (folder / "README.md").unlink()
    before, after = trees.at(folder, "HEAD").id, trees.now(folder).id
    assert list(checked_out(trees, folder, after, tmp_path / "there").iterdir()) == []
    (gone,) = trees.changed(folder, before, after)
    assert (gone.path, gone.before, gone.after) == ("README.md", b"words\n", None)


def test_a_name_that_is_not_utf_8_is_refused_where_its_file_changed(
    folder: Path, trees: GitSourceTrees
) -> None:
    odd = folder / os.fsdecode(b"caf\xe9.py")
    odd.write_text("one\n")
    first = trees.now(folder).id
    (folder / "new.py").write_text("")
    second = trees.now(folder).id
    assert [each.path for each in trees.changed(folder, first, second)] == ["new.py"]
    odd.write_text("two\n")
    with pytest.raises(FeatureError) as raised:
        trees.changed(folder, first, trees.now(folder).id)
    assert refused(raised) == "the name of caf\\udce9.py is not UTF-8: rename it"
    str(raised.value).encode()
    odd.rename(folder / "cafe.py")

    changed = trees.changed(folder, first, trees.now(folder).id)
    assert [each.path for each in changed] == ["cafe.py", "new.py"]


def test_a_worktree_is_meant_instead_of_the_project(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "worktree"
    git(folder, "worktree", "add", "-q", "-b", "other", str(there))
    (there / "new").write_text("")
    (folder / "not").write_text("")
    trees = GitSourceTrees(worktree=there)

    found = keep_now(trees, folder, "thing")

    assert trees.contents(folder, found.id, ["new", "not"]) == {"new": b"", "not": None}
    assert git(folder, "rev-parse", "refs/cde/bases/project/thing") == found.id
    keep_now(trees, folder, "other")
    assert "thing" not in git(folder, "show-ref")


def test_a_recorded_tree_stays_and_is_in_no_log(folder: Path, trees: GitSourceTrees) -> None:
    (folder / "new").write_text("new\n")
    log = git(folder, "log", "--all", "--graph", "--decorate", "--patch")
    found = keep_now(trees, folder, "thing")
    (folder / "new").unlink()
    (folder / "other").write_text("other\n")
    lost = trees.now(folder)
    git(folder, "reflog", "expire", "--expire=now", "--all")
    git(folder, "gc", "--quiet", "--prune=now")

    assert git(folder, "log", "--all", "--graph", "--decorate", "--patch") == log
    assert git(folder, "fsck", "--strict") == ""
    assert trees.contents(folder, found.id, ["new"]) == {"new": b"new\n"}
    with pytest.raises(FeatureError) as raised:
        trees.contents(folder, lost.id, ["other"])
    assert lost.id in refused(raised)
    assert trees.now(folder) == lost  # made again, though the index knew the file
    (folder / "new").unlink(missing_ok=True)
    keep_now(trees, folder, "next")
    keep_now(trees, folder, "next")
    git(folder, "gc", "--quiet", "--prune=now")
    with pytest.raises(FeatureError):
        trees.contents(folder, found.id, ["new"])


def test_what_is_kept_for_another_project_or_feature_stays(
    folder: Path, trees: GitSourceTrees
) -> None:
    first = keep_now(trees, folder, "one").id
    trees.keep(folder, "project", "two", first, ["one"])
    trees.keep(folder, "another", "three", first, [])
    trees.keep(folder, "another", "four", first, [])
    refs = git(folder, "for-each-ref", "--format=%(refname)", "refs/cde").splitlines()

    assert refs == [
        f"refs/cde/bases/{each}" for each in ("another/four", "project/one", "project/two")
    ]


def test_what_is_the_person_s_is_not_touched(folder: Path, trees: GitSourceTrees) -> None:
    (folder / "staged").write_text("one\n")
    git(folder, "add", "staged")
    (folder / "staged").write_text("two\n")
    (folder / "new").write_text("")

    def seen() -> dict[str, tuple[int, ...]]:
        return {
            str(path): (found.st_mtime_ns, found.st_ino, found.st_mode, found.st_size)
            for path in (*folder.rglob("*"), folder)
            if "objects" not in path.parts
            for found in [path.lstat()]
        }

    before, index = seen(), (folder / ".git" / "index").read_bytes()
    found = trees.now(folder)
    trees.changed(folder, trees.at(folder, "HEAD").id, found.id)
    trees.ignored(folder)

    assert seen() == before
    assert (folder / ".git" / "index").read_bytes() == index


def test_what_an_index_hides_is_seen(folder: Path, trees: GitSourceTrees, tmp_path: Path) -> None:
    for name in ("assumed", "skipped", "intended", "theirs"):
        (folder / name).write_text("one\n")
    git(folder, "add", "assumed", "skipped", "theirs")
    git(folder, "commit", "--message", "More")
    git(folder, "add", "--intent-to-add", "intended")
    git(folder, "update-index", "--assume-unchanged", "assumed")
    git(folder, "update-index", "--skip-worktree", "skipped")
    blob = git(folder, "rev-parse", "HEAD:theirs")
    stages = "".join(f"100644 {blob} {stage}\ttheirs\n" for stage in (1, 2, 3))
    git(folder, "rm", "-q", "--cached", "theirs")
    subprocess.run(
        ["git", "update-index", "--index-info"], cwd=folder, input=stages.encode(), check=True
    )
    for name in ("assumed", "skipped", "intended", "theirs"):
        (folder / name).write_text("two\n")

    there = checked_out(trees, folder, trees.now(folder).id, tmp_path / "there")

    assert files_in(there) == files_in(folder)


def test_a_change_in_the_same_moment_is_seen(folder: Path, trees: GitSourceTrees) -> None:
    found = set()
    for number in range(10, 40):  # as long as the one before, and perhaps as old
        (folder / "README.md").write_text(f"{number}\n")
        found.add(trees.now(folder).id)

    assert len(found) == 30


def test_a_sparse_checkout_has_what_is_there(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    (folder / "in" / "a").write_text("")
    (folder / "out" / "b").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "All")
    git(folder, "sparse-checkout", "set", "in")
    (folder / "in" / "a").write_text("changed")

    there = checked_out(trees, folder, trees.now(folder).id, tmp_path / "there")
    whole = checked_out(trees, folder, trees.at(folder, "HEAD").id, tmp_path / "whole")

    assert files_in(there) == files_in(folder)
    assert not (there / "out").exists()
    assert (whole / "out" / "b").exists()


def test_repositories_within_are_not_in_it(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    repository_at(tmp_path / "library")
    git(
        folder,
        *("-c", "protocol.file.allow=always", "submodule", "add", "-q"),
        *(str(tmp_path / "library"), "library"),
    )
    repository_at(folder / "nested")
    git(folder, "commit", "--message", "A submodule")
    git(folder, "init", "-q", "empty")
    (folder / "empty" / "a").write_text("")
    (folder / "plain").write_text("")

    found = trees.now(folder).id
    there = checked_out(trees, folder, found, tmp_path / "there")

    assert set(files_in(there)) == {".gitmodules", "README.md", "plain"}
    committed = trees.at(folder, "HEAD").id
    assert [each.path for each in trees.changed(folder, committed, found)] == ["plain"]
    assert trees.contents(folder, committed, ["library"]) == {"library": None}
    assert files_in(checked_out(trees, folder, committed, tmp_path / "committed")).keys() == {
        ".gitmodules",
        "README.md",
    }


def test_a_submodule_is_a_project_like_any(folder: Path, tmp_path: Path) -> None:
    repository_at(tmp_path / "library")
    allowed = ("-c", "protocol.file.allow=always")
    git(folder, *allowed, "submodule", "add", "-q", str(tmp_path / "library"), "library")
    (folder / "library" / "new").write_text("new")
    trees = GitSourceTrees()

    found = keep_now(trees, folder / "library", "thing")

    assert trees.contents(folder / "library", found.id, ["new"]) == {"new": b"new"}
    assert checked_out(trees, folder / "library", found.id, tmp_path / "to") == tmp_path / "to"
    assert git(folder / "library", "rev-parse", "refs/cde/bases/project/thing") == found.id


def test_threads_that_ask_at_once_get_the_same(folder: Path, trees: GitSourceTrees) -> None:
    for number in range(200):
        (folder / f"new-{number}").write_text(str(number))
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(trees.now, [folder] * 8))

    assert found == {trees.now(folder)}


def test_without_a_repository_or_a_commit_it_says_so(
    trees: GitSourceTrees, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(FeatureError) as raised:
        trees.now(tmp_path / "none")
    assert "no git repository" in refused(raised)
    for name in ("../../heads/main", "a b", "x.lock"):
        with pytest.raises(FeatureError):
            keep_now(trees, folder, name)
    assert git(folder, "rev-parse", "old")
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(FeatureError) as raised:
        keep_now(trees, tmp_path / "empty", "thing")
    assert "no commit" in refused(raised)
    for name in ("nothing", "", "--help", "HEAD..main", "HEAD:README.md", "HEAD\nHEAD", "@{x}"):
        with pytest.raises(FeatureError) as raised:
            trees.at(folder, name)
        assert "no commit" in refused(raised), name
    for tree in ("HEAD", "--stdin", "0" * 39, "0" * 40):
        with pytest.raises(FeatureError):
            trees.check_out(folder, tree, tmp_path)
        with pytest.raises(FeatureError):
            trees.changed(folder, tree, tree)


def test_what_is_too_large_is_refused_with_its_name(
    folder: Path, trees: GitSourceTrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "large.bin").open("wb") as file:
        file.truncate(source_trees.FILE_LIMIT_BYTES + 1)
    with pytest.raises(FeatureError) as raised:
        trees.now(folder)
    assert refused(raised) == "'large.bin' has more than 50 MB"
    (folder / ".gitignore").write_text("*.bin\n")
    trees.now(folder)
    monkeypatch.setattr(source_trees, "FILES_LIMIT", 1)
    with pytest.raises(FeatureError) as raised:
        trees.now(folder)
    assert "more than 1 files" in refused(raised)
    monkeypatch.undo()
    for name in ("new", "newer"):
        with (folder / name).open("wb") as file:
            file.truncate(source_trees.FILE_LIMIT_BYTES)
    monkeypatch.setattr(source_trees, "NEW_LIMIT_BYTES", 60 * 1024 * 1024)
    with pytest.raises(FeatureError) as raised:
        trees.now(folder)
    assert refused(raised) == "files that are new and not ignored have more than 60 MB"
    monkeypatch.setattr(source_trees, "READ_LIMIT_BYTES", 2)
    with pytest.raises(FeatureError) as raised:
        trees.contents(folder, trees.at(folder, "HEAD").id, ["README.md"])
    assert "MB" in refused(raised)


def test_few_processes_are_started(
    folder: Path, trees: GitSourceTrees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = next(
        each
        for each in (Path(part) / "git" for part in os.environ["PATH"].split(os.pathsep))
        if each.exists()
    )
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(
        f"""#!/bin/sh
echo "$*" >> {tmp_path}/runs
case "$*" in *" --add "*) tee -a {tmp_path}/read | {real} "$@";; *) exec {real} "$@";; esac
"""
    )
    script.chmod(0o755)
    trees.now(folder)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")

    def runs() -> tuple[int, set[str]]:
        """How many there are, and which files they read."""
        (tmp_path / "runs").unlink(missing_ok=True)
        (tmp_path / "read").write_text("")
        trees.now(folder)
        read = (tmp_path / "read").read_text().split("\0")
        return len((tmp_path / "runs").read_text().splitlines()), {*read} - {""}

    many = {str(number) for number in range(100)}
    assert runs() == (5, set())
    assert "ls-files -z -t --cached --modified" not in (tmp_path / "runs").read_text()
    for name in many:
        (folder / name).write_text(name)
    assert runs() == (6, many)
    assert runs() == (5, set())
    (folder / "README.md").unlink()
    (folder / "1").write_text("changed\n")
    assert runs() == (7, {"1"})
    (folder / "2").write_text("changed\n")
    assert runs() == (6, {"2"})


def test_what_was_kept_is_of_the_same_files_or_is_looked_through(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    first = trees.now(folder)
    (folder / "new.txt").write_text("new\n")
    second = trees.now(folder)
    (cache,) = tmp_path.glob("cache/*")
    (index,), (note,) = cache.glob("git-*.index"), cache.glob("git-*.note")
    older = index.read_bytes(), note.read_text()
    (folder / "new.txt").unlink()
    assert trees.now(folder) == first
    (folder / "new.txt").write_text("new\n")
    note.write_text(older[1])  # of another index, though of the same list of files
    assert trees.now(folder) == second

    readme = (folder / "README.md").read_bytes()
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")  # git lists it still
    trees.now(folder)
    (folder / "README.md").unlink()
    (folder / "README.md").write_bytes(readme)
    assert trees.now(folder) == second
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "exclude").write_text("new.txt\n")
    assert trees.now(folder) == first


def test_a_commit_that_is_no_ancestor_is_one_of_another_history(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    first = trees.at(folder, "HEAD").commit
    git(folder, "commit", "--quiet", "--allow-empty", "--message=Second")
    second = trees.at(folder, "HEAD").commit
    git(folder, "checkout", "--quiet", "--orphan", "other")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=Other")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", str(shallow))

    assert not trees.is_rewritten(folder, first, second)
    assert not trees.is_rewritten(folder, second, second)
    assert trees.is_rewritten(folder, second, first)
    assert trees.is_rewritten(folder, first, "HEAD")
    assert trees.is_rewritten(folder, "0" * 40, "HEAD")
    assert trees.is_rewritten(folder, "--all", "HEAD")
    assert not trees.is_rewritten(shallow, first, "HEAD")
