"""What happens while a line is being written."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.observability.logs import retention
from cde_orchestrator.infrastructure.observability.logs.handler import ProjectLogHandler
from cde_orchestrator.infrastructure.observability.logs.rotating_file import RotatingLogFile


def test_a_line_that_is_logged_while_one_is_written_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a finalizer that a garbage collection runs just then, in the same thread."""
    (tmp_path / ".cde").mkdir()
    path = tmp_path / ".cde" / "logs" / "cde.log"
    failures: list[BaseException] = []
    handler = ProjectLogHandler(
        RotatingLogFile(
            path,
            max_bytes=10_000,
            on_failure=lambda _, error: failures.append(error),
        )
    )
    log = logging.getLogger("test_handler.finalizing")
    monkeypatch.setattr(log, "handlers", [handler])
    log.setLevel(logging.WARNING)  # whatever the level of the root is
    is_over = retention.is_over

    def finalizing(descriptor: int, day: bytes, max_bytes: int) -> bool:
        monkeypatch.setattr(retention, "is_over", is_over)
        log.warning("second")
        return is_over(descriptor, day, max_bytes)

    monkeypatch.setattr(retention, "is_over", finalizing)
    log.warning("first")
    handler.close()

    assert failures == []
    lines = path.read_text().splitlines()
    assert ["first" in lines[0], "second" in lines[1], len(lines)] == [True, True, 2]


def test_a_file_is_opened_once_for_lines_that_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "logs" / "cde.log"
    path.parent.mkdir()
    failures: list[BaseException] = []
    file = RotatingLogFile(path, max_bytes=20, on_failure=lambda _, error: failures.append(error))
    opened, open_file = Counter[str](), os.open

    def counted(path: Path | str, *flags: int, dir_fd: int | None = None) -> int:
        opened[Path(path).name] += 1
        return open_file(path, *flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", counted)
    for number in (1, 2):
        assert file.append(f"line {number} of 3")
        assert opened.pop("cde.log") == 1
    assert file.append("line 3 of 3")

    assert failures == []
    assert path.read_text() == "line 3 of 3\n"
