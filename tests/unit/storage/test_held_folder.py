"""A folder is known again by what keeps it open, and no more is kept open than needed."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from cde_orchestrator.storage import held_folder
from cde_orchestrator.storage.format.journal import Change
from cde_orchestrator.storage.format.json_patch import Patch
from cde_orchestrator.storage.held_folder import HeldFolder
from cde_orchestrator.storage.store import StateStore


def kept_open(folder: Path) -> int:
    """How many descriptors of this process are of the folder."""
    count = 0
    for descriptor in os.listdir("/dev/fd"):  # noqa: PTH208
        try:
            count += os.path.samestat(os.fstat(int(descriptor)), folder.stat())
        except OSError:  # the one that listed them
            continue
    return count


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_a_folder_that_was_removed_and_made_again_is_another_one(folder: Path) -> None:
    held = HeldFolder(folder)
    assert not held.is_in_place()
    held.hold()
    assert held.is_in_place()
    folder.rmdir()
    assert not held.is_in_place()
    folder.mkdir()
    held.hold()
    assert not held.is_in_place()
    held.release()
    held.hold()
    assert held.is_in_place()


def test_a_folder_is_kept_open_once_and_until_it_is_released_or_forgotten(folder: Path) -> None:
    held = HeldFolder(folder)
    for _ in range(2):
        held.hold()
        assert kept_open(folder) == 1
    held.release()
    held.release()
    assert kept_open(folder) == 0
    held.hold()
    del held
    assert kept_open(folder) == 0


def test_a_folder_that_is_missing_is_not_held(tmp_path: Path) -> None:
    held = HeldFolder(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        held.hold()
    assert not held.is_in_place()


def test_beyond_the_bound_a_folder_is_known_by_its_numbers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_folder, "HELD_AT_MOST", 0)
    held = HeldFolder(folder)
    held.hold()
    assert kept_open(folder) == 0
    assert held.is_in_place()
    held.release()
    assert not held.is_in_place()


def test_a_project_is_kept_open_while_its_state_is_known(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    changes: Patch = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}]
    with store.exclusive():
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )
    for _ in range(3):
        other = StateStore(tmp_path)
        other.refresh()
        assert kept_open(tmp_path) == 2
        other.close()
        other.refresh()
        assert kept_open(tmp_path) == 1
    store.close()
    assert kept_open(tmp_path) == 0


def test_sixty_four_folders_are_kept_open_and_those_let_go_of_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: set[int] = set()
    monkeypatch.setattr(held_folder, "_open", opened)
    folders = [tmp_path / str(number) for number in range(66)]
    held = [HeldFolder(folder) for folder in folders]
    for folder, each in zip(folders, held, strict=True):
        folder.mkdir()
        each.hold()
    assert [kept_open(folder) for folder in folders] == [1] * 64 + [0] * 2
    held[0].release()
    held[-1].release()
    held[-1].hold()
    assert [kept_open(folder) for folder in folders] == [0] + [1] * 63 + [0, 1]
    for each in held:
        each.release()
    assert opened == set()


def test_only_a_folder_is_kept_open_and_not_for_reading(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: set[int] = set()
    monkeypatch.setattr(held_folder, "_open", opened)
    file = folder / "file"
    file.touch()
    held = HeldFolder(file)
    held.hold()
    assert (kept_open(file), opened) == (0, set())
    held = HeldFolder(folder)
    held.hold()
    (descriptor,) = opened
    path_only = getattr(os, "O_PATH", 0)
    assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & path_only == path_only
    held.release()
