from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader
from cde_orchestrator.infrastructure.paths import LOG_FILE

NOON = datetime(2025, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / LOG_FILE
    path.parent.mkdir(parents=True)
    return path


def line(event: str, hour: int = 12, **details: Any) -> str:
    moment = f"2025-11-10T{hour:02}:00:00.000000Z"
    return json.dumps({"timestamp": moment, "event": event, **details}, separators=(",", ":"))


def events(root: Path, **choice: Any) -> list[str]:
    return [entry["event"] for entry in JsonLogReader().entries(root, **choice)]


def test_rotated_and_compressed_files_are_read_in_order(tmp_path: Path, path: Path) -> None:
    path.with_name("cde.log.20251110T100000000000.gz").write_bytes(
        gzip.compress(f"{line('first', 10)}\n".encode())
    )
    path.with_name("cde.log.20251110T110000000000").write_text(line("second", 11) + "\n")
    path.write_text(line("third", 12) + "\n")
    assert events(tmp_path) == ["first", "second", "third"]
    assert events(tmp_path, since=NOON.replace(hour=11)) == ["second", "third"]
    assert events(tmp_path, containing=["second"]) == ["second"]


def test_files_that_are_too_old_are_not_opened(tmp_path: Path, path: Path) -> None:
    path.with_name("cde.log.20251110T115959000000").write_text(line("unread") + "\n")
    assert events(tmp_path, since=NOON) == []
    assert events(tmp_path) == ["unread"]


def test_the_clock_of_the_disk_hides_no_line(tmp_path: Path, path: Path) -> None:
    rotated = path.with_name("cde.log.20251110T120000000001")
    for file, event in ((rotated, "first"), (path, "second")):
        file.write_text(line(event) + "\n")
        os.utime(file, (0, 0))
    assert events(tmp_path, since=NOON) == ["first", "second"]


def test_what_is_no_line_of_a_log_is_passed_over(tmp_path: Path, path: Path) -> None:
    torn = line("torn")[:30]
    path.write_text(f"\n[1]\nwords\n{{}}\n{torn}{line('whole')}\n{line('unfinished')[:-3]}")
    path.with_name("cde.log.20251110T100000000000.gz").write_bytes(b"no gzip")
    packed = gzip.compress(f"{line('before')}\n".encode())
    path.with_name("cde.log.20251110T110000000000.gz").write_bytes(packed[:-6])
    assert "whole" in events(tmp_path)
    assert set(events(tmp_path)) <= {"whole", "before"}


def test_a_project_without_a_log_has_no_lines(tmp_path: Path) -> None:
    assert events(tmp_path) == []


def test_what_is_written_is_followed_over_a_rotation(tmp_path: Path, path: Path) -> None:
    path.write_text(line("before") + "\n")

    def append(text: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)

    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: append(line("one") + "\n" + line("two")[:20]),
            lambda: append(line("two")[20:] + "\nwords\n"),
            lambda: append(line("last of the old") + "\n"),
            lambda: path.rename(path.with_name("cde.log.20251110T100000000000")),
            lambda: path.write_text(line("first of the new") + "\n"),
        ]
    )

    def wait(_seconds: float) -> None:
        next(steps)()

    reader = JsonLogReader(wait=wait)
    coming = reader.follow(tmp_path)
    found = [next(coming)["event"] for _ in range(4)]
    assert found == ["one", "two", "last of the old", "first of the new"]
    coming.close()  # type: ignore[attr-defined]


def test_a_log_that_comes_later_is_followed_from_its_beginning(tmp_path: Path, path: Path) -> None:
    def begin(_seconds: float) -> None:
        path.write_text(line("first") + "\n")

    assert next(JsonLogReader(wait=begin).follow(tmp_path))["event"] == "first"


