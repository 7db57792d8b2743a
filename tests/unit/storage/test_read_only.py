from __future__ import annotations

import errno
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.domain.exceptions import ReadOnlyModeError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.read_only import PROBE_EVERY_SECONDS, WriteGuard


class Disk(OsFileOps):
    """A disk whose writes fail while ``broken``, and whose free space is given."""

    def __init__(self) -> None:
        self.broken = False
        self.free: int | None = None
        self.probes = 0

    def create(self, path: Path) -> int:
        self.probes += 1
        if self.broken:
            raise OSError(errno.EROFS, "Read-only file system")
        return super().create(path)

    def free_bytes(self, path: Path) -> int:
        if self.free == -1:
            raise OSError(errno.EIO, "Input/output error")
        return super().free_bytes(path) if self.free is None else self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def guard(tmp_path: Path, disk: Disk, now: list[float]) -> WriteGuard:
    return WriteGuard(tmp_path, disk, monotonic=lambda: now[0])


def test_a_healthy_disk_takes_changes_without_a_probe(guard: WriteGuard, disk: Disk) -> None:
    guard.require(0)
    assert guard.mode is None
    assert disk.probes == 0


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO]
)
def test_a_disk_that_refused_is_not_tried_at_every_call(
    guard: WriteGuard, disk: Disk, code: int
) -> None:
    guard.refused(OSError(code, "no"))
    for _ in range(3):
        with pytest.raises(ReadOnlyModeError) as caught:
            guard.require(0)
        assert caught.value.code == "E206"
    assert disk.probes == 0


def test_what_is_no_refusal_of_a_disk_is_left_alone(guard: WriteGuard) -> None:
    guard.refused(OSError(errno.EINTR, "again"))
    assert guard.mode is None


def test_a_probe_lifts_the_mode_by_itself_and_leaves_nothing_behind(
    guard: WriteGuard, disk: Disk, now: list[float], tmp_path: Path
) -> None:
    guard.refused(OSError(errno.EIO, "no"))
    now[0] += PROBE_EVERY_SECONDS
    guard.check(0)
    assert guard.mode is None
    assert disk.probes == 1
    assert list(tmp_path.iterdir()) == []


def test_a_probe_that_fails_is_repeated_in_its_turn(
    guard: WriteGuard, disk: Disk, now: list[float]
) -> None:
    disk.broken = True
    guard.refused(OSError(errno.EROFS, "no"))
    now[0] += PROBE_EVERY_SECONDS
    for _ in range(3):
        guard.check(0)
    assert (guard.mode is not None, disk.probes) == (True, 1)
    now[0] += PROBE_EVERY_SECONDS
    disk.broken = False
    guard.check(0)
    assert guard.mode is None


def test_a_forced_change_tries_the_disk_at_once(guard: WriteGuard, disk: Disk) -> None:
    guard.refused(OSError(errno.EIO, "no"))
    guard.require(0, force=True)
    assert disk.probes == 1


def test_too_little_space_for_the_next_checkpoint_refuses_changes(
    guard: WriteGuard, disk: Disk
) -> None:
    disk.free = 1_000_000
    guard.require(0)
    with pytest.raises(ReadOnlyModeError):
        guard.require(1_000_000)
    since = guard.mode
    guard.check(1_000_000)
    assert guard.mode is since
    disk.free = 10_000_000
    guard.require(1_000_000, force=True)


def test_a_disk_that_does_not_tell_its_space_is_believed(guard: WriteGuard, disk: Disk) -> None:
    disk.free = -1
    guard.require(10**18)


def test_another_reason_is_said_but_since_when_stays(guard: WriteGuard, disk: Disk) -> None:
    guard.refused(OSError(errno.EIO, "no"))
    first = guard.mode
    guard.refused(OSError(errno.ENOSPC, "no"))
    second = guard.mode

    assert first is not None
    assert second is not None
    assert (first.reason, second.reason) == (os.strerror(errno.EIO), os.strerror(errno.ENOSPC))
    assert second.since is first.since


def test_the_space_that_is_left_beside_the_next_checkpoint_is_64_kib(
    guard: WriteGuard, disk: Disk
) -> None:
    disk.free = 1_000 + 64 * 1024
    guard.require(1_000)
    with pytest.raises(ReadOnlyModeError):
        guard.require(1_001)


def test_a_refusal_says_why_and_since_when(guard: WriteGuard) -> None:
    guard.refused(OSError(errno.EIO, "no"))
    with pytest.raises(ReadOnlyModeError) as caught:
        guard.require(0)
    assert guard.mode is not None
    assert caught.value.context == {
        "reason": os.strerror(errno.EIO),
        "since": guard.mode.since.isoformat(),
    }


