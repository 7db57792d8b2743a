"""A change is in both copies of the segment, or in neither; each step is recorded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.infrastructure.system.file_ops import AppendNotUndoneError, OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.segment import FileReplacedError, Segment

BEFORE, LINE = b"header\nrecord\n", b"another record\n"
SIZE = len(BEFORE)


class RecordedOps(OsFileOps):
    """The system's operations, each noted with the file's name; some of them refused."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.refused: dict[tuple[str, str], list[int]] = {}
        self.keeps_what_was_cut = False
        self._names: dict[int, str] = {}

    def open_append(self, path: Path) -> int:
        self._note("open", path.name)
        descriptor = super().open_append(path)
        self._names[descriptor] = path.name
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        self._note_open("write", descriptor)
        return super().write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        self._note_open("truncate", descriptor)
        if not self.keeps_what_was_cut:
            super().truncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        self._note_open("sync", descriptor)
        super().fdatasync(descriptor)

    def close(self, descriptor: int) -> None:
        self._note_open("close", descriptor)
        self._names.pop(descriptor, None)
        super().close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._note("replace", target.name)
        super().replace(source, target)

    def tries(self) -> int:
        return self.done.count(("open", JOURNAL))

    def _note_open(self, operation: str, descriptor: int) -> None:
        if descriptor in self._names:
            self._note(operation, self._names[descriptor])

    def _note(self, operation: str, name: str) -> None:
        self.done.append((operation, name))
        if codes := self.refused.get((operation, name)):
            code = codes.pop(0)
            raise OSError(code, os.strerror(code))


JOURNAL, MIRROR = "journal.jsonl", "journal-000000000001.jsonl"


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    made = StateFiles(tmp_path)
    made.backups.mkdir(parents=True)
    for path in (made.journal, made.mirror(1)):
        path.write_bytes(BEFORE)
    return made


@pytest.fixture
def ops() -> RecordedOps:
    return RecordedOps()


def copies(files: StateFiles) -> tuple[bytes, bytes]:
    return files.journal.read_bytes(), files.mirror(1).read_bytes()


def test_a_change_is_durable_in_the_journal_before_it_is_written_to_the_mirror(
    files: StateFiles, ops: RecordedOps
) -> None:
    Segment(files, ops).append(LINE, 1, SIZE)
    assert copies(files) == (BEFORE + LINE, BEFORE + LINE)
    assert ops.done == [
        *(("open", JOURNAL), ("write", JOURNAL), ("sync", JOURNAL)),
        *(("open", MIRROR), ("write", MIRROR)),
        *(("close", JOURNAL), ("close", MIRROR)),
    ]


def test_a_change_that_is_refused_is_cut_from_both_copies_durably_and_not_tried_again(
    files: StateFiles, ops: RecordedOps
) -> None:
    ops.refused[("write", MIRROR)] = [errno.EIO]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        Segment(files, ops).append(LINE, 1, SIZE)
    assert copies(files) == (BEFORE, BEFORE)
    assert ops.done[5:] == [
        *(("truncate", JOURNAL), ("sync", JOURNAL), ("truncate", MIRROR), ("sync", MIRROR)),
        *(("close", JOURNAL), ("close", MIRROR)),
    ]


def test_what_is_refused_for_a_moment_is_tried_again(files: StateFiles, ops: RecordedOps) -> None:
    ops.refused[("write", JOURNAL)] = [errno.EAGAIN]
    with capture_logs() as logs:
        Segment(files, ops).append(LINE, 1, SIZE)
    assert copies(files) == (BEFORE + LINE, BEFORE + LINE)
    assert ops.tries() == 2
    assert [(each["event"], each["operation"]) for each in logs] == [
        *(("retry_scheduled", "append_change"), ("retrying", "append_change")),
    ]


def test_what_was_not_surely_undone_is_not_tried_again(files: StateFiles, ops: RecordedOps) -> None:
    ops.refused[("open", MIRROR)] = [errno.EAGAIN]
    ops.keeps_what_was_cut = True
    with pytest.raises(OSError, match=os.strerror(errno.EAGAIN)):
        Segment(files, ops).append(LINE, 1, SIZE)
    assert ops.tries() == 1


@pytest.mark.parametrize("refused", ["truncate", "sync"])
def test_a_change_that_cannot_be_cut_back_is_said_to_be_uncertain(
    files: StateFiles, ops: RecordedOps, refused: str
) -> None:
    ops.refused[("open", MIRROR)] = [errno.ENOSPC]
    ops.refused[(refused, JOURNAL)] = [errno.EAGAIN]
    if refused == "sync":  # of the change itself
        ops.refused = {("sync", JOURNAL): [errno.ENOSPC, errno.EAGAIN]}
    with pytest.raises(AppendNotUndoneError) as caught:
        Segment(files, ops).append(LINE, 1, SIZE)
    assert caught.value.errno == errno.EAGAIN
    assert os.strerror(errno.EAGAIN) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert (ops.tries(), ops.done[-1]) == (1, ("close", JOURNAL))


def test_a_copy_that_somebody_replaced_is_named_and_not_tried_again(
    files: StateFiles, ops: RecordedOps
) -> None:
    files.mirror(1).write_bytes(b"another\n")
    with pytest.raises(FileReplacedError) as caught:
        Segment(files, ops).append(LINE, 1, SIZE)
    assert caught.value.errno == errno.ESTALE
    assert caught.value.strerror == os.strerror(errno.ESTALE)
    assert caught.value.filename == str(files.mirror(1))
    assert copies(files) == (BEFORE, b"another\n")
    assert ops.done[-3:] == [("truncate", JOURNAL), ("sync", JOURNAL), ("close", JOURNAL)]
    assert (ops.tries(), ops.done.count(("close", MIRROR))) == (1, 1)


def test_a_journal_that_is_gone_once_it_was_written_is_named(
    files: StateFiles, ops: RecordedOps, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_append = ops.open_append

    def meddle(path: Path) -> int:
        if path == files.mirror(1):
            files.journal.unlink()
        return open_append(path)

    monkeypatch.setattr(ops, "open_append", meddle)
    with pytest.raises(FileReplacedError) as caught:
        Segment(files, ops).append(LINE, 1, SIZE)
    assert caught.value.filename == str(files.journal)
    assert files.mirror(1).read_bytes() == BEFORE


def test_a_segment_is_rewritten_in_the_mirror_first(files: StateFiles, ops: RecordedOps) -> None:
    Segment(files, ops).rewrite(b"new\n", 1)
    assert copies(files) == (b"new\n", b"new\n")
    assert ops.done == [("replace", MIRROR), ("replace", JOURNAL)]


def test_only_a_mirror_that_is_like_the_journal_is_completed(
    files: StateFiles, ops: RecordedOps
) -> None:
    Segment(files, ops).complete_mirror(1)
    assert ops.done == [("replace", MIRROR)]
    files.mirror(1).write_bytes(b"another\n")
    with pytest.raises(OSError, match=r"journal-000000000001\.jsonl differs from the journal$"):
        Segment(files, ops).complete_mirror(1)
    assert ops.done == [("replace", MIRROR)]
    assert copies(files) == (BEFORE, b"another\n")


def test_copies_agree_only_when_each_has_that_size(files: StateFiles, ops: RecordedOps) -> None:
    segment = Segment(files, ops)
    assert segment.agrees(1, SIZE)
    assert not segment.agrees(1, SIZE + 1)
    files.mirror(1).write_bytes(b"")
    assert not segment.agrees(1, SIZE)
    files.mirror(1).unlink()
    assert not segment.agrees(1, SIZE)
