"""The lock of a file, step by step; what several processes do is tried in the integration tests."""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system import process_lock
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock, one_thread


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def waiters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cde-lock-waiter"]


def answers(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, answer: Callable[[bool], bool]
) -> list[int]:
    """Let ``answer`` say whether the lock is had, given whether to block; the descriptors asked."""
    asked: list[int] = []

    def lock(descriptor: int, *, shared: bool, block: bool) -> bool:
        asked.append(descriptor)
        return answer(block)

    monkeypatch.setattr(module, "_lock", lock)
    return asked


@pytest.mark.parametrize(("shared", "kind"), [(False, fcntl.LOCK_EX), (True, fcntl.LOCK_SH)])
def test_a_held_lock_is_asked_for_once_and_then_waited_for_in_the_kernel(
    path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool, kind: int
) -> None:
    lock, asked, flock = ProcessLock(path, 30.0), list[tuple[int, bool]](), fcntl.flock
    held = lock.attempt()
    assert held is not None

    def recorded(descriptor: int, operation: int) -> None:
        asked.append((operation, threading.current_thread().daemon))
        if operation == kind:
            os.close(held)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", recorded)
    with lock.shared() if shared else lock.exclusive() as waited:
        assert 0 <= waited < 600
    assert asked == [(kind | fcntl.LOCK_NB, False), (kind, True)]  # an exit waits for no daemon


def test_only_another_share_is_possible_next_to_one_and_whoever_holds_it_alone_signs(
    path: Path,
) -> None:
    lock = ProcessLock(path, 0.0)
    with lock.shared():
        assert lock.attempt() is None
        shared = lock.attempt(shared=True)
        assert shared is not None
        os.close(shared)
        assert path.read_bytes() == b""
    path.write_bytes(b"9" * 12 + b"\n")
    with lock.exclusive():
        assert lock.attempt() is None
        assert path.read_bytes() == f"{os.getpid():<12}\n".encode()
        assert lock.holder() == f"process {os.getpid()}"
    path.write_bytes(b"")
    assert lock.holder() == "unknown process"


def test_a_lock_is_waited_for_during_five_seconds_by_default(path: Path) -> None:
    assert ProcessLock(path).timeout_seconds == 5.0


def test_a_thread_that_left_lets_others_in() -> None:
    mutex, entered = threading.RLock(), list[bool]()

    def enter() -> None:
        with one_thread(mutex, 30.0):
            entered.append(True)

    with one_thread(mutex, 0.0):
        pass
    other = threading.Thread(target=enter)
    other.start()
    other.join(60)
    assert entered == [True]


def test_the_wait_that_an_error_speaks_of_is_rounded(path: Path) -> None:
    lock = ProcessLock(path, 0.06)
    with lock.shared(), pytest.raises(LockTimeoutError) as caught, lock.exclusive():
        pass
    assert caught.value.code == "E205"
    assert caught.value.context["waited_seconds"] == 0.1


def test_locks_of_files_that_vanish_are_let_go_of_within_one_deadline(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, given, locked = 100.0, list[float](), list[int]()

    def wait(lock: ProcessLock, descriptor: int, *, shared: bool, seconds: float) -> int:
        nonlocal now
        now += 4.0
        given.append(seconds)
        locked.append(descriptor)
        if len(given) < 3:
            path.unlink()
        return descriptor

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(ProcessLock, "_take", lambda lock, descriptor, *, shared: False)
    monkeypatch.setattr(ProcessLock, "_wait", wait)
    descriptor, waited = ProcessLock(path).acquire(shared=False, seconds=5.0)
    assert (given, waited) == ([5.0, 1.0, 0.0], 12.0)
    assert descriptor == locked[-1]
    assert os.path.samestat(os.fstat(descriptor), path.stat())
    os.close(descriptor)
    assert not any(is_open(each) for each in locked)


@pytest.mark.parametrize("kind", ["acquire", "attempt"])
def test_a_lock_whose_path_cannot_be_checked_is_let_go_of(
    path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    checked: list[int] = []

    def refused(lock: ProcessLock, descriptor: int) -> bool:
        checked.append(descriptor)
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(ProcessLock, "is_current", refused)
    lock = ProcessLock(path)
    with pytest.raises(OSError, match=os.strerror(errno.EACCES)):
        _ = lock.attempt() if kind == "attempt" else lock.acquire(shared=False, seconds=0.0)
    (descriptor,) = checked
    assert not is_open(descriptor)


def test_an_attempt_that_did_not_get_the_lock_leaves_no_open_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answers(monkeypatch, process_lock, lambda block: False)
    assert ProcessLock(path).attempt() is None
    (descriptor,) = asked
    assert not is_open(descriptor)


def test_a_lock_that_cannot_be_asked_for_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(block: bool) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    asked = answers(monkeypatch, process_lock, refused)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        ProcessLock(path).acquire(shared=False, seconds=30.0)
    (descriptor,) = asked
    assert not is_open(descriptor)


def test_without_a_thread_to_wait_in_the_lock_is_refused_for_the_moment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asked = answers(monkeypatch, process_lock, lambda block: False)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(OSError, match=os.strerror(errno.EAGAIN)) as caught:
        ProcessLock(path).acquire(shared=False, seconds=30.0)
    assert (caught.value.errno, caught.value.filename) == (errno.EAGAIN, str(path))
    (descriptor,) = asked
    assert not is_open(descriptor)


def test_a_system_that_gives_up_waiting_is_asked_until_it_gives_the_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([False, False, False, True])
    asked = answers(monkeypatch, process_lock, lambda block: next(given))
    descriptor, _ = ProcessLock(path).acquire(shared=False, seconds=30.0)
    assert asked == [descriptor] * 4
    os.close(descriptor)


def test_a_system_that_gives_up_waiting_is_asked_no_more_once_nobody_wants_the_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_up = threading.Event()

    def answer(block: bool) -> bool:
        if block:
            gave_up.wait(30)
        return False

    asked = answers(monkeypatch, process_lock, answer)
    with pytest.raises(LockTimeoutError):
        ProcessLock(path).acquire(shared=False, seconds=0.0)
    left = waiters()
    gave_up.set()
    for thread in left:
        thread.join(30)
        assert not thread.is_alive()
    assert not is_open(asked[0])


def test_on_windows_the_first_byte_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    held, asked = False, list[tuple[int, str, int]]()

    def locking(descriptor: int, mode: str, size: int) -> None:
        asked.append((descriptor, mode, size))
        if held:
            raise PermissionError

    system = SimpleNamespace(LK_LOCK="wait", LK_NBLCK="at once", locking=locking)
    found = importlib.util.find_spec(process_lock.__name__)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "msvcrt", system)
        patch.setattr(os, "name", "nt")
        found.loader.exec_module(module)
    assert module._lock(7, shared=False, block=False) is True
    held = True
    assert module._lock(7, shared=True, block=True) is False
    assert asked == [(7, "at once", 1), (7, "wait", 1)]
