from __future__ import annotations

import gzip
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.observability.logs.retention import (
    is_due,
    rotated_files,
    rotated_name,
    tidy,
)

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cde.log"


def rotated(path: Path, days_ago: float, content: str = "line\n") -> Path:
    moment = NOW.timestamp() - days_ago * DAY
    name = rotated_name(path, datetime.fromtimestamp(moment, UTC))
    name.write_text(content)
    os.utime(name, (moment, moment))
    return name


def test_rotated_files_are_compressed_and_keep_their_time(path: Path) -> None:
    first, second = rotated(path, 2), rotated(path, 1)
    before = second.stat().st_mtime
    tidy(path, 7, NOW.timestamp())

    files = rotated_files(path)
    assert [file.name for file in files] == [f"{first.name}.gz", f"{second.name}.gz"]
    assert gzip.decompress(files[1].read_bytes()) == b"line\n"
    assert files[1].stat().st_mtime == before
    tidy(path, 7, NOW.timestamp())
    assert rotated_files(path) == files


def test_files_are_kept_for_as_many_days_as_wanted(path: Path) -> None:
    kept = rotated(path, 6.9)
    rotated(path, 7.1)
    path.write_text("the file itself stays")
    tidy(path, 7, NOW.timestamp())
    assert [file.name for file in rotated_files(path)] == [f"{kept.name}.gz"]
    tidy(path, 1, NOW.timestamp())
    assert rotated_files(path) == []
    assert path.exists()


def test_a_keeper_that_was_killed_leaves_nothing_behind(path: Path) -> None:
    done = rotated(path, 1)
    done.with_name(done.name + ".gz").write_bytes(gzip.compress(b"line\n"))
    unfinished = path.with_name("cde.log.x.gz.1234.tmp")
    unfinished.write_text("half")
    young = path.with_name("cde.log.y.gz.1234.tmp")
    young.write_text("half")
    os.utime(unfinished, (0, 0))
    os.utime(young, (NOW.timestamp(), NOW.timestamp()))

    assert len(rotated_files(path)) == 1
    for _ in range(2):
        os.utime(done.with_name(done.name + ".gz"), (NOW.timestamp(), NOW.timestamp()))
        tidy(path, 7, NOW.timestamp())
    assert not done.exists()
    assert not unfinished.exists()
    assert young.exists()


def test_a_name_is_never_given_twice(path: Path) -> None:
    first = rotated(path, 1)
    second = rotated(path, 1)
    assert first != second
    tidy(path, 7, NOW.timestamp())
    assert rotated_name(path, datetime.fromtimestamp(NOW.timestamp() - DAY, UTC)).name not in {
        first.name,
        second.name,
    }


def test_a_file_that_cannot_be_compressed_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rotated(path, 1)

    def refuse(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(shutil, "copyfileobj", refuse)
    tidy(path, 7, NOW.timestamp())
    assert rotated_files(path) == [file]
    assert sorted(file.name for file in path.parent.iterdir()) == [file.name]


def test_a_folder_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none" / "cde.log"
    assert rotated_files(path) == []
    tidy(path, 7, NOW.timestamp())
    assert not is_due(path, NOW.timestamp())


def test_a_file_is_put_aside_when_it_is_as_long_as_it_may_be(path: Path) -> None:
    path.write_text("12345")
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    assert is_due(path, NOW.timestamp(), 5)
    assert not is_due(path, NOW.timestamp(), 6)


def test_a_day_ends_at_midnight_utc(path: Path) -> None:
    path.write_text("line\n")
    midnight = NOW.replace(hour=0).timestamp()
    os.utime(path, (midnight - 1, midnight - 1))
    assert is_due(path, midnight)
    os.utime(path, (midnight, midnight))
    assert not is_due(path, NOW.timestamp())
    path.write_text("")
    os.utime(path, (0, 0))
    assert not is_due(path, NOW.timestamp())


def test_only_ordinary_files_are_rotated_files(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    os.utime(other, (0, 0))
    old = "cde.log.20200101T0000000000"
    path.with_name(f"{old}01").symlink_to(other)
    path.with_name(f"{old}02.gz").symlink_to(other)
    os.mkfifo(path.with_name(f"{old}03"))
    path.with_name(f"{old}04").mkdir()
    path.with_name("cde.log.x.tmp").symlink_to(other)
    before = set(path.parent.iterdir())

    assert rotated_files(path) == []
    tidy(path, 7, NOW.timestamp())
    assert set(path.parent.iterdir()) == before
    assert other.read_text() == "mine"


def test_a_linked_folder_holds_no_rotated_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    kept = rotated(folder / "cde.log", 100)
    unfinished = folder / "cde.log.x.gz.1234.tmp"
    unfinished.write_text("half")
    os.utime(unfinished, (0, 0))
    (tmp_path / "link").symlink_to(folder)
    path = tmp_path / "link" / "cde.log"

    assert rotated_files(path) == []
    tidy(path, 7, NOW.timestamp())
    assert sorted(folder.iterdir()) == sorted([kept, unfinished])


def test_what_is_no_file_is_never_put_aside(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("12345")
    os.utime(other, (0, 0))
    path.symlink_to(other)
    assert not is_due(path, NOW.timestamp(), 5)
    assert not is_due(path, NOW.timestamp())


def test_a_name_that_a_link_has_is_not_given(path: Path) -> None:
    first = rotated_name(path, NOW)
    first.symlink_to("nowhere")
    assert rotated_name(path, NOW) != first