class Syscalls(OsFileOps):
    """The system's operations, with what a probe did; one of them may be refused."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.done: list[tuple[str, object]] = []

    def _note(self, operation: str, subject: object) -> None:
        self.done.append((operation, subject))
        if operation == self.refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def create(self, path: Path) -> int:
        self._note("create", path)
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> int:
        self._note("write", data)
        return super().write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        self._note("fdatasync", descriptor)
        super().fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self._note("close", descriptor)

    def unlink(self, path: Path) -> None:
        self._note("unlink", path)
        super().unlink(path)

    def free_bytes(self, path: Path) -> int:
        self.done.append(("free_bytes", path))
        return 10**9


def test_a_probe_writes_syncs_and_removes_a_file_with_a_name_of_its_own(tmp_path: Path) -> None:
    ops = Syscalls()
    guard = WriteGuard(tmp_path, ops)
    names: list[str] = []
    for _ in range(2):
        ops.done.clear()
        guard.refused(OSError(errno.EIO, "no"))
        guard.require(0, force=True)
        asked, made, *rest = ops.done
        assert asked == ("free_bytes", tmp_path)
        path = made[1]
        assert isinstance(path, Path)
        assert path.parent == tmp_path
        names.append(path.name)
        descriptor = rest[1][1]
        assert [made, *rest] == [
            ("create", path),
            ("write", b"The disk is tried; this file may be removed.\n"),
            ("fdatasync", descriptor),
            ("close", descriptor),
            ("unlink", path),
        ]
    assert all(re.fullmatch(r"\.probe-[0-9a-f]{12}", name) for name in names)
    assert names[0] != names[1]


@pytest.mark.parametrize("refused", ["create", "write", "fdatasync", "close", "unlink"])
def test_a_probe_that_is_refused_at_any_step_is_logged_and_leaves_nothing(
    tmp_path: Path, refused: str
) -> None:
    guard = WriteGuard(tmp_path, Syscalls(refused))
    guard.refused(OSError(errno.EIO, "no"))
    with capture_logs() as logs, pytest.raises(ReadOnlyModeError):
        guard.require(0, force=True)
    assert list(tmp_path.iterdir()) == []
    assert logs == [
        {
            "event": "read_only_probe_failed",
            "log_level": "debug",
            "reason": "[Errno 5] Input/output error",
        }
    ]


def test_a_probe_waits_until_five_seconds_have_passed_since_the_refusal(
    guard: WriteGuard, disk: Disk, now: list[float]
) -> None:
    guard.refused(OSError(errno.EIO, "no"))
    disk.broken = True
    now[0] = 104.9
    guard.check(0)
    assert disk.probes == 0
    now[0] = 105.0
    guard.check(0)
    assert disk.probes == 1
    now[0] = 109.9
    guard.check(0)
    assert disk.probes == 1
    now[0] = 110.0
    guard.check(0)
    assert disk.probes == 2


def test_entering_and_leaving_the_mode_is_logged_once(
    guard: WriteGuard, tmp_path: Path, disk: Disk
) -> None:
    disk.free = 0
    with capture_logs() as logs:
        guard.check(7)
        guard.check(8)
        assert guard.mode is not None
        since = guard.mode.since
        assert guard.mode.reason == "0 bytes are free, 65544 are needed"
        guard.check(8, force=True)
        disk.free = 10**9
        guard.check(8)
        assert disk.probes == 0
        guard.check(8, force=True)
        guard.check(8, force=True)
    assert disk.probes == 1
    assert (datetime.now(UTC) - since) < timedelta(hours=1)
    assert logs == [
        {
            "event": "read_only_entered",
            "log_level": "error",
            "path": str(tmp_path),
            "reason": "0 bytes are free, 65543 are needed",
        },
        {
            "event": "read_only_left",
            "log_level": "warning",
            "path": str(tmp_path),
            "since": str(since),
        },
    ]


def test_a_mode_that_another_thread_ends_meanwhile_is_left_once(tmp_path: Path, disk: Disk) -> None:
    class Ended(Disk):
        def create(self, path: Path) -> int:
            if not self.probes:
                self.probes += 1
                ended.check(0, force=True)
            return super().create(path)

    ended = WriteGuard(tmp_path, Ended())
    ended.refused(OSError(errno.EIO, "no"))
    with capture_logs() as logs:
        ended.check(0, force=True)
    assert [each["event"] for each in logs] == ["read_only_left"]


def test_an_error_without_a_number_is_no_refusal(guard: WriteGuard) -> None:
    guard.refused(OSError("no"))
    assert guard.mode is None
