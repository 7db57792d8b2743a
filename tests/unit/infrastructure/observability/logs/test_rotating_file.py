"""Lines are in the file whole, or not at all."""

from __future__ import annotations

import errno
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.observability.logs.retention import LogRetention, rotated_files
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
def file(tmp_path: Path, failures: list[BaseException]) -> RotatingLogFile:
    return RotatingLogFile(
        tmp_path / "logs" / "cde.log",
        max_bytes=1_000,
        kept=LogRetention(days=36_500),
        on_failure=lambda _, error: failures.append(error),
    )


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Have the system take only a part of what makes a file longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_that_are_taken_in_part_are_not_in_the_file(
    tmp_path: Path, file: RotatingLogFile, failures: list[BaseException]
) -> None:
    with no_file_longer_than(500):
        assert file.append("first")
        assert not file.append("x" * 600)
        assert not file.append("y" * 600)
        assert file.append("second")

    assert (tmp_path / "logs" / "cde.log").read_text() == "first\nsecond\n"
    (failure,) = failures
    assert isinstance(failure, OSError)
    assert failure.errno == errno.ENOSPC


def test_a_file_that_is_long_enough_is_put_aside_before_the_next_lines(
    tmp_path: Path, file: RotatingLogFile, failures: list[BaseException]
) -> None:
    path = tmp_path / "logs" / "cde.log"
    assert file.append("x" * 2_000)
    assert rotated_files(path) == []
    assert file.append("next")

    assert path.read_text() == "next\n"
    assert len(rotated_files(path)) == 1
    assert failures == []


def line(day: int, hour: int = 12, event: str = "x") -> str:
    return f'{{"timestamp":"2025-11-{day:02}T{hour:02}:00:00.000000Z","event":"{event}"}}'


@pytest.mark.parametrize("disk_clock", [0, 2**31])
def test_a_day_is_that_of_the_lines_whatever_the_clock_of_the_disk_says(
    tmp_path: Path, file: RotatingLogFile, disk_clock: int
) -> None:
    path = tmp_path / "logs" / "cde.log"
    for hour in range(12):
        assert file.append(line(10, hour, "x" * 20))
        os.utime(path, (disk_clock, disk_clock))
    assert rotated_files(path) == []

    assert file.append(line(11))
    (rotated,) = rotated_files(path)
    assert rotated.name.startswith("cde.log.20251110T110000000000")
    assert path.read_text() == line(11) + "\n"


def test_writers_whose_clocks_differ_do_not_rotate_in_turns(
    tmp_path: Path, file: RotatingLogFile
) -> None:
    path = tmp_path / "logs" / "cde.log"
    for _ in range(5):
        assert file.append(line(10))
        assert file.append(line(11))
    assert len(rotated_files(path)) == 1
    assert len(path.read_text().splitlines()) == 9


def test_a_file_of_others_is_put_aside_once(tmp_path: Path, file: RotatingLogFile) -> None:
    path = tmp_path / "logs" / "cde.log"
    path.parent.mkdir()
    path.write_text("no line of a log\n")
    for _ in range(3):
        assert file.append(line(10))
    assert len(rotated_files(path)) == 1
    assert path.read_text() == f"{line(10)}\n" * 3


def test_no_more_rotated_files_are_kept_than_wanted(tmp_path: Path, file: RotatingLogFile) -> None:
    path = tmp_path / "logs" / "cde.log"
    file.kept = LogRetention(days=36_500, files=3)
    for number in range(12):
        assert file.append(line(10, number, "x" * 2_000))
        for thread in threading.enumerate():
            if thread.name == "cde-log-keeper":
                thread.join()
    names = [each.name for each in rotated_files(path)]
    assert [name[:19] for name in names] == [f"cde.log.20251110T{hour:02}" for hour in (8, 9, 10)]


def test_the_folder_is_made_but_not_the_one_above(
    tmp_path: Path, file: RotatingLogFile, failures: list[BaseException]
) -> None:
    tmp_path.rmdir()
    assert not file.append("lost")
    tmp_path.mkdir()
    assert file.append("kept")

    assert [type(each) for each in failures] == [FileNotFoundError]
    assert (tmp_path / "logs" / "cde.log").read_text() == "kept\n"
