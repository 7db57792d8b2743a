"""The log of real processes: servers, commands, and many writers at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from cde_orchestrator.infrastructure.observability.logs.reader import JsonLogReader
from cde_orchestrator.infrastructure.observability.logs.retention import rotated_files
from cde_orchestrator.infrastructure.paths import LOG_FILE
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests import command_line
from tests.command_line import in_words
from tests.integration.mcp_client import StdioServer, stdio_agent
from tests.programs import program

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
SECRET = "ghp_" + "aB3" * 12

WRITER = """
import sys
import structlog
from cde_orchestrator.infrastructure.observability.logs.setup import setup_logging
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
setup_logging("INFO", sys.argv[1], max_bytes=1_000_000)
log = structlog.get_logger("writer")
for number in range(int(sys.argv[3])):
    log.info("line", writer=sys.argv[2], number=number, padding="x\\u2028y\\n" * 10)
"""


def lines_of(project: Path) -> list[dict[str, Any]]:
    return list(JsonLogReader().entries(project))


def cde(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == VARIABLE or not name.startswith("CDE_")
    }
    return in_words(command_line.cde(*words, cwd=project, environment={**kept, **environment}))


def assert_logged_whole(project: Path, correlation_id: str) -> list[dict[str, Any]]:
    """A call has a start and an end for each of its operations, and one id in all lines."""
    called = [line for line in lines_of(project) if line.get("correlation_id") == correlation_id]
    # The checkpoint is written when the project is let go of, after the operation.
    lines = [line for line in called if "operation_id" in line]
    for operation_id in {line["operation_id"] for line in lines}:
        events = [line for line in lines if line["operation_id"] == operation_id]
        assert events[0]["event"] == "operation_started"
        assert events[-1]["event"] in {"operation_finished", "operation_refused"}
        assert events[-1]["duration_ms"] > 0
        assert len({line["pid"] for line in events}) == 1
    assert lines, correlation_id
    return lines


@pytest.mark.slow
def test_many_processes_lose_and_tear_no_line_over_rotations(project: Path) -> None:
    path, processes, lines = project / LOG_FILE, 8, 5_000
    before = len(lines_of(project))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number), str(lines)])
        for number in range(processes)
    ]
    assert [writer.wait(110) for writer in writers] == [0] * processes

    entries = [each for each in lines_of(project) if each["event"] == "line"]
    assert len(rotated_files(path)) > 5
    assert before + processes * lines == len(lines_of(project))
    assert Counter((entry["writer"], entry["number"]) for entry in entries) == Counter(
        (str(writer), number) for writer in range(processes) for number in range(lines)
    )
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line)


def test_a_day_of_commands_is_one_file_where_their_clock_is_not_that_of_the_disk(
    project: Path,
) -> None:
    faketime = program("faketime")
    path = project / LOG_FILE
    assert command_line.cde("status", cwd=project).returncode == 0
    for days in (3, 3, 3, 4, 4, 3, 4):
        words = [faketime, "-f", f"+{days}d", *command_line.CDE, "status"]
        subprocess.run(words, cwd=project, check=True, capture_output=True, timeout=100)

    assert len(rotated_files(path)) == 2
    days_of_lines = [line["timestamp"][:10] for line in lines_of(project)]
    assert len(set(days_of_lines)) == 3
    assert all(each.suffix == ".gz" for each in rotated_files(path))


def test_a_disk_whose_clock_is_on_another_day_does_not_part_the_log(project: Path) -> None:
    path = project / LOG_FILE
    for seconds in (0, 2**31, 0):
        assert command_line.cde("status", cwd=project).returncode == 0
        os.utime(path, (seconds, seconds))
    assert rotated_files(path) == []
    assert command_line.cde("logs", "--since", "1h", "--json", cwd=project).stdout.count(b"{") > 3


def test_standard_output_of_a_server_carries_the_protocol_and_nothing_else(project: Path) -> None:
    start = {"name": "cde_startFeature", "arguments": {"prompt": "Add login"}}
    unknown = {"name": "cde_nope", "arguments": {}}
    server = StdioServer(project, CDE_LOG_LEVEL="DEBUG", CDE_LOG_FORMAT="text")
    answers = [server.ask("tools/call", call, n) for n, call in enumerate((start, unknown))]
    rest, errors = server.end()
    assert [answer["id"] for answer in answers] == [0, 1]
    assert rest == ""
    assert "operation_finished" in errors
    assert "server_stopped" in errors


async def test_hostile_text_and_secrets_leave_one_clean_line_an_event(project: Path) -> None:
    hostile = f'\x1b[2J"}}\n{{"event":"forged"}}\r\u2028\x85 password=hunter2 {SECRET}'
    async with stdio_agent(project) as agent:
        before = len(lines_of(project))
        await agent.call("cde_startFeature", prompt=f"Add {hostile}", name="named")
        await agent.refused("cde_getFeatureStatus", feature_id=hostile)
        with pytest.raises(MCPError):
            await agent.raw(f"cde_{hostile}", {})
    data = (project / LOG_FILE).read_bytes()
    text = data.decode()
    assert len(text.splitlines()) == data.count(b"\n") == len(lines_of(project))
    assert len(lines_of(project)) > before
    assert not [each for each in lines_of(project) if each["event"] == "forged"]
    assert "hunter2" not in text
    for file in (project / ".cde").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


def test_the_log_answers_questions(project: Path) -> None:
    cde(project, "start", "Add login", "--name", "login", CDE_CORRELATION_ID="call-login")
    cde(project, "submit", "login", "design", CDE_CORRELATION_ID="call-refused")

    shown = cde(project, "logs", "--feature", "login", "--since", "1h", "--json")
    entries = json.loads(shown.stdout)["entries"]
    assert {entry["correlation_id"] for entry in entries} == {"call-login", "call-refused"}
    warnings = cde(project, "logs", "--level", "warning", "--limit", "1").stdout
    assert "E106" in warnings
    tree = cde(project, "logs", "trace", "call-login").stdout
    assert "start_feature" in tree
    assert "journal" in tree
    story = json.loads(cde(project, "logs", "trace", "call-refu", "--json").stdout)
    assert story["operations"][0]["error_code"] == "E106"
    slow = json.loads(cde(project, "logs", "slow", "--limit", "2", "--json").stdout)
    first, second = slow["operations"]
    assert first["duration_ms"] >= second["duration_ms"]
    assert "start_feature" in cde(project, "logs", "slow").stdout
    assert "E316" in cde(project, "logs", "trace", "nothing").stderr


def test_the_log_is_followed(project: Path) -> None:
    cde(project, "list", CDE_CORRELATION_ID="standing")
    follower = subprocess.Popen(
        [sys.executable, "-m", "cde_orchestrator", "logs", "--follow", "--json"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        standing = json.loads(follower.stdout.readline())
        assert standing["correlation_id"] == "standing"
        cde(project, "list", CDE_CORRELATION_ID="seen-live")
        for line in follower.stdout:
            if json.loads(line).get("correlation_id") == "seen-live":
                break
        follower.send_signal(signal.SIGINT)
        assert (follower.wait(60), follower.communicate()[1]) == (130, "")
    finally:
        follower.kill()
        follower.communicate()
    lines = lines_of(project)
    (end,) = [line for line in lines if line["event"] == "operation_interrupted"]
    live = [line for line in lines if line["correlation_id"] == "seen-live"]
    assert end["operation"] == "follow_logs"
    assert lines.index(end) > lines.index(live[-1])
    assert end["duration_ms"] > live[-1]["duration_ms"]
    assert not [line for line in lines if line.get("operation") == "read_logs"]


def test_a_reader_that_goes_away_ends_what_follows_without_a_word(project: Path) -> None:
    cde(project, "list")
    follower = subprocess.Popen(
        [sys.executable, "-m", "cde_orchestrator", "logs", "--follow", "--json"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        follower.stdout.readline()
        follower.stdout.close()
        cde(project, "list")
        follower.wait(60)
        assert follower.stderr is not None
        with follower.stderr:
            assert follower.stderr.read() == ""
    finally:
        follower.kill()
        follower.wait()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--since", "soon"], "E317"),
        (["--level", "loud"], "E305"),
        (["--limit", "0"], "E305"),
        (["slow", "--since", "2099-01-01"], "E317"),
        (["trace", "nobody"], "E316"),
    ],
)
def test_what_the_log_cannot_answer_has_a_code(project: Path, words: list[str], code: str) -> None:
    done = cde(project, "logs", *words, "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, code)
