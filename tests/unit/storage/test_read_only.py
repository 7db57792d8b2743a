from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

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
    guard.look(0)
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
        guard.look(0)
    assert (guard.mode is not None, disk.probes) == (True, 1)
    now[0] += PROBE_EVERY_SECONDS
    disk.broken = False
    guard.look(0)
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
    guard.look(1_000_000)
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