def test_the_last_lines_before_a_rotation_are_followed_too(tmp_path: Path, path: Path) -> None:
    path.write_text("")

    def rotate(_seconds: float) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line("late") + "\n" + line("later") + "\n")
        path.rename(path.with_name("cde.log.20251110T100000000000"))
        path.write_text(line("new") + "\n")

    coming = JsonLogReader(wait=rotate).follow(tmp_path)
    assert [next(coming)["event"] for _ in range(3)] == ["late", "later", "new"]


def test_a_file_that_was_emptied_is_followed_from_its_beginning(tmp_path: Path, path: Path) -> None:
    path.write_text(line("before") * 3 + "\n")

    def empty(_seconds: float) -> None:
        path.write_text(line("after") + "\n")

    assert next(JsonLogReader(wait=empty).follow(tmp_path))["event"] == "after"


@pytest.mark.parametrize(
    "details",
    [
        {"level": 3},
        {"operation_id": ["x"]},
        {"correlation_id": {}},
        {"duration_ms": "long"},
        {"spans": ["load"]},
        {"spans": {"load": "long"}},
    ],
)
def test_a_line_that_readers_could_not_build_upon_is_passed_over(
    tmp_path: Path, path: Path, details: dict[str, Any]
) -> None:
    nameless = json.dumps({"timestamp": "2025-11-10T12:00:00.000000Z", "event": None})
    path.write_text(f"{line('edited', **details)}\n{nameless}\n{line('whole', feature=None)}\n")
    assert events(tmp_path) == ["whole"]


def test_words_that_no_line_can_hold_find_nothing(tmp_path: Path) -> None:
    path = tmp_path / LOG_FILE
    path.parent.mkdir(parents=True)
    path.write_text('{"timestamp": "2025-11-10T12:00:00Z", "event": "said"}\n')
    assert list(JsonLogReader().entries(tmp_path, containing=["\udc80"])) == []


@pytest.mark.parametrize("name", ["cde.log", "cde.log.20251110T100000000000.gz"])
def test_only_ordinary_files_in_the_folder_itself_are_read(
    tmp_path: Path, path: Path, name: str
) -> None:
    other = tmp_path / "other"
    content = f"{line('theirs')}\n".encode()
    other.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (path.parent / name).symlink_to(other)
    assert events(tmp_path) == []

    (path.parent / name).unlink()
    os.mkfifo(path.parent / name)
    assert events(tmp_path) == []

    (path.parent / name).unlink()
    path.parent.rename(tmp_path / "elsewhere")
    other.rename(tmp_path / "elsewhere" / name)
    path.parent.symlink_to(tmp_path / "elsewhere")
    assert events(tmp_path) == []


def test_a_line_without_end_is_passed_over_and_takes_little_memory(
    tmp_path: Path, path: Path
) -> None:
    path.write_text(line("first") + "\n")
    with path.open("r+b") as file:
        file.truncate(64 * 1024 * 1024)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line("last").encode() + b"\n")
    tracemalloc.start()
    try:
        assert events(tmp_path) == ["first", "last"]
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_link_is_not_followed_either(tmp_path: Path, path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(line("theirs") + "\n")
    path.symlink_to(other)

    def replaced() -> None:
        path.unlink()
        path.write_text(line("ours") + "\n")

    steps: Iterator[Callable[[], object]] = iter(
        [lambda: other.write_text(f"{line('theirs')}\n" * 2), replaced]
    )

    def wait(_seconds: float) -> None:
        next(steps)()

    following = JsonLogReader(wait).follow(tmp_path)
    assert next(following)["event"] == "ours"


def test_a_compressed_file_that_is_damaged_inside_is_passed_over(
    tmp_path: Path, path: Path
) -> None:
    packed = bytearray(gzip.compress(f"{line('before')}\n".encode() * 100))
    packed[12:30] = b"\xff" * 18
    path.with_name("cde.log.20251110T110000000000.gz").write_bytes(packed)
    path.write_text(line("whole") + "\n")
    assert events(tmp_path)[-1:] == ["whole"]
