"""What is transient is tried again, within bounds; nothing else is, and nothing happens twice."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import LockTimeoutError, StateError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.retry import (
    ATTEMPTS,
    is_transient,
    is_transient_on_reading,
    retrying,
    retrying_reads,
)
from cde_orchestrator.storage.format.journal import Change, scan
from cde_orchestrator.storage.store import StateStore

MOMENTARY = [errno.EINTR, errno.EAGAIN, errno.ESTALE, errno.ENOLCK]
LASTING = [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EISDIR, errno.EDQUOT]


class BackendError(Exception):
    """As psycopg raises them."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Flaky:
    """Fails as often as it was told to, then gives its result."""

    def __init__(self, error: BaseException, failures: int) -> None:
        self.error, self.failures, self.calls = error, failures, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"


class FailingOps(OsFileOps):
    """Fails the named operation with a code, as often as it was told to."""

    def __init__(self) -> None:
        self.operation, self.code, self.left, self.after = "", 0, 0, 0

    def fail(self, operation: str, code: int, times: int = 1, after: int = 0) -> None:
        self.operation, self.code, self.left, self.after = operation, code, times, after

    def _maybe(self, operation: str) -> None:
        if operation == self.operation:
            if self.after:
                self.after -= 1
            elif self.left:
                self.left -= 1
                raise OSError(self.code, os.strerror(self.code))

    def read(self, path: Path, offset: int = 0) -> bytes:
        self._maybe("read")
        return super().read(path, offset)

    def write(self, descriptor: int, data: bytes) -> int:
        self._maybe("write")
        return super().write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        self._maybe("fdatasync")
        super().fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        self._maybe("truncate")
        super().truncate(descriptor, size)


def put(store: StateStore, name: str) -> None:
    value = {"id": name}
    changes = [{"op": "add", "path": f"/features/{name}", "value": value}]
    with store.exclusive():
        if not store.sequence:
            changes = [{"op": "add", "path": "", "value": {"id": "p", "features": {}}}, *changes]
        store.commit(
            Change(at="now", operation="put", actor="t", correlation_id="c", changes=changes)
        )


@pytest.fixture
def ops() -> FailingOps:
    return FailingOps()


@pytest.fixture
def store(tmp_path: Path, ops: FailingOps) -> StateStore:
    made = StateStore(tmp_path, ops=retrying_reads(ops))
    put(made, "a")
    return made


def history(store: StateStore) -> list[int]:
    """The sequences in both copies of the journal, which must be the same and whole."""
    copies = [store.files.journal, *store.files.segments().values()]
    found = [scan(copy.read_bytes()) for copy in copies]
    assert not any(copy.damage for copy in found)
    assert found[0].records == found[1].records
    return [record.sequence for record in found[0].records]


@pytest.mark.parametrize("code", MOMENTARY)
@pytest.mark.parametrize("failures", range(ATTEMPTS))
def test_what_is_momentary_is_tried_again(code: int, failures: int) -> None:
    work = Flaky(OSError(code, "no"), failures)

    assert retrying(work, "drill", wait=lambda _seconds: None) == "done"
    assert work.calls == failures + 1


def test_the_tries_are_bounded_and_the_last_error_is_raised() -> None:
    work = Flaky(OSError(errno.EAGAIN, "no"), 1_000)

    with pytest.raises(OSError, match="no"):
        retrying(work, "drill", wait=lambda _seconds: None)
    assert work.calls == ATTEMPTS


def test_each_pause_is_longer_than_the_last_until_they_are_long() -> None:
    pauses: list[float] = []
    retrying(Flaky(OSError(errno.EAGAIN, "no"), 9), "drill", attempts=10, wait=pauses.append)

    for pause, least in zip(pauses, [0.01, 0.02, 0.04, 0.08, 0.16, 0.32], strict=False):
        assert least <= pause <= least + 0.02
    assert pauses[6:] == [0.5] * 3


def test_no_try_begins_after_the_time_out() -> None:
    work = Flaky(OSError(errno.EAGAIN, "no"), 1_000)
    pauses: list[float] = []

    with pytest.raises(OSError, match="no"):
        retrying(work, "drill", timeout_seconds=0.0, wait=pauses.append)
    assert (work.calls, pauses) == (1, [])


