"""What the log promises: nothing acknowledged goes unlogged, and nothing fails for the log."""

from __future__ import annotations

import errno
import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging, stop_logging
from cde_orchestrator.infrastructure.observability.operations import Operation
from cde_orchestrator.infrastructure.paths import LOG_FILE
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.infrastructure.system.retry import is_transient_on_reading, retrying
from cde_orchestrator.storage.read_only import WriteGuard
from tests.disks import simulate_disk_full, small_disk
from tests.integration.mcp_client import StdioServer
from tests.integration.test_logs import TRACE, TRACEPARENT, assert_logged_whole
from tests.integration.test_mcp import http_server
from tests.let_in import bearer, let_in

pytestmark = pytest.mark.anyio
__all__ = ["http_server"]  # a fixture


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    stop_logging()


def test_what_was_answered_is_logged_although_the_server_is_killed_the_next_moment(
    project: Path,
) -> None:
    server = StdioServer(project, forks=False)
    try:
        for number in (2, 3):
            call = {
                "name": "cde_startFeature",
                "arguments": {"prompt": "Add login"},
                "_meta": {"correlation_id": f"call-{number}"},
            }
            answer = server.ask("tools/call", call, number)
            assert not answer["result"].get("isError")
    finally:
        server.process.kill()
        server.end()
    for number in (2, 3):
        assert assert_logged_whole(project, f"call-{number}")[-1]["outcome"] == "ok"


@pytest.mark.parametrize(
    ("headers", "correlation_id"),
    [
        ({"X-Correlation-ID": "from-a-header"}, "from-a-header"),
        ({"traceparent": TRACEPARENT}, TRACE),
        ({"traceparent": TRACEPARENT, "X-Correlation-ID": "both"}, "both"),
    ],
)
async def test_the_id_in_a_header_names_the_call_everywhere(
    project: Path, http_server: str, headers: dict[str, str], correlation_id: str
) -> None:
    async with let_in(http_server, {**headers, **bearer(project)}) as client:
        started = await client.call_tool("cde_startFeature", {"prompt": "Add login"})
        refused = await client.call_tool("cde_getFeatureStatus", {"feature_id": "nobody"})
        own: Any = {"correlation_id": "from-meta"}
        meant = await client.call_tool("cde_listFeatures", {}, meta=own)
    assert said(started)["correlation_id"] == correlation_id
    error = said(refused)["error"]
    assert (error["code"], error["correlation_id"]) == ("E102", correlation_id)
    assert said(meant)["correlation_id"] == "from-meta"
    journal = (project / ".cde" / "journal.jsonl").read_text(encoding="utf-8")
    assert f'"correlation_id":"{correlation_id}"' in journal
    operations = {line["operation"] for line in assert_logged_whole(project, correlation_id)}
    assert operations - {"mcp_request"} == {"start_feature", "get_feature_status"}


def said(result: Any) -> Any:
    return result.structured_content


def logged_at(root: Path) -> list[dict[str, Any]]:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return list(JsonLogReader().entries(root))


@pytest.mark.own_disk
def test_a_full_disk_costs_lines_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / ".cde").mkdir()
        setup_logging("INFO", str(disk / LOG_FILE), format="json")
        Operation("before", str(disk)).run(int)
        with simulate_disk_full(disk):
            for _ in range(20):
                Operation("meanwhile", str(disk)).run(int)
        Operation("after", str(disk)).run(int)
        ends = [line for line in logged_at(disk) if line["event"] == "operation_finished"]
        stop_logging()
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told == ["log_not_written"]
    assert [line["operation"] for line in (ends[0], ends[-1])] == ["before", "after"]


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A folder whose project's log is written by this process."""
    setup_logging("DEBUG", str(tmp_path / LOG_FILE))
    return tmp_path


def run(root: Path, *works: Any) -> list[str]:
    """The events of use cases and other work, each in an operation, all of one call."""
    before = len(logged_at(root))
    with calling("test", "one-call"):
        for work in works:
            application: Application = build_application(root)
            if callable(work) and not hasattr(work, "operation"):
                Operation("work", str(root)).run(work)
            else:
                application.handle(work)
            application.close()
    lines = logged_at(root)[before:]
    assert {line["correlation_id"] for line in lines} == {"one-call"}
    # The checkpoint is written when the project is let go of, after the operation.
    within = [line for line in lines if line["event"] != "checkpoint_written"]
    assert all(line["operation"] and line["operation_id"] for line in within)
    return [line["event"] for line in lines]


def test_what_becomes_of_projects_and_features_is_logged_with_its_call(logged: Path) -> None:
    events = run(
        logged,
        OnboardProject(),
        StartFeature(prompt="Add login", name="login"),
        CloseFeature(feature_id="login", outcome="cancelled", reason="Enough"),
    )
    assert {
        *("project_created", "project_status_changed", "project_loaded", "project_saved"),
        *("feature_started", "feature_closed", "checkpoint_written"),
    } <= set(events)


def test_a_recovery_is_logged_with_its_call(logged: Path) -> None:
    run(logged, OnboardProject())
    (logged / ".cde" / "state.json").write_text("damaged")
    assert {"state_damaged", "state_repaired"} <= set(run(logged, ListFeatures()))


def test_each_try_is_logged_with_its_call(logged: Path) -> None:
    run(logged, OnboardProject())
    failures = [ConnectionResetError("gone"), ConnectionResetError("gone again")]

    def work() -> None:
        if failures:
            raise failures.pop(0)

    def flaky() -> None:
        retrying(work, "ask", is_transient_on_reading)

    assert [event for event in run(logged, flaky) if event.startswith("retry")] == [
        *("retry_scheduled", "retrying", "retrying")
    ]


def test_a_change_of_a_breaker_is_logged_with_its_call(logged: Path) -> None:
    run(logged, OnboardProject())
    breaker = BreakerRegistry(logged).get("part", failure_threshold=1)

    def fail() -> None:
        with pytest.raises(CDESystemError):
            breaker.call(refuse)

    def refuse() -> None:
        raise CDESystemError.of("E999")

    assert "circuit_breaker_changed" in run(logged, fail)


def test_turning_read_only_and_back_is_logged_with_its_call(logged: Path) -> None:
    run(logged, OnboardProject())
    now = [0.0]
    guard = WriteGuard(logged / ".cde", OsFileOps(), monotonic=lambda: now[0])

    def refused() -> None:
        guard.refused(OSError(errno.EROFS, "Read-only file system"))

    def tried_again() -> None:
        now[0] += 3_600
        guard.require(0)

    assert "read_only_entered" in run(logged, refused)
    assert "read_only_left" in run(logged, tried_again)


def test_a_command_of_git_is_logged_with_its_call(logged: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(logged)], check=True)
    events = run(logged, OnboardProject(), StartFeature(prompt="Add login", name="login"))
    assert "git_ran" in events
