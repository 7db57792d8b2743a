"""The notes of a run are bounded, are read by others meanwhile, and may be anybody's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cde_orchestrator.adapters.runners.run_notes import (
    FILE_BYTES,
    FILES_KEPT,
    STAMPS,
    TEXT_LIMIT,
    RunNotes,
    noted,
    notes_folder,
)
from cde_orchestrator.application.ports.runs import KeptRun

ONE = "0b5c8c52-1111-4000-8000-000000000001"
TWO = "0b5c8c52-1111-4000-8000-000000000002"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".cde").mkdir()
    return tmp_path


def kept(root: Path) -> KeptRun:
    found = RunNotes(root).kept(ONE)
    assert found is not None
    return found


def test_lines_are_read_while_the_run_goes_on(root: Path) -> None:
    with noted(notes_folder(root), ONE) as note:
        note("phase", "implement, phase 4 of 6")
        note("attempt", "claude, attempt 1 of 3")
        note("line", "I look at the cart")
        run = kept(root)
        assert [(each["n"], each["kind"], each["text"]) for each in run.lines] == [
            (1, "phase", "implement, phase 4 of 6"),
            (2, "attempt", "claude, attempt 1 of 3"),
            (3, "line", "I look at the cart"),
        ]
        assert (run.phase, run.attempt) == ("implement, phase 4 of 6", "claude, attempt 1 of 3")
        assert (run.process.pid, run.end) == (os.getpid(), None)
        note("done", "The feature is completed")
    end = kept(root).end
    assert end is not None
    assert end["text"] == "The feature is completed"


def test_a_new_run_begins_anew(root: Path) -> None:
    with noted(notes_folder(root), ONE) as note:
        note("line", "before")
        first = kept(root).id
    with noted(notes_folder(root), ONE) as note:
        note("line", "after")
    assert kept(root).id != first
    assert [each["text"] for each in kept(root).lines] == ["after"]


def test_the_file_is_bounded_and_keeps_the_newest_lines_and_the_place(root: Path) -> None:
    with noted(notes_folder(root), ONE) as note:
        note("phase", "implement, phase 4 of 6")
        note("attempt", "claude, attempt 1 of 3")
        for number in range(20_000):
            note("line", f"line {number}")
        note("line", "wide" * 10_000)
        run, size = kept(root), (notes_folder(root) / f"{ONE}.jsonl").stat().st_size
    assert size <= FILE_BYTES
    assert (run.lines[-1]["n"], run.lines[-2]["text"]) == (20_003, "line 19999")
    assert len(run.lines[-1]["text"]) == TEXT_LIMIT
    numbers = [each["n"] for each in run.lines]
    assert numbers == list(range(numbers[0], 20_004)), "none is missing in between"
    assert (run.phase, run.attempt) == ("implement, phase 4 of 6", "claude, attempt 1 of 3")


def test_no_secret_and_no_control_character_is_kept(root: Path) -> None:
    with noted(notes_folder(root), ONE) as note:
        note("line", "token=ghp_" + "a1B2" * 9)
        note("line", "\x1b[31mred\u202e \ud800 \x00\n<b>")
    data = (notes_folder(root) / f"{ONE}.jsonl").read_bytes()
    assert b"ghp_" not in data
    assert b"[redacted]" in data
    text = kept(root).lines[1]["text"]
    assert text.isprintable()
    assert "<b>" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]\n",
        b"{}\n",
        b"null\n" * 9,
        b"{" * 100_000,
        b"x" * (2 * FILE_BYTES + 1),
        json.dumps({"run": "r", "pid": "x", "started": "", "host": "", "since": "now"}).encode(),
    ],
)
def test_a_file_of_anybody_is_no_run(root: Path, content: bytes) -> None:
    folder = notes_folder(root)
    folder.mkdir(parents=True)
    (folder / f"{ONE}.jsonl").write_bytes(content)
    assert RunNotes(root).kept(ONE) is None


def test_odd_lines_are_passed_over(root: Path) -> None:
    with noted(notes_folder(root), ONE) as note:
        note("line", "one")
        path, at = notes_folder(root) / f"{ONE}.jsonl", "2026-01-01T00:00:00+00:00"
        good = {"n": 2, "at": at, "kind": "line", "text": "two"}
        odd: list[object] = [
            *(1, None, [], {}),
            {**good, "n": "2"},
            {**good, "n": True},
            {**good, "n": -1},
            {**good, "n": 2**60},
            {**good, "kind": "script"},
            {**good, "kind": ["line"]},
            {**good, "at": "soon"},
            {**good, "at": 5},
            {key: value for key, value in good.items() if key != "text"},
        ]
        with path.open("ab") as file:
            for each in [*odd, {**good, "text": "\u202e<i>"}]:
                file.write(json.dumps(each).encode() + b"\n")
            file.write(b'{"n": 3, "at')
    texts = [each["text"] for each in kept(root).lines]
    assert texts[0] == "one"
    assert len(texts) == 2
    assert texts[1].endswith("<i>")
    assert texts[1].isprintable()


def forge(root: Path, **head: object) -> RunNotes:
    """A file with another head, as an agent or a clone could have it."""
    with noted(notes_folder(root), ONE):
        pass
    file = notes_folder(root) / f"{ONE}.jsonl"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | head) + "\n")
    return RunNotes(root)


@pytest.mark.parametrize(
    ("head", "where"),
    [
        ({}, "here"),
        ({"started": "a4c1e6a2-7d3b-4c55-9a3e-000000000000:1:2"}, "gone"),  # of an earlier boot
        ({"started": ""}, "gone"),
        ({"pid": 2**31 - 1}, "gone"),
        ({"host": "another"}, "elsewhere"),
    ],
)
def test_a_run_is_here_where_its_process_is(root: Path, head: dict[str, str], where: str) -> None:
    notes = forge(root, **head)
    assert notes.where(kept(root)) == where


@pytest.mark.parametrize("pid", [0, -1, 2**31, 1e300, "7", True, None])
def test_what_is_no_number_of_a_process_is_no_run(root: Path, pid: object) -> None:
    assert forge(root, pid=pid).kept(ONE) is None


def make_link(folder: Path, elsewhere: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)


def make_file(folder: Path, elsewhere: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("")


def make_linked_file(folder: Path, elsewhere: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"{ONE}.jsonl").symlink_to(elsewhere / "theirs")


@pytest.mark.parametrize("make", [make_link, make_file, make_linked_file])
def test_what_is_in_the_way_stops_no_run_and_is_not_followed(
    root: Path, tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "theirs").write_text("theirs")
    make(notes_folder(root), elsewhere)
    with noted(notes_folder(root), ONE) as note:
        note("line", "goes on")
    assert (elsewhere / "theirs").read_text() == "theirs"
    assert [each.name for each in elsewhere.iterdir()] == ["theirs"]


def test_the_newest_files_are_kept_and_told(root: Path) -> None:
    folder = notes_folder(root)
    folder.mkdir(parents=True)
    for number in range(FILES_KEPT + 10):
        path = folder / f"0b5c8c52-1111-4000-8000-{number:012}.jsonl"
        path.write_text("x")
        os.utime(path, (number, number))
    (folder / "theirs").write_text("x")
    with noted(folder, TWO) as note:
        before = RunNotes(root).stamps()
        note("line", "one")
        after = RunNotes(root).stamps()
    assert len([*folder.iterdir()]) == FILES_KEPT + 1
    assert (folder / "theirs").exists()
    assert len(after) <= STAMPS
    assert before[TWO] != after[TWO]
    assert {key for key in after if after[key] != before[key]} == {TWO}


def test_features_of_the_same_process_are_told(root: Path) -> None:
    with noted(notes_folder(root), ONE), noted(notes_folder(root), TWO) as note:
        assert RunNotes(root).alongside(kept(root)) == [TWO]
        note("done", "The feature is completed")
        assert RunNotes(root).alongside(kept(root)) == []


@pytest.mark.parametrize(
    "of_another",
    [
        {"host": "another-machine"},
        {"started": "boot-before:1:42"},
        {"started": ""},
    ],
)
def test_a_run_of_another_machine_or_of_before_a_restart_is_not_running(
    root: Path, of_another: dict[str, object]
) -> None:
    notes = RunNotes(root)
    with noted(notes_folder(root), ONE) as note:
        note("line", "one")
        assert notes.where(kept(root)) == "here"
        path = notes_folder(root) / f"{ONE}.jsonl"
        head, *lines = path.read_bytes().splitlines()
        path.write_bytes(
            b"\n".join([json.dumps({**json.loads(head), **of_another}).encode(), *lines])
        )
        assert notes.where(kept(root)) != "here"
    path.write_bytes(b"\n".join([head, *lines, b""]))
    assert notes.where(kept(root)) == "here"
