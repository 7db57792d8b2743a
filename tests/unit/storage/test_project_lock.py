"""The lock of a project is that of the file and of the folder, and either keeps others out."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.project_lock import ProjectLock, _FolderLock


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    made = StateFiles(tmp_path)
    made.folder.mkdir()
    return made


def is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_a_lock_that_was_attempted_is_that_of_both_and_ends_when_it_is_closed(
    files: StateFiles,
) -> None:
    held = ProjectLock(files).attempt()
    assert held is not None
    with held:
        assert is_locked(files.lock)
        assert is_locked(files.folder)
        assert ProjectLock(files).attempt() is None
    assert not is_locked(files.lock)
    assert not is_locked(files.folder)


def test_an_attempt_for_a_share_succeeds_together_with_others(files: StateFiles) -> None:
    lock = ProjectLock(files, 0.0)
    with lock.shared():
        held = lock.attempt(shared=True)
        assert held is not None
        with held:
            assert lock.attempt() is None
    with lock.exclusive():
        assert lock.attempt(shared=True) is None


def test_a_folder_that_is_locked_keeps_others_out_and_the_file_names_the_holder(
    files: StateFiles,
) -> None:
    descriptor = os.open(files.folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert ProjectLock(files).attempt() is None
    assert not is_locked(files.lock)
    files.lock.write_text("123\n")
    lock = ProjectLock(files, 0.05)
    with pytest.raises(LockTimeoutError) as caught, lock.shared():
        pass
    assert caught.value.context["holder"] == "process 123"
    os.close(descriptor)


def test_a_lock_is_waited_for_during_five_seconds_by_default(files: StateFiles) -> None:
    assert ProjectLock(files).timeout_seconds == 5.0
    assert ProjectLock(files, 1.5).timeout_seconds == 1.5


def test_before_anything_is_held_nothing_was_exchanged(files: StateFiles) -> None:
    lock = ProjectLock(files)
    assert lock.is_current()
    files.folder.rmdir()
    assert lock.is_current()


def refuse_folders(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    flock = fcntl.flock

    def refused(descriptor: int, operation: int) -> None:
        if os.path.isdir(f"/dev/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(code, os.strerror(code))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.parametrize("code", [errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP])
def test_where_only_files_can_be_locked_the_file_is(
    files: StateFiles, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        refuse_folders(patch, code)
        held = ProjectLock(files).attempt()
    assert held is not None
    with held:
        assert is_locked(files.lock)
        assert not is_locked(files.folder)


def test_a_folder_that_cannot_be_locked_for_another_reason_lets_go_of_the_file(
    files: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        refuse_folders(patch, errno.ENOLCK)
        with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
            ProjectLock(files).attempt()
    assert not is_locked(files.lock)


def test_on_windows_the_file_alone_is_locked(
    files: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files.lock.parent == files.folder  # known before the system changes its name
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        lock = ProjectLock(files)
    held = lock.attempt()
    assert held is not None
    with held:
        assert is_locked(files.lock)
        assert not is_locked(files.folder)


def test_what_is_no_folder_is_not_locked_as_one(files: StateFiles) -> None:
    files.lock.touch()
    lock = _FolderLock(files.lock, 0.0, ProcessLock(files.lock))
    with pytest.raises(NotADirectoryError):
        lock.attempt()
