"""What happens while a line is being written."""

from __future__ import annotations

import logging
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
    is_due = retention.is_due

    def finalizing(path: Path, day: bytes, max_bytes: int) -> bool:
        monkeypatch.setattr(retention, "is_due", is_due)
        log.warning("second")
        return is_due(path, day, max_bytes)

    monkeypatch.setattr(retention, "is_due", finalizing)
    log.warning("first")
    handler.close()

    assert failures == []
    lines = path.read_text().splitlines()
    assert ["first" in lines[0], "second" in lines[1], len(lines)] == [True, True, 2]
