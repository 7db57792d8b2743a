"""A file of the source is put as it was, and nothing else is touched."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.project_files.source_files import FilesystemSourceFiles
from cde_orchestrator.application.ports.sources import Entry, Turn
from cde_orchestrator.domain.exceptions import OutputError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps

LIKE = "0" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".cde").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def files() -> FilesystemSourceFiles:
    return FilesystemSourceFiles()


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(each.name for each in folder.iterdir())


def plain(data: bytes, mode: str = "100644") -> Entry:
    made = hashlib.sha1(f"blob {len(data)}\0".encode() + data)
    return Entry(mode, made.hexdigest())


def test_a_file_is_found_as_git_names_it(folder: Path, files: FilesystemSourceFiles) -> None:
    (folder / "a.py").write_bytes(b"a\r\n\xff")
    (folder / "run.sh").write_bytes(b"")
    (folder / "run.sh").chmod(0o755)

    assert files.find(folder, "a.py", LIKE) == plain(b"a\r\n\xff")
    assert files.find(folder, "run.sh", LIKE) == plain(b"", "100755")
    assert files.find(folder, "none", LIKE) is None
    assert files.find(folder, "no/ne", LIKE) is None
    longer = files.find(folder, "run.sh", "0" * 64)
    assert longer is not None
    assert longer.id == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ("100644", "100644", 0o600, 0o600),
        ("100644", "100644", 0o664, 0o664),
        ("100644", "100755", 0o640, 0o750),
        ("100755", "100644", 0o775, 0o664),
        ("100755", "100755", 0o755, 0o755),
    ],
)
def test_a_file_keeps_its_permissions_but_for_those_that_git_knows(
    folder: Path, files: FilesystemSourceFiles, before: str, after: str, old: int, new: int
) -> None:
    (folder / "a.py").write_bytes(b"new\n")
    (folder / "a.py").chmod(old)
    turn = plain(b"new\n", before), plain(b"old\n", after)
    files.put(folder, "a.py", turn, b"old\n")

    assert (folder / "a.py").read_bytes() == b"old\n"
    assert (folder / "a.py").stat().st_mode & 0o777 == new
    assert names(folder / ".cde") == []


@pytest.mark.parametrize(("mode", "expected"), [("100644", 0o644), ("100755", 0o755)])
def test_a_file_that_was_gone_comes_back_with_its_folders(
    folder: Path, files: FilesystemSourceFiles, mode: str, expected: int
) -> None:
    usual = os.umask(0o022)
    os.umask(usual)
    files.put(folder, "deep/er/a.py", (None, plain(b"old\n", mode)), b"old\n")

    assert (folder / "deep" / "er" / "a.py").read_bytes() == b"old\n"
    assert (folder / "deep" / "er" / "a.py").stat().st_mode & 0o777 == expected & ~usual


def test_a_new_file_is_removed_and_its_folder_stays(
    folder: Path, files: FilesystemSourceFiles
) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "a.py").write_bytes(b"new\n")
    files.put(folder, "new/a.py", (plain(b"new\n"), None), None)

    assert names(folder / "new") == []


TURN: Turn = (plain(b"a\n"), plain(b"b\n"))


def link_to_it(folder: Path) -> str:
    (folder / "a.py").symlink_to(folder.parent / "outside.py")
    return "a.py"


def link_above(folder: Path) -> str:
    (folder / "src").symlink_to(folder.parent)
    return "src/outside.py"


def folder_in_its_place(folder: Path) -> str:
    (folder / "a.py").mkdir()
    return "a.py"


def file_above(folder: Path) -> str:
    (folder / "src").write_text("")
    return "src/a.py"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "a.py")
    return "a.py"


def another_repository(folder: Path) -> str:
    (folder / "inner" / ".git").mkdir(parents=True)
    (folder / "inner" / "a.py").write_bytes(b"a\n")
    return "inner/a.py"


def a_submodule(folder: Path) -> str:
    (folder / "inner").mkdir()
    (folder / "inner" / ".git").write_text("gitdir: ../.git/modules/inner\n")
    return "inner/a.py"


def outside(folder: Path) -> str:
    return "../outside.py"


def git_s_own(folder: Path) -> str:
    return ".git/config"


WAYS = [link_to_it, link_above, folder_in_its_place, file_above, pipe, another_repository]
WAYS += [a_submodule, outside, git_s_own]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_written_through_a_link(
    folder: Path, files: FilesystemSourceFiles, way: Any
) -> None:
    away = folder.parent / "outside.py"
    away.write_bytes(b"a\n")
    path = way(folder)
    with pytest.raises(OutputError) as caught:
        files.find(folder, path, LIKE)
    assert caught.value.code == "E112"
    assert away.read_bytes() == b"a\n"


@pytest.mark.parametrize("way", [link_above, file_above, another_repository, a_submodule, outside])
def test_what_came_in_the_way_meanwhile_stops_it_too(
    folder: Path, files: FilesystemSourceFiles, way: Any
) -> None:
    away = folder.parent / "outside.py"
    away.write_bytes(b"a\n")
    path = way(folder)
    with pytest.raises(OutputError):
        files.put(folder, path, TURN, b"b\n")
    assert away.read_bytes() == b"a\n"


def test_a_folder_in_the_way_is_no_file_that_is_replaced(
    folder: Path, files: FilesystemSourceFiles
) -> None:
    (folder / "a.py").mkdir()
    with pytest.raises(StateError) as caught:
        files.put(folder, "a.py", TURN, b"b\n")

    assert caught.value.code == "E203"
    assert names(folder / ".cde") == []


def test_a_file_that_is_too_large_is_no_plain_one(
    folder: Path, files: FilesystemSourceFiles
) -> None:
    with (folder / "a.py").open("wb") as file:
        file.truncate(51 * 1024 * 1024)
    with pytest.raises(OutputError):
        files.find(folder, "a.py", LIKE)


class Elsewhere(OsFileOps):
    """``.cde`` is on another disk."""

    def replace(self, source: Path, target: Path) -> None:
        if source.parent.name == ".cde":
            raise OSError(errno.EXDEV, "another disk", str(target))
        super().replace(source, target)


def test_where_the_product_s_folder_is_on_another_disk_it_is_written_all_the_same(
    folder: Path,
) -> None:
    (folder / "a.py").write_bytes(b"a\n")
    FilesystemSourceFiles(Elsewhere()).put(folder, "a.py", TURN, b"b\n")

    assert (folder / "a.py").read_bytes() == b"b\n"
    assert names(folder / ".cde") == []


def test_without_the_product_s_folder_it_is_written_next_to_the_file(
    folder: Path, files: FilesystemSourceFiles
) -> None:
    (folder / ".cde").rmdir()
    (folder / "a.py").write_bytes(b"a\n")
    files.put(folder, "a.py", TURN, b"b\n")

    assert names(folder) == ["a.py"]
