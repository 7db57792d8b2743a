from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.observability.logs.retention import (
    LogRetention,
    day_of,
    is_due,
    last_time,
    rotated_files,
    rotated_name,
    tidy,
    tidy_beside,
)
from cde_orchestrator.infrastructure.system import tree

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
DAY = 86_400
TODAY = b"2025-11-10"
KEPT = LogRetention(days=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cde.log"


def line(moment: str) -> str:
    return f'{{"timestamp":"{moment}","event":"x"}}\n'


def rotated(path: Path, days_ago: float, content: str = "line\n") -> Path:
    moment = NOW.timestamp() - days_ago * DAY
    name = rotated_name(path, datetime.fromtimestamp(moment, UTC))
    name.write_text(content)
    os.utime(name, (DAY, DAY))  # the disk's clock is of no account
    return name


def test_rotated_files_are_compressed_and_keep_their_time(path: Path) -> None:
    first, second = rotated(path, 2), rotated(path, 1)
    before = second.stat().st_mtime
    tidy(path, KEPT, NOW.timestamp())

    files = rotated_files(path)
    assert [file.name for file in files] == [f"{first.name}.gz", f"{second.name}.gz"]
    assert gzip.decompress(files[1].read_bytes()) == b"line\n"
    assert files[1].stat().st_mtime == before
    tidy(path, KEPT, NOW.timestamp())
    assert rotated_files(path) == files


def test_files_are_kept_for_as_many_days_as_wanted(path: Path) -> None:
    kept = rotated(path, 6.9)
    rotated(path, 7.1)
    path.write_text("the file itself stays")
    tidy(path, KEPT, NOW.timestamp())
    assert [file.name for file in rotated_files(path)] == [f"{kept.name}.gz"]
    tidy(path, LogRetention(1), NOW.timestamp())
    assert rotated_files(path) == []
    assert path.exists()


def test_the_oldest_files_go_where_there_are_too_many(path: Path) -> None:
    for days in (5, 4, 3, 2):
        rotated(path, days)
    tidy(path, LogRetention(files=2), NOW.timestamp())
    stamps = [file.name.split(".")[2][:8] for file in rotated_files(path)]
    assert stamps == ["20251107", "20251108"]


def test_the_oldest_files_go_where_they_take_up_too_much(path: Path) -> None:
    for days in (5, 4, 3, 2):
        rotated(path, days, os.urandom(500).hex())
    size = 2 * (rotated(path, 1, os.urandom(500).hex()).stat().st_size)
    tidy(path, LogRetention(total_bytes=size), NOW.timestamp())
    files = rotated_files(path)
    assert 1 < len(files) < 5
    assert sum(file.stat().st_size for file in files) <= size
    tidy(path, LogRetention(total_bytes=1), NOW.timestamp())
    assert rotated_files(path) == files[-1:]


def test_a_keeper_that_was_killed_leaves_nothing_behind(path: Path) -> None:
    done = rotated(path, 1)
    done.with_name(done.name + ".gz").write_bytes(gzip.compress(b"line\n"))
    unfinished = path.with_name("cde.log.x.gz.1234.tmp")
    unfinished.write_text("half")
    young = path.with_name("cde.log.y.gz.1234.tmp")
    young.write_text("half")
    path.write_text("the clock of the disk")
    for file, seconds in ((unfinished, 0), (young, 3_599), (path, 3_601)):
        os.utime(file, (seconds, seconds))

    assert len(rotated_files(path)) == 1
    for _ in range(2):
        os.utime(done.with_name(done.name + ".gz"), (NOW.timestamp(), NOW.timestamp()))
        tidy(path, KEPT, NOW.timestamp())
    assert not done.exists()
    assert not unfinished.exists()
    assert young.exists()


def test_a_name_is_never_given_twice(path: Path) -> None:
    first = rotated(path, 1)
    second = rotated(path, 1)
    assert first != second
    tidy(path, KEPT, NOW.timestamp())
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

    monkeypatch.setattr(gzip.GzipFile, "write", refuse)
    tidy(path, KEPT, NOW.timestamp())
    assert rotated_files(path) == [file]
    assert sorted(file.name for file in path.parent.iterdir()) == [file.name]


def test_a_folder_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "none" / "cde.log"
    assert rotated_files(path) == []
    tidy(path, KEPT, NOW.timestamp())
    assert not is_due(path, TODAY)


def test_a_file_is_put_aside_when_it_is_as_long_as_it_may_be(path: Path) -> None:
    path.write_text(line("2025-11-10T12:00:00.000000Z"))
    size = path.stat().st_size
    assert is_due(path, TODAY, size)
    assert not is_due(path, TODAY, size + 1)


def test_a_day_ends_at_midnight_utc(path: Path) -> None:
    path.write_text(line("2025-11-09T23:59:59.999999Z"))
    assert is_due(path, TODAY)
    path.write_text(line("2025-11-10T00:00:00.000000Z"))
    assert not is_due(path, TODAY)
    path.write_text("")
    assert not is_due(path, TODAY)


def test_the_time_of_a_file_is_that_of_the_newest_of_its_last_lines(path: Path) -> None:
    newest = "2025-11-10T11:00:00.000001Z"
    path.write_text(line(newest) + line("2025-11-10T11:00:00.000000Z"))
    assert last_time(path) == datetime.fromisoformat(newest)
    assert day_of(path.read_bytes()) == TODAY
    for strange in ("no line", line("2025-13-41T11:00:00.000000Z")):
        path.write_text(strange)
        assert datetime.now(UTC) - last_time(path) < timedelta(minutes=10)


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
    tidy(path, KEPT, NOW.timestamp())
    assert set(path.parent.iterdir()) == before
    assert other.read_text() == "mine"


def test_a_linked_folder_holds_no_rotated_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    kept = rotated(folder / "cde.log", 100)
    unfinished = folder / "cde.log.x.gz.1234.tmp"
    unfinished.write_text("half")
    os.utime(unfinished, (0, 0))
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "logs").symlink_to(folder)
    path = tmp_path / ".cde" / "logs" / "cde.log"

    assert rotated_files(path) == []
    tidy(path, KEPT, NOW.timestamp())
    assert sorted(folder.iterdir()) == sorted([kept, unfinished])


