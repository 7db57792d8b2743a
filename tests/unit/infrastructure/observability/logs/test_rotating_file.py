"""Lines are in the file whole, or not at all."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.observability.logs.retention import rotated_files
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
def file(tmp_path: Path, failures: list[BaseException]) -> RotatingLogFile:
    return RotatingLogFile(
        tmp_path / "logs" / "cde.log",
        max_bytes=1_000,
        retention_days=7,
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


def test_the_folder_is_made_but_not_the_one_above(
    tmp_path: Path, file: RotatingLogFile, failures: list[BaseException]
) -> None:
    tmp_path.rmdir()
    assert not file.append("lost")
    tmp_path.mkdir()
    assert file.append("kept")

    assert [type(each) for each in failures] == [FileNotFoundError]
    assert (tmp_path / "logs" / "cde.log").read_text() == "kept\n"
