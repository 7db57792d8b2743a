from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system import process_lock
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock, one_thread

HOLDER = """
import sys
from pathlib import Path
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
with ProcessLock(Path(sys.argv[1])).exclusive():
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    sys.stdin.readline()
"""


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture(autouse=True)
def _nobody_waits_yet() -> None:
    """Threads that other tests left waiting have ended."""
    for thread in waiters():
        thread.join(60)
        assert not thread.is_alive()


def waiters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cde-lock-waiter"]


def hold_in_another_process(lock_file: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def release(holder: subprocess.Popen[str]) -> None:
    holder.communicate("go\n", timeout=60)


def test_a_thread_waits_for_another_one_no_longer_than_it_may() -> None:
    mutex, held, enough = threading.RLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with one_thread(mutex, 60):
            held.set()
            enough.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    with pytest.raises(LockTimeoutError) as refused, one_thread(mutex, 0.05):
        pass
    enough.set()
    holder.join(20)
    assert refused.value.code == "E205"
    assert refused.value.context == {"holder": "this process", "waited_seconds": 0.05}


def test_a_free_lock_is_taken_at_once_and_released(lock_file: Path) -> None:
    for _ in range(2):
        with ProcessLock(lock_file, 0.0).exclusive() as waited:
            assert waited < 60


def test_readers_share_the_lock(lock_file: Path) -> None:
    lock = ProcessLock(lock_file, 0.0)
    with lock.shared(), lock.shared():
        pass


def test_a_writer_waits_for_a_reader_and_gives_up_in_time(lock_file: Path) -> None:
    lock = ProcessLock(lock_file, 0.05)
    with lock.shared(), pytest.raises(LockTimeoutError) as caught, lock.exclusive():
        pass
    assert caught.value.code == "E205"


def test_who_waits_in_its_own_thread_gets_the_lock_in_the_end(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    acquired = threading.Event()

    def wait() -> None:
        with ProcessLock(lock_file, 0.0).blocking():
            acquired.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not acquired.is_set()
    release(holder)
    waiter.join(60)
    assert acquired.is_set()


def test_who_waited_for_a_file_that_was_removed_locks_the_new_one(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    held, enough = threading.Event(), threading.Event()

    def wait() -> None:
        with ProcessLock(lock_file).blocking():
            held.set()
            enough.wait(60)

    waiter = threading.Thread(target=wait)
    waiter.start()
    lock_file.unlink()
    release(holder)
    assert held.wait(60)
    assert ProcessLock(lock_file).attempt() is None
    enough.set()
    waiter.join(60)


def test_the_error_names_the_process_that_holds_the_lock(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    try:
        with pytest.raises(LockTimeoutError) as caught, ProcessLock(lock_file, 0.05).exclusive():
            pass
        assert caught.value.context["holder"] == f"process {holder.pid}"
    finally:
        release(holder)


def test_a_waiter_gets_the_lock_when_the_holder_lets_go(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    acquired = threading.Event()

    def wait() -> None:
        with ProcessLock(lock_file, 60.0).exclusive():
            acquired.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    release(holder)
    waiter.join(60)
    assert acquired.is_set()


def test_a_killed_holder_never_blocks(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    holder.kill()
    holder.communicate(timeout=60)
    with ProcessLock(lock_file, 60.0).exclusive():
        pass


def test_a_waiter_that_gave_up_does_not_keep_the_lock(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    with pytest.raises(LockTimeoutError), ProcessLock(lock_file, 0.05).exclusive():
        pass
    release(holder)
    with ProcessLock(lock_file, 60.0).exclusive():
        pass


def test_a_removed_lock_file_is_made_anew_and_locked(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    lock_file.unlink()
    with ProcessLock(lock_file, 1.0).exclusive():
        assert lock_file.exists()
    release(holder)


def test_an_unsigned_lock_has_an_unknown_holder(lock_file: Path) -> None:
    assert ProcessLock(lock_file).holder() == "unknown process"
    lock_file.write_text("")
    assert ProcessLock(lock_file).holder() == "unknown process"


def interrupt(lock: ProcessLock, meanwhile: Callable[[], None]) -> None:
    """Wait for the lock, and be interrupted once something happened meanwhile."""

    def leave() -> None:
        meanwhile()
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(COMPUTE_SLOT, "leave", leave)
        with pytest.raises(KeyboardInterrupt), lock.exclusive():
            pass


def test_an_interrupted_waiter_that_got_the_lock_at_the_last_moment_lets_go_of_it(
    lock_file: Path,
) -> None:
    lock = ProcessLock(lock_file, 30.0)
    held = lock.attempt()
    assert held is not None

    def let_go() -> None:
        os.close(held)
        for thread in waiters():
            thread.join(30)

    interrupt(lock, let_go)
    with ProcessLock(lock_file, 0.0).exclusive():
        pass


def test_an_interrupted_waiter_lets_go_of_a_lock_that_comes_later(lock_file: Path) -> None:
    lock = ProcessLock(lock_file, 30.0)
    held = lock.attempt()
    assert held is not None
    interrupt(lock, lambda: None)
    left = waiters()
    os.close(held)
    for thread in left:
        thread.join(30)
    assert len(left) == 1
    with ProcessLock(lock_file, 0.0).exclusive():
        pass


def test_a_lock_whose_file_vanished_while_it_was_taken_is_taken_on_the_new_file(
    lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_now, calls = process_lock._lock, 0

    def lock_a_file_that_goes(descriptor: int, *, shared: bool, block: bool) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            lock_file.unlink()
        return lock_now(descriptor, shared=shared, block=block)

    monkeypatch.setattr(process_lock, "_lock", lock_a_file_that_goes)
    with ProcessLock(lock_file, 30.0).exclusive():
        assert ProcessLock(lock_file, 0.0).attempt() is None
    assert calls == 3
    calls = 0
    assert ProcessLock(lock_file, 0.0).attempt() is None
    assert not lock_file.exists()


def test_a_lock_that_the_system_cannot_give_is_not_taken(
    lock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks_left(descriptor: int, *, shared: bool, block: bool) -> bool:
        if block:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        return False

    monkeypatch.setattr(process_lock, "_lock", no_locks_left)
    lock = ProcessLock(lock_file, 30.0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)), lock.exclusive():
        pytest.fail("nobody holds it")


def test_the_error_says_how_long_was_waited(lock_file: Path) -> None:
    lock = ProcessLock(lock_file, 0.1)
    with lock.shared(), pytest.raises(LockTimeoutError) as caught, lock.exclusive():
        pass
    assert caught.value.context == {"holder": "unknown process", "waited_seconds": 0.1}


@pytest.mark.parametrize("waits", [False, True])
def test_a_lock_that_the_system_cannot_give_leaves_no_open_file(
    lock_file: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    opened: list[int] = []

    def no_locks_left(descriptor: int, *, shared: bool, block: bool) -> bool:
        opened.append(descriptor)
        if waits and not block:
            return False
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(process_lock, "_lock", no_locks_left)
    lock = ProcessLock(lock_file, 30.0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        _ = lock.acquire(shared=False, seconds=30.0) if waits else lock.attempt()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(opened[0])


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc")
@pytest.mark.parametrize("kept", [True, False], ids=["one lock", "a lock for each"])
def test_refusals_leave_no_thread_or_descriptor_of_their_own(lock_file: Path, kept: bool) -> None:
    holder = hold_in_another_process(lock_file)
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        lock = ProcessLock(lock_file, 0.0)
        threads, files = len(waiters()), open_files()
        for _ in range(200):
            each = lock if kept else ProcessLock(lock_file, 0.0)
            with pytest.raises(LockTimeoutError), each.exclusive():
                pass
        assert (len(waiters()), open_files()) == (threads + 1, files + 1)
        left = waiters()
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        release(holder)
    for thread in left:
        thread.join(60)
    assert open_files() <= files
    with lock.exclusive():
        assert ProcessLock(lock_file).attempt() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the state is in /proc")
def test_a_holder_that_is_stopped_is_named_with_what_to_do(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    os.kill(holder.pid, signal.SIGSTOP)
    os.waitpid(holder.pid, os.WUNTRACED)
    try:
        with pytest.raises(LockTimeoutError) as caught, ProcessLock(lock_file, 0.0).exclusive():
            pass
        assert f"is stopped: kill -CONT {holder.pid} continues it" in caught.value.message
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        release(holder)


def test_a_wait_that_was_left_serves_the_next_one(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    with pytest.raises(LockTimeoutError), ProcessLock(lock_file, 0.0).exclusive():
        pass
    (left,) = waiters()
    acquired = threading.Event()

    def wait() -> None:
        with ProcessLock(lock_file, 60.0).exclusive():
            acquired.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    release(holder)
    waiting.join(60)
    left.join(60)
    assert acquired.is_set()
    assert waiters() == []


FORKS = """
import os, sys
from contextlib import suppress
from pathlib import Path
from cde_orchestrator.domain.exceptions import LockTimeoutError
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
path, code = Path(sys.argv[1]), 1
with suppress(LockTimeoutError), ProcessLock(path, 0.0).exclusive():
    pass
child = os.fork()
if child:
    sys.stdout.write("forked\\n")
    sys.stdout.flush()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with suppress(LockTimeoutError), ProcessLock(path, 60.0).exclusive():
    code = 0
os._exit(code)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_has_no_wait_of_its_parents(lock_file: Path) -> None:
    holder = hold_in_another_process(lock_file)
    words = [sys.executable, "-W", "ignore", "-c", FORKS, str(lock_file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "forked\n"
        release(holder)
    assert parent.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_closes_no_file_of_anybody_else(lock_file: Path) -> None:
    script = FORKS.replace("child = os.fork()", ENDED)
    holder = hold_in_another_process(lock_file)
    words = [sys.executable, "-W", "ignore", "-c", script, str(lock_file)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline() == "refused\n"
        release(holder)
        parent.stdin.write("go\n")
        parent.stdin.flush()
        assert parent.stdout.readline() == "forked\n"
    assert parent.returncode == 0


ENDED = """
import threading
sys.stdout.write("refused\\n")
sys.stdout.flush()
sys.stdin.readline()
for thread in threading.enumerate():
    if thread.name == "cde-lock-waiter":
        thread.join()
ours = [os.open(os.devnull, os.O_RDONLY) for _ in range(50)]
child = os.fork()
if not child:
    for each in ours:
        os.fstat(each)
"""
