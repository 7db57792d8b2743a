"""Where events go, and how they look there."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from structlog.testing import capture_logs

from cde_orchestrator import __version__
from cde_orchestrator.domain.exceptions import CDESystemError, FeatureError, ValidationError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.logs.retention import rotated_files
from cde_orchestrator.infrastructure.observability.logs.setup import (
    LEVELS,
    keep_lost_lines,
    keep_tending,
    log_to_project,
    setup_logging,
    setup_project_logging,
    stop_logging,
    tend_log,
)
from cde_orchestrator.infrastructure.observability.operations import Operation, recent_operations
from cde_orchestrator.infrastructure.paths import LOG_FILE
from cde_orchestrator.infrastructure.settings.settings import (
    Settings,
    levels_by_logger,
    load_settings,
)
from cde_orchestrator.infrastructure.system.spans import BYTES_WRITTEN, LOCK_WAIT, count, span

log = structlog.get_logger(__name__)


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    stop_logging()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".cde").mkdir()
    return tmp_path


@pytest.fixture
def path(root: Path) -> Path:
    return root / LOG_FILE


def events_on_stderr(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line)["event"] for line in captured.err.splitlines()]


def lines_of(path: Path) -> list[dict[str, Any]]:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def aged(path: Path, days: int) -> None:
    """Have the lines of a file be of a day some time ago."""
    then = f'"timestamp":"{datetime.now(UTC) - timedelta(days=days):%F}T'
    path.write_text(re.sub(r'"timestamp":"[-\d]{10}T', then, path.read_text()))


def wait_for_the_keeper() -> None:
    for thread in threading.enumerate():
        if thread.name == "cde-log-keeper":
            thread.join(60)


@pytest.mark.parametrize("level", LEVELS)
def test_logging_configuration(path: Path, capsys: pytest.CaptureFixture[str], level: str) -> None:
    setup_logging("CRITICAL", str(path))
    setup_logging(level, str(path))  # which replaces what was set up
    for name in LEVELS:
        log.log(LEVELS[name], name.lower())

    shown = [name.lower() for name in LEVELS if LEVELS[name] >= LEVELS[level]]
    assert [line["event"] for line in lines_of(path)] == shown
    assert events_on_stderr(capsys) == [
        name for name in shown if name in {"warning", "error", "critical"}
    ]


def test_json_output_format(path: Path) -> None:
    setup_logging("INFO", str(path))
    before = datetime.now(UTC)
    with calling("mcp:test", "call-1"):
        log.info("something_happened", feature_id="f-1", phase_id="define", count=3)
    logging.getLogger("some.library").error("broken")

    line, other = lines_of(path)
    assert (other["level"], other["logger"]) == ("error", "some.library")
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() is not None
    assert line == {
        "level": "info",
        "logger": __name__,
        "event": "something_happened",
        "feature_id": "f-1",
        "phase_id": "define",
        "count": 3,
        "correlation_id": "call-1",
        "pid": os.getpid(),
        "version": __version__,
    }


def test_correlation_ids_preserved(path: Path, project: Project) -> None:
    setup_logging("INFO", str(path))
    for number in ("call-1", "call-2"):
        with calling("mcp:test", number):
            operation = Operation("start_feature", project.path)
            operation.run(lambda: project.start_feature("Add auth"))

    lines = lines_of(path)
    assert [line["correlation_id"] for line in lines] == ["call-1"] * 4 + ["call-2"] * 4
    assert {line["operation"] for line in lines} == {"start_feature"}
    assert len({line["operation_id"] for line in lines}) == 2
    latest = [each.correlation_id for each in recent_operations()[-2:]]
    assert latest == ["call-1", "call-2"]
    with calling("mcp:test", "call-3"), pytest.raises(FeatureError) as caught:
        Operation("get_feature_status", project.path).run(lambda: project.feature("nothing"))
    assert caught.value.correlation_id == "call-3"
    features = [feature.id for feature in project.features]
    assert [line["feature_id"] for line in lines if line["event"] == "operation_finished"] == (
        features
    )


def test_log_rotation_works(path: Path) -> None:
    setup_logging("INFO", str(path), max_bytes=10_000)
    for number in range(200):
        log.info("line", number=number, padding="x" * 100)
    stop_logging()
    wait_for_the_keeper()
    rotated = rotated_files(path)
    assert len(rotated) > 2
    assert path.stat().st_size < 11_000

    aged(path, days=6)
    setup_logging("INFO", str(path), max_bytes=10_000)
    log.info("today")

    assert [line["event"] for line in lines_of(path)] == ["today"]
    wait_for_the_keeper()
    first, *others = rotated_files(path)
    assert [first.suffix, others] == [".gz", rotated]

    aged(path, days=8)
    setup_logging("INFO", str(path), max_bytes=10_000)
    log.info("a_week_later")

    wait_for_the_keeper()
    assert [line["event"] for line in lines_of(path)] == ["a_week_later"]
    assert rotated_files(path) == [first, *others]
    tend_log((datetime.now(UTC) + timedelta(days=2)).timestamp())
    assert [line["event"] for line in lines_of(path)] == ["a_week_later", "log_day_began"]
    assert rotated_files(path) == others

    setup_logging("INFO", str(path), files_kept=2)
    tend_log(datetime.now(UTC).timestamp())
    assert rotated_files(path) == others[-2:]
    setup_logging("INFO", str(path), total_bytes=others[-1].stat().st_size)
    tend_log(datetime.now(UTC).timestamp())
    assert rotated_files(path) == others[-1:]


def test_performance_metrics_logged(path: Path, project: Project) -> None:
    with capture_logs() as logs:
        project.start_feature("Add auth")
    assert len(logs) >= 2
    assert logs[0]["operation"] == "start_feature"
    assert "duration_ms" in logs[-1]

    def work() -> None:
        with span(LOCK_WAIT):
            began = time.thread_time()
            while time.thread_time() - began < 0.03:  # more than is asked for: clocks differ
                pass
        count(BYTES_WRITTEN, 1_000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert b"x" * (peak - psutil.Process().memory_info().rss + 64 * 2**20)

    def refuse() -> None:
        raise FeatureError.of("E102", reference="x")

    setup_logging("INFO", str(path))
    before = time.perf_counter()
    Operation("start_feature", project.path).run(work)
    took_ms = (time.perf_counter() - before) * 1000
    *_, last = lines_of(path)
    assert last["event"] == "operation_finished"
    assert last["outcome"] == "ok"
    assert 20 <= last["lock_wait_ms"] <= last["duration_ms"] <= took_ms
    assert 20 <= last["cpu_ms"] <= took_ms
    assert last["max_rss_mb"] > 16
    assert last["bytes_written"] == 1_000
    assert last["spans"] == {LOCK_WAIT: last["lock_wait_ms"]}
    with pytest.raises(FeatureError):
        Operation("start_feature", project.path).run(refuse)
    *_, last = lines_of(path)
    assert (last["event"], last["outcome"]) == ("operation_refused", "refused")


def test_a_failure_is_one_line_with_its_frames(path: Path) -> None:
    setup_logging("INFO", str(path))

    def fail() -> None:
        try:
            raise OSError("disk\nforged line")
        except OSError as error:
            raise RuntimeError("password=hunter2") from error

    with pytest.raises(Exception, match="failed"):
        Operation("start_feature", "/work").run(fail)

    line = lines_of(path)[-1]
    assert (line["event"], line["level"], line["error_code"]) == (
        "operation_failed",
        "error",
        "E999",
    )
    outer, inner = line["exception"]
    assert outer["type"] == "RuntimeError"
    assert outer["message"] == "password=[redacted]"
    assert outer["frames"][-1]["function"] == "fail"
    assert inner["message"] == "disk\nforged line"


def test_the_libraries_of_others_take_the_same_way(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging("INFO", str(path), levels={"noisy": "ERROR"})
    logging.getLogger("some.library").info("hello %s", "world")
    logging.getLogger("noisy.part").warning("not wanted")
    logging.getLogger("mcp.server").info("each request")

    assert [(line["logger"], line["event"]) for line in lines_of(path)] == [
        ("some.library", "hello world")
    ]
    assert events_on_stderr(capsys) == []


def test_a_single_logger_may_say_more_than_the_others(path: Path) -> None:
    setup_logging("WARNING", str(path), levels=levels_by_logger("chatty=debug, other = INFO,"))
    logging.getLogger("chatty.part").debug("detail")
    logging.getLogger("silent").info("nothing")

    assert [line["event"] for line in lines_of(path)] == ["detail"]
    stop_logging()
    assert logging.getLogger("chatty").level == logging.NOTSET


@pytest.mark.parametrize("text", ["mcp", "=INFO", "mcp=LOUD"])
def test_levels_by_logger_must_be_readable(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        load_settings(tmp_path, {"CDE_LOG_LEVELS": text})
    assert caught.value.code == "E314"


def test_people_on_a_terminal_read_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(errors, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", errors)
    setup_logging("INFO", str(path))
    log.warning("watch_out", reason="a b", count=1, name="x\x1b[2J\ny")
    try:
        raise OSError("dead\x07")
    except OSError:
        log.exception("broken")

    first, second, third = errors.getvalue().splitlines()
    assert "watch_out" in first
    assert 'reason="a b" count=1 name=x\\x1b[2J\\ny' in first
    assert "\x1b[33mWARNING" in first
    assert "broken" in second
    assert third.startswith("  OSError: dead\\x07 at ")


def test_a_person_at_a_command_reads_what_became_of_the_state_once_and_in_a_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = io.StringIO()
    monkeypatch.setattr(errors, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", errors)
    setup_logging("INFO", str(path))
    with calling("cli"):
        for _ in range(2):
            log.warning("state_damaged", error_code="E212", path="/a\x1b[2J", reason="it is gone.")
            log.warning("state_repaired", sequence=3, files=1)
        log.warning("read_only_left")
        log.warning("changes_lost", error_code="E225", changes="4 to 5")
        log.warning("watch_out", count=1)
    with calling("mcp"):
        log.warning("read_only_left")

    *said, other, logged = errors.getvalue().splitlines()
    assert said == [
        "! /a\\x1b[2J was damaged and is repaired: it is gone.",
        "! The project accepts changes again.",
        "! Changes of ? are lost: 4 to 5; cde doctor says more.",
    ]
    assert "watch_out" in other
    assert "read_only_left" in logged


def test_without_a_file_standard_error_gets_everything(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("INFO")
    log.info("seen")
    assert events_on_stderr(capsys) == ["seen"]


@pytest.mark.parametrize("stream", [None, io.TextIOWrapper(io.BytesIO())])
def test_a_standard_error_that_takes_nothing_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, stream: io.TextIOWrapper | None
) -> None:
    if stream is not None:
        stream.close()
    monkeypatch.setattr("sys.stderr", stream)
    setup_logging("INFO", str(path))
    log.error("still_in_the_file")
    assert [line["event"] for line in lines_of(path)] == ["still_in_the_file"]


def test_what_the_command_line_tells_itself_is_not_told_twice(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging("INFO", str(path))

    def refuse() -> None:
        raise FeatureError.of("E102", reference="x")

    with calling("cli"), pytest.raises(FeatureError):
        Operation("get_feature_status", "/work").run(refuse)

    assert events_on_stderr(capsys) == []
    assert lines_of(path)[-1]["error_code"] == "E102"


def test_what_nobody_foresaw_stays_visible_on_the_command_line(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging("INFO", str(path))

    def fail() -> None:
        raise ZeroDivisionError

    with calling("cli"), pytest.raises(CDESystemError):
        Operation("get_feature_status", "/work").run(fail)

    assert events_on_stderr(capsys) == ["operation_failed"]


def test_lines_from_before_there_is_a_project_are_written_when_there_is_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / LOG_FILE
    setup_logging("INFO", str(path))
    log.info("too_early")
    assert not (tmp_path / ".cde").exists()

    (tmp_path / ".cde").mkdir()
    log.info("in_time")
    assert [line["event"] for line in lines_of(path)] == ["too_early", "in_time"]


def test_another_project_may_be_served_later(tmp_path: Path, path: Path) -> None:
    setup_logging("INFO", str(path))
    log.info("here")
    other = tmp_path / "other"
    (other / ".cde").mkdir(parents=True)
    log_to_project(other)
    log.info("there")

    assert [line["event"] for line in lines_of(path)] == ["here"]
    assert [line["event"] for line in lines_of(other / LOG_FILE)] == ["there"]


def test_a_file_that_cannot_be_written_is_told_once(
    root: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / ".cde" / "logs").write_text("in the way")
    setup_logging("INFO", str(path))
    for _ in range(3):
        log.info("lost")

    (told,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told["event"] == "log_not_written"
    assert told["path"] == str(path)


def test_a_server_says_on_standard_error_what_the_file_does_not_take(
    root: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / ".cde" / "logs").write_text("in the way")
    setup_logging("INFO", str(path))
    keep_lost_lines()
    for event in ("first", "second"):
        log.info(event)
    log.warning("third")
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert sorted(told) == ["first", "log_not_written", "second", "third"]

    (root / ".cde" / "logs").unlink()
    log.info("fourth")
    assert [line["event"] for line in lines_of(path)] == ["fourth"]
    assert capsys.readouterr().err == ""


def test_a_folder_that_was_removed_is_made_again(path: Path) -> None:
    setup_logging("INFO", str(path))
    log.info("before")
    path.unlink()
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    log.info("after")
    assert [line["event"] for line in lines_of(path)] == ["after"]


@pytest.mark.parametrize("obstacle", ["link", "linked folder", "pipe"])
def test_what_takes_the_files_place_later_is_not_written_to(
    root: Path, path: Path, obstacle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging("INFO", str(path))
    log.info("before")
    other = root / "other"
    other.mkdir()
    if obstacle == "linked folder":
        path.parent.rename(root / "moved")
        path.parent.symlink_to(other)
    else:
        path.rename(root / "moved")
        path.symlink_to(other / "file") if obstacle == "link" else os.mkfifo(path)
    log.info("after")

    assert list(other.iterdir()) == []
    assert events_on_stderr(capsys) == ["log_not_written"]


def test_nobody_can_run_the_files_of_the_log(path: Path) -> None:
    setup_logging("INFO", str(path))
    log.info("here")
    assert [file.stat().st_mode & 0o111 for file in path.parent.iterdir()] == [0, 0]


def test_an_old_log_is_tended_although_nobody_writes(path: Path) -> None:
    setup_logging("INFO", str(path))
    log.info("long_ago")
    stop_logging()
    aged(path, days=9)
    setup_logging("INFO", str(path))
    tend_log(datetime.now(UTC).timestamp())
    assert [line["event"] for line in lines_of(path)] == ["log_day_began"]
    assert rotated_files(path) == []


def test_a_log_is_tended_from_time_to_time() -> None:
    tended = threading.Event()
    stop = keep_tending(0.0, lambda _now: tended.set())
    assert tended.wait(60)
    stop.set()


@pytest.mark.parametrize(
    ("settings", "environment", "shown"),
    [
        (Settings(), {}, ["warning"]),
        (Settings(log_level="DEBUG"), {"CDE_LOG_LEVEL": "DEBUG"}, ["debug", "info", "warning"]),
        (Settings(log_level="ERROR"), {}, []),
    ],
)
def test_settings_say_what_is_logged(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    environment: dict[str, str],
    shown: list[str],
) -> None:
    monkeypatch.delenv("CDE_LOG_LEVEL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    setup_project_logging(root, settings)
    for level in ("debug", "info", "warning"):
        getattr(log, level)(level)
    assert events_on_stderr(capsys) == shown