@pytest.mark.parametrize("code", LASTING)
def test_what_lasts_is_not_tried_again(code: int) -> None:
    work = Flaky(OSError(code, "no"), 1)

    with pytest.raises(OSError, match="no"):
        retrying(work, "drill", is_transient_on_reading)
    assert work.calls == 1


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), MemoryError()])
def test_what_is_no_failure_of_the_system_is_not_tried_again(error: BaseException) -> None:
    work = Flaky(error, 1)

    with pytest.raises(type(error)):
        retrying(work, "drill", is_transient_on_reading)
    assert work.calls == 1


def test_each_try_is_logged() -> None:
    with capture_logs() as logs:
        retrying(Flaky(OSError(errno.EAGAIN, "no"), 2), "drill", wait=lambda _seconds: None)

    assert [(each["event"], each["operation"]) for each in logs] == [
        ("retry_scheduled", "drill"),
        ("retrying", "drill"),
        ("retrying", "drill"),
    ]
    assert [each.get("attempt") for each in logs] == [None, 2, 3]
    assert {each["reason"] for each in logs} == {f"[Errno {errno.EAGAIN}] no"}


@pytest.mark.parametrize(
    ("error", "always", "on_reading"),
    [
        (OSError(errno.EIO, ""), False, True),
        (OSError(errno.ETIMEDOUT, ""), False, True),
        (ConnectionResetError(errno.ECONNRESET, ""), False, True),
        (BrokenPipeError(errno.EPIPE, ""), False, True),
        (BackendError("40001"), True, True),
        (BackendError("40P01"), True, True),
        (BackendError("08006"), False, True),
        (BackendError("57P01"), False, True),
        (BackendError("23505"), False, False),
        (LockTimeoutError.of("E205", holder="x", waited_seconds=5), False, False),
    ],
)
def test_a_change_that_may_have_been_applied_is_not_transient(
    error: Exception, always: bool, on_reading: bool
) -> None:
    assert (is_transient(error), is_transient_on_reading(error)) == (always, on_reading)


@pytest.mark.parametrize("code", [errno.EIO, *MOMENTARY])
def test_a_read_that_fails_for_a_moment_is_read_again(
    store: StateStore, ops: FailingOps, code: int
) -> None:
    reopened = StateStore(store.files.root, ops=retrying_reads(ops))
    ops.fail("read", code, times=2)
    reopened.refresh()

    assert list(reopened.document["features"]) == ["a"]


def test_a_read_that_goes_on_failing_is_told(store: StateStore, ops: FailingOps) -> None:
    reopened = StateStore(store.files.root, ops=retrying_reads(ops))
    ops.fail("read", errno.EIO, times=1_000)

    with pytest.raises(StateError) as caught:
        reopened.refresh()
    assert caught.value.code == "E201"


@pytest.mark.parametrize("operation", ["write", "fdatasync"])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("code", MOMENTARY)
def test_a_change_that_was_refused_for_a_moment_is_made_exactly_once(
    store: StateStore, ops: FailingOps, operation: str, after: int, code: int
) -> None:
    ops.fail(operation, code, times=1, after=after)
    put(store, "b")
    ops.fail("", 0)
    put(store, "c")

    assert history(store) == [1, 2, 3]
    again = StateStore(store.files.root)
    again.refresh()
    assert list(again.document["features"]) == ["a", "b", "c"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_sync_that_failed_is_never_tried_again(
    store: StateStore, ops: FailingOps, code: int
) -> None:
    ops.fail("fdatasync", code)
    with pytest.raises(StateError):
        put(store, "b")

    assert ops.left == 0
    assert history(store) == [1]


def test_a_change_that_could_not_be_undone_is_not_made_again(
    store: StateStore, ops: FailingOps
) -> None:
    class Stuck(FailingOps):
        def truncate(self, descriptor: int, size: int) -> None:
            raise OSError(errno.EIO, "stuck")

    stuck = Stuck()
    reopened = StateStore(store.files.root, ops=stuck)
    stuck.fail("fdatasync", errno.EAGAIN)
    with pytest.raises(StateError):
        put(reopened, "b")

    assert store.files.journal.read_bytes().count(b'"sequence":2') == 1


@pytest.mark.parametrize("judge", [is_transient, is_transient_on_reading])
def test_an_error_without_a_number_is_not_transient(judge: Callable[[BaseException], bool]) -> None:
    assert not judge(OSError("no number"))
