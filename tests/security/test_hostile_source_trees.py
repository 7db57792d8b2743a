"""What is in a source tree, and what is checked out of it, is up to no file of a repository."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cde_orchestrator.adapters.git.git_process import Git
from cde_orchestrator.adapters.git.source_trees import GitSourceTrees
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.nobody import as_nobody, give_to_nobody
from tests.repository import git, keep_now, repository_at

BYTES = {
    "crlf.txt": b"a\r\nb\r\n",
    "mixed.txt": b"a\r\nb\nc\r",
    "lf.txt": b"a\nb\n",
    "ident.txt": b"$Id$ and $Id: 1234 $\n",
    "zero.bin": b"\0\r\n\xff\xfe",
    "utf16.txt": "words\r\n".encode("utf-16"),
    "upper.txt": b"words\n",
}
ATTRIBUTES = (
    *("* text eol=crlf", "* text eol=lf", "* text=auto", "* crlf=input", "* ident"),
    *("* working-tree-encoding=UTF-16", "* export-ignore export-subst", "* filter=evil"),
    *("[attr]binary text eol=crlf\n* binary", "[attr]x filter=evil ident\n* x", "* -diff -merge"),
)
SETTINGS = (
    *("core.autocrlf=true", "core.autocrlf=input", "core.eol=crlf", "core.safecrlf=true"),
    *("core.symlinks=false", "core.ignoreCase=true", "core.ignoreStat=true"),
    *("core.trustctime=false", "core.checkStat=minimal", "core.sparseCheckout=true"),
    *("core.splitIndex=true", "core.untrackedCache=true", "index.sparse=true"),
    *("core.bigFileThreshold=1", "core.quotePath=true", "diff.renames=true", "diff.external=false"),
    *("index.version=4", "core.precomposeUnicode=true", "diff.orderFile=/dev/zero"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = repository_at(tmp_path / "repository")
    program = "tr a-z A-Z"
    git(made, "config", "filter.evil.clean", program)
    git(made, "config", "filter.evil.smudge", program)
    git(made, "config", "filter.evil.required", "true")
    return made


@pytest.fixture
def trees() -> GitSourceTrees:
    return GitSourceTrees()


def require_each_byte(trees: GitSourceTrees, folder: Path, to: Path) -> None:
    """The files in the work folder are in the tree, and come out of it, byte by byte."""
    found = trees.now(folder).id
    to.mkdir()
    there = trees.check_out(folder, found, to)
    expected = {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert {
        path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()
    } == expected
    assert trees.contents(folder, found, list(BYTES)) == BYTES


def write(folder: Path) -> None:
    for name, data in BYTES.items():
        (folder / name).write_bytes(data)


def in_the_folder(folder: Path, line: str) -> None:
    (folder / ".gitattributes").write_text(f"{line}\n")


def in_the_repository(folder: Path, line: str) -> None:
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text(f"{line}\n")


def in_a_file_that_is_named(folder: Path, line: str) -> None:
    named = folder.parent / "named"
    named.write_text(f"{line}\n")
    git(folder, "config", "core.attributesFile", str(named))


@pytest.mark.parametrize("line", ATTRIBUTES)
@pytest.mark.parametrize("where", [in_the_folder, in_the_repository, in_a_file_that_is_named])
def test_no_attribute_changes_a_byte(
    folder: Path,
    trees: GitSourceTrees,
    tmp_path: Path,
    where: Callable[[Path, str], None],
    line: str,
) -> None:
    write(folder)
    where(folder, line)
    # What git itself keeps of the files is something else, and as fresh.
    subprocess.run(["git", "add", "--all"], cwd=folder, check=False)
    require_each_byte(trees, folder, tmp_path / "there")


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_a_byte(
    folder: Path, trees: GitSourceTrees, tmp_path: Path, setting: str
) -> None:
    write(folder)
    (folder / "Lf.txt").write_bytes(b"another one\n")
    (folder / "link").symlink_to("lf.txt")
    git(folder, "config", *setting.split("="))
    subprocess.run(["git", "add", "--all"], cwd=folder, check=False)
    require_each_byte(trees, folder, tmp_path / "there")
    assert (tmp_path / "there" / "link").is_symlink()
    found = os.lstat(folder / "lf.txt")
    (folder / "lf.txt").write_bytes(b"b\na\n")  # as long, and as old
    os.utime(folder / "lf.txt", ns=(found.st_atime_ns, found.st_mtime_ns))
    changed = trees.contents(folder, trees.now(folder).id, ["lf.txt"])
    assert changed == {"lf.txt": b"b\na\n"}


def test_settings_of_the_user_change_no_byte_either(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    lines = '[core]\n\tautocrlf = true\n\tsplitIndex = true\n[filter "evil"]\n\tclean = false\n'
    (tmp_path / "home" / ".gitconfig").write_text(lines)
    write(folder)
    in_the_folder(folder, "* filter=evil")
    require_each_byte(trees, folder, tmp_path / "there")


def test_what_ignores_itself_and_all_else_hides_no_file_of_the_repository(
    folder: Path, trees: GitSourceTrees
) -> None:
    (folder / ".gitignore").write_text("*\n")
    (folder / "README.md").write_text("changed\n")
    (folder / "new").write_text("")
    before, after = trees.at(folder, "HEAD").id, trees.now(folder).id
    assert [each.path for each in trees.changed(folder, before, after)] == ["README.md"]


def test_what_is_no_file_is_not_in_it(
    folder: Path, trees: GitSourceTrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a").write_text("")
    git(folder, "add", ".")
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    os.mkfifo(folder / "sub" / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        found = trees.now(folder).id
    assert trees.contents(folder, found, ["README.md", "sub/pipe", "socket", "sub/a"]) == {
        "README.md": None,
        "sub/pipe": None,
        "socket": None,
        "sub/a": b"",
    }


def test_a_pipe_among_the_attributes_is_not_waited_for(folder: Path, trees: GitSourceTrees) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a").write_text("")
    os.mkfifo(folder / "sub" / ".gitattributes")
    with pytest.raises(FeatureError) as raised:
        trees.now(folder)
    assert "'sub/.gitattributes' is a named pipe" in raised.value.context["reason"]


def test_a_folder_that_became_a_link_is_one(folder: Path, trees: GitSourceTrees) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "a").write_text("a")
    git(folder, "add", ".")
    trees.now(folder)
    (folder / "sub").rename(folder.parent / "elsewhere")
    (folder / "sub").symlink_to(folder.parent / "elsewhere")
    found = trees.now(folder).id
    target = os.fsencode(folder.parent / "elsewhere")
    assert trees.contents(folder, found, ["sub", "sub/a"]) == {"sub": target, "sub/a": None}


def test_files_that_change_meanwhile_are_in_it_as_at_some_moment(
    folder: Path, trees: GitSourceTrees
) -> None:
    ended = threading.Event()
    names = [f"file-{number}" for number in range(20)]

    def write_on() -> None:
        while not ended.is_set():
            for name in names:
                (folder / name).write_bytes(name[-1:].encode() * 100_000)
                (folder / f"new-{name}").write_text(name)
            for name in names:
                (folder / f"new-{name}").unlink()

    writing = threading.Thread(target=write_on)
    writing.start()
    try:
        for _ in range(3):
            with suppress(FeatureError):  # it went on and on
                found = trees.contents(folder, trees.now(folder).id, names)
                kinds = {name: {*(data or b"")} for name, data in found.items()}
                assert all(kind <= {*name[-1:].encode()} for name, kind in kinds.items())
    finally:
        ended.set()
        writing.join()
    assert trees.now(folder) == trees.now(folder)


def test_many_files_that_git_does_not_know_are_in_it(folder: Path, trees: GitSourceTrees) -> None:
    for number in range(10_000):
        place = folder / f"folder-{number % 100}"
        place.mkdir(exist_ok=True)
        (place / str(number)).write_text(str(number))
    found = trees.now(folder)
    assert trees.now(folder).id == found.id
    listed = git(folder, "ls-tree", "-r", "--name-only", found.id)
    assert len(listed.splitlines()) == 10_001


def test_a_very_deep_path_is_in_it(folder: Path, trees: GitSourceTrees, tmp_path: Path) -> None:
    deep = "/".join(["d" * 20] * 120)
    (folder / deep).mkdir(parents=True)
    (folder / deep / "a").write_text("a")
    found = trees.now(folder).id
    (tmp_path / "to").mkdir()
    there = trees.check_out(folder, found, tmp_path / "to")
    assert (there / deep / "a").read_text() == "a"


def made_tree(folder: Path, *entries: tuple[str, str, str]) -> str:
    """A tree with entries as they are: mode, name and id."""
    data = b"".join(
        f"{mode} {name}\0".encode() + bytes.fromhex(each) for mode, name, each in entries
    )
    words = ["git", "hash-object", "-t", "tree", "--literally", "-w", "--stdin"]
    made = subprocess.run(words, cwd=folder, input=data, capture_output=True, check=True)
    return made.stdout.decode().strip()


@pytest.mark.parametrize("name", [".git", "..", ".GIT", "."])
def test_no_tree_of_a_commit_is_written_where_git_keeps_its_own(
    folder: Path, trees: GitSourceTrees, tmp_path: Path, name: str
) -> None:
    entry = ("100644", name, git(folder, "rev-parse", "HEAD:README.md"))
    commit = git(folder, "commit-tree", "-m", "Evil", made_tree(folder, entry))
    (tmp_path / "to").mkdir()
    with pytest.raises(FeatureError):
        trees.check_out(folder, trees.at(folder, commit).id, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_no_tree_of_a_commit_is_written_through_a_link_of_its_own(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "target").write_text(str(theirs))
    link = git(folder, "hash-object", "-w", str(tmp_path / "target"))
    file = ("100644", "file", git(folder, "rev-parse", "HEAD:README.md"))
    both = (("120000", "a", link), ("040000", "a", made_tree(folder, file)))
    for number, entries in enumerate((both, both[::-1])):
        to = tmp_path / f"to-{number}"
        to.mkdir()
        with suppress(FeatureError):
            trees.check_out(folder, made_tree(folder, *entries), to)
    assert list(theirs.iterdir()) == []


def test_a_repository_that_can_only_be_read_says_why(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    trees.now(folder)
    (folder / "new").write_text("")
    (folder / "new").chmod(0o644)
    give_to_nobody(folder)
    objects = [each for each in (folder / ".git").rglob("*") if each.is_dir()]
    for each in objects:
        each.chmod(0o500)
    try:
        with as_nobody(folder), pytest.raises(FeatureError) as raised:
            keep_now(trees, folder, "thing")
        (folder / "new").unlink()
        with as_nobody(folder), pytest.raises(FeatureError) as no_ref:
            keep_now(trees, folder, "thing")
    finally:
        for each in objects:
            each.chmod(0o700)
    assert no_ref.value.code == "E136"
    assert "refs/cde/bases" in no_ref.value.context["reason"]
    assert raised.value.code == "E136"
    assert "permission" in raised.value.context["reason"]


def test_what_was_kept_of_another_time_or_is_broken_is_made_again(
    folder: Path, trees: GitSourceTrees, tmp_path: Path
) -> None:
    found = trees.now(folder)
    (kept,) = (tmp_path / "cache" / "cde-orchestrator").glob("git-*.index")
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_bytes(b"DIRC broken")
    assert trees.now(folder) == found
    assert Git(folder, BreakerRegistry()).run("status", "--porcelain") == ""
