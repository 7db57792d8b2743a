"""Digests of a project's files: of what can be read there, and read again once it changed."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cde_orchestrator.adapters.project_files import files
from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.infrastructure.system import file_ops


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read."""
    seen: list[Path] = []
    read = file_ops.read_regular_file

    def counted(path: Path, limit: int) -> tuple[bytes, int]:
        seen.append(path)
        return read(path, limit)

    monkeypatch.setattr(file_ops, "read_regular_file", counted)
    monkeypatch.setattr(files, "_digests", {})
    return seen


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, reads: list[Path]) -> None:
    path = tmp_path / "src" / "a.py"
    path.parent.mkdir()
    path.write_bytes(b"one")
    for _ in range(3):
        digest = FilesystemProjectFiles().digest(tmp_path, "src/a.py")
        assert digest == hashlib.sha256(b"one").hexdigest()
    assert len(reads) == 1
    path.write_bytes(b"another")

    assert FilesystemProjectFiles().digest(tmp_path, "src/a.py") == (
        hashlib.sha256(b"another").hexdigest()
    )
    assert len(reads) == 2


def test_the_number_of_digests_is_bounded(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DIGESTS_KEPT", 2)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
        FilesystemProjectFiles().digest(tmp_path, name)

    assert len(files._digests) == 1


def test_a_thread_that_forgets_all_digests_takes_none_from_another(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = FilesystemProjectFiles()
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)

    class Kept(dict[Path, tuple[tuple[int, ...], str]]):
        """Another thread asks for ``b`` as soon as ``a`` is stored."""

        def __setitem__(self, path: Path, value: tuple[tuple[int, ...], str]) -> None:
            super().__setitem__(path, value)
            if path.name == "a":
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(project.digest, tmp_path, "b").result()

    monkeypatch.setattr(files, "DIGESTS_KEPT", 1)
    monkeypatch.setattr(files, "_digests", Kept())

    assert project.digest(tmp_path, "a") == hashlib.sha256(b"a").hexdigest()
    assert [path.name for path in files._digests] == ["b"]


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "link", "../outside", ".git/config"])
def test_what_is_no_file_of_the_project_has_none(
    tmp_path: Path, reads: list[Path], name: str
) -> None:
    root = tmp_path / "project"
    (root / "folder").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")

    assert FilesystemProjectFiles().digest(root, name) is None


def test_a_file_that_is_too_large_has_none(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DIGEST_LIMIT_BYTES", 3)
    (tmp_path / "large").write_text("four")

    assert FilesystemProjectFiles().digest(tmp_path, "large") is None


def test_in_a_worktree_it_is_the_one_there(tmp_path: Path, reads: list[Path]) -> None:
    root, worktree = tmp_path / "project", tmp_path / "worktree"
    for folder in (root, worktree):
        folder.mkdir()
        (folder / "a.py").write_text(folder.name)

    digest = FilesystemProjectFiles(worktree=worktree).digest(root, "a.py")
    assert digest == hashlib.sha256(b"worktree").hexdigest()