def test_what_is_no_file_is_never_put_aside(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("12345")
    os.utime(other, (0, 0))
    path.symlink_to(other)
    assert not is_due(path, TODAY, 5)
    assert not is_due(path, TODAY)


def test_a_name_that_a_link_has_is_not_given(path: Path) -> None:
    first = rotated_name(path, NOW)
    first.symlink_to("nowhere")
    assert rotated_name(path, NOW) != first


def test_the_folder_is_listed_once_to_find_that_nothing_is_to_be_tidied(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days_ago in (3, 2, 1):
        rotated(path, days_ago)
    tidy(path, KEPT, NOW.timestamp())
    listed, entries_of = [], tree.entries_of

    def counted(folder: Path) -> Any:
        listed.append(folder)
        return entries_of(folder)

    monkeypatch.setattr(retention, "entries_of", counted)
    tidy_beside(path, KEPT, NOW.timestamp())
    assert listed == [path.parent]


def test_a_file_that_is_compressed_while_its_folder_is_listed_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "cde.log.20251110T120000000000"
    plain.write_text("A line.\n")
    whole = tree.entries_of

    def listed(folder: Path) -> dict[str, os.stat_result]:
        found = whole(folder)
        if plain.exists():  # it takes its other name after the list was read, and before its status
            plain.rename(f"{plain}.gz")
            return {}
        return found

    monkeypatch.setattr(retention, "entries_of", listed)

    assert [each.name for each in rotated_files(tmp_path / "cde.log")] == [f"{plain.name}.gz"]
