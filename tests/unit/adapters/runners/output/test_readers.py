"""What known agent programs print, as they printed it, is read as one line each and a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.runners.output.claude import ClaudeReader
from cde_orchestrator.adapters.runners.output.codex import CodexReader
from cde_orchestrator.adapters.runners.output.forms import reader_of
from cde_orchestrator.adapters.runners.output.gemini import GeminiReader
from cde_orchestrator.adapters.runners.output.reader import LINE, Reader, wait_in
from cde_orchestrator.domain.agent import Agent, OutputForm
from cde_orchestrator.domain.agent_run import AgentReport

STREAMS = Path(__file__).parents[4] / "fixtures" / "agent_streams"
FOLDER = Path("/project")


def read(name: str, before: AgentReport | None = None) -> tuple[Reader, list[str]]:
    form: OutputForm = {  # type: ignore[assignment]  # each is one
        "claude": "claude-json",
        "codex": "codex-json",
        "gemini": "gemini-json",
    }[name.partition("-")[0]]
    reader = reader_of(Agent(name="mine", command=("x",), output=form), FOLDER, before)
    shown = []
    for line in (STREAMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        shown += reader.lines(line)
    return reader, [*shown, *reader.end()]


def test_claude_is_shown_live_with_what_it_was_not_allowed() -> None:
    reader, shown = read("claude-denied")
    assert shown == [
        "Bash python3 -m pytest -q",
        "not allowed: Bash python3 -m pytest -q",
        "failed: This command requires approval",
        "The tests said: This command requires approval",
        "I write specs/greet/spec.md.",
        "Write specs/greet/spec.md",
        "The tests said: This command requires approval",
        "Done: specs/greet/spec.md.",
    ]
    assert reader.report == AgentReport(
        session="4598c955-d123-40e8-974a-9b79b544ecbe",
        turns=3,
        input_tokens=3_000,
        output_tokens=150,
        cost_usd=0.015,
        denied=("Bash python3 -m pytest -q",),
        words="Done: specs/greet/spec.md.",
    )
    assert reader.exit_problem(0) is None


def test_what_a_session_of_claude_cost_before_is_not_counted_twice() -> None:
    assert read("claude-denied", AgentReport(cost_usd=0.01))[0].report.cost_usd == 0.005


def test_tokens_of_claude_are_known_when_it_is_ended_in_the_middle() -> None:
    reader = ClaudeReader(FOLDER)
    for line in (STREAMS / "claude-denied.jsonl").read_text().splitlines()[:5]:
        reader.lines(line)
    assert (reader.report.turns, reader.report.input_tokens) == (2, 2_000)
    assert reader.report.cost_usd is None


def test_codex_is_shown_live() -> None:
    reader, shown = read("codex-tests")
    assert shown[1:3] == [
        "$ python3 -m pytest -q",
        "exit code 1: /usr/bin/python3: No module named pytest",
    ]
    assert shown[5].startswith("$ mkdir -p $(dirname specs/greet/spec.md) && cat")
    assert "\n" not in "".join(shown)
    assert (reader.report.input_tokens, reader.report.output_tokens) == (3_000, 150)
    assert reader.report.session.startswith("01a22957")
    assert reader.report.words == "Done: specs/greet/spec.md."


def test_tokens_of_a_thread_of_codex_are_not_counted_twice() -> None:
    report = read("codex-tests", AgentReport(input_tokens=2_000, output_tokens=100))[0].report
    assert (report.input_tokens, report.output_tokens) == (1_000, 50)


def test_gemini_is_shown_live_with_what_it_was_not_allowed() -> None:
    reader, shown = read("gemini-denied")
    command = "run_shell_command curl -s http://127.0.0.1:9/ ; python3 -c 'print(6*7)'; pytest -q"
    assert shown == [
        command,
        f"not allowed: {command}",
        "I write specs/greet/spec.md.",
        "write_file specs/greet/spec.md",
        "Done: specs/greet/spec.md.",
    ]
    assert reader.report.denied == (command,)
    assert (reader.report.turns, reader.report.input_tokens) == (3, 3_000)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("claude-429", "busy"),
        ("claude-401", "unusable"),
        ("codex-429", "busy"),
        ("codex-401", "unusable"),
        ("gemini-429", "busy"),
        ("gemini-401", "unusable"),
    ],
)
def test_a_busy_model_is_told_from_a_key_that_is_refused(name: str, kind: str) -> None:
    reader, shown = read(name)
    problem = reader.exit_problem(1)
    assert problem is not None
    assert problem.kind == kind
    assert reader.exit_problem(0) is None
    assert not reader.report.has_answer
    assert not any("throwErrorIfNotOK" in line or "256-color" in line for line in shown)


def test_a_retry_is_one_line() -> None:
    assert "retry 1 of 1 in 1 s: 429 rate_limit" in read("claude-429")[1]


def test_a_busy_model_is_not_waited_for_where_another_agent_can_go_on() -> None:
    reader = read("gemini-429")[0]
    assert reader.gives_up(others=True)
    assert not reader.gives_up(others=False)


def test_a_key_that_is_refused_twice_is_not_tried_again() -> None:
    reader = ClaudeReader(FOLDER)
    event = {"type": "system", "subtype": "api_retry", "error_status": 401, "error": "no"}
    reader.lines(json.dumps(event))
    assert not reader.gives_up(others=False)
    reader.lines(json.dumps(event))
    assert reader.gives_up(others=False)


def test_an_answer_after_a_retry_ends_the_problem() -> None:
    reader, _ = read("claude-429")
    message = {"model": "m", "id": "1", "content": [{"type": "text", "text": "Well"}]}
    reader.lines(json.dumps({"type": "assistant", "message": message}))
    assert reader.exit_problem(1) is None


@pytest.mark.parametrize(
    "words",
    [
        "Not logged in · Please run /login",
        "Missing environment variable: `OPENAI_API_KEY`.",
        "Error: No authentication information found.",
        "Please set an Auth method in your settings.json",
    ],
)
def test_a_program_without_a_key_cannot_work_here(words: str) -> None:
    reader = Reader(FOLDER)
    reader.lines(words)
    problem = reader.exit_problem(1)
    assert problem is not None
    assert problem.kind == "unusable"


@pytest.mark.parametrize("code", [41, 55])
def test_gemini_says_by_its_exit_code_that_it_cannot_work(code: int) -> None:
    problem = GeminiReader(FOLDER).exit_problem(code)
    assert problem is not None
    assert problem.kind == "unusable"


def test_of_an_unknown_program_the_last_lines_count_when_it_failed() -> None:
    reader = Reader(FOLDER)
    for line in ("I implement the rate limit", *"abcdefgh"):
        assert reader.lines(line) == [line]
    assert reader.exit_problem(1) is None
    reader.lines("Error 429: Too Many Requests, retry after 20 seconds")
    problem = reader.exit_problem(1)
    assert problem is not None
    assert (problem.kind, problem.wait_seconds) == ("busy", 20.0)
    assert reader.report.words.startswith("Error 429")


@pytest.mark.parametrize("reader", [ClaudeReader, CodexReader, GeminiReader])
@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"type": 1}',
        '{"type": "system", "subtype": "api_retry", "attempt": true}',
        '{"type": "assistant", "message": []}',
        '{"type": "assistant", "message": {"content": [1, {"type": "tool_use"}]}}',
        '{"type": "user", "message": {"content": "x"}}',
        '{"type": "result", "total_cost_usd": "much", "usage": 1, "permission_denials": {}}',
        '{"type": "result", "total_cost_usd": -1, "stats": [], "status": "error", "error": 3}',
        '{"type": "item.completed", "item": null}',
        '{"type": "item.completed", "item": {"type": "command_execution", "command": "a \'b"}}',
        '{"type": "item.completed", "item": {"type": "file_change", "changes": [1, {}]}}',
        '{"type": "item.completed", "item": {"type": "mcp_tool_call", "server": "cde"}}',
        '{"type": "item.completed", "item": {"type": "other"}}',
        '{"type": "tool_result", "status": "error", "output": "no"}',
        '{"type": "error", "message": 4}',
        '{"type": "unheard of"}',
        "{" * 100_000,
    ],
)
def test_whatever_is_printed_is_read(reader: type[Reader], line: str) -> None:
    made = reader(FOLDER)
    shown = made.lines(line) + made.end()
    assert all(len(each) <= LINE and "\n" not in each for each in shown)
    assert made.report.cost_usd is None
    made.exit_problem(1)


def test_a_command_that_codex_declined_was_not_allowed() -> None:
    reader = CodexReader(FOLDER)
    item = {"type": "command_execution", "command": "bash -lc 'rm -rf /'", "status": "declined"}
    event = json.dumps({"type": "item.completed", "item": item})
    assert reader.lines(event) == ["not allowed: rm -rf /"]
    assert reader.report.denied == ("rm -rf /",)


def test_no_secret_is_shown_or_kept() -> None:
    reader = ClaudeReader(FOLDER)
    part = {"type": "text", "text": "token=abcdefghijklmnop"}
    event = {"type": "assistant", "message": {"model": "m", "id": "1", "content": [part]}}
    assert reader.lines(json.dumps(event)) == ["token=[redacted]"]
    assert reader.report.words == "token=[redacted]"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("try again in 1.5s", 1.5),
        ("Retry after 250ms", 0.25),
        ("please retry in 2 minutes", 120.0),
        ("resets in 3 hours", 10_800.0),
        ("Claude AI usage limit reached|1000000000", 0.0),
        ("later", None),
    ],
)
def test_how_long_to_wait_is_read_from_the_refusal(words: str, seconds: float | None) -> None:
    assert wait_in(words) == seconds


@pytest.mark.parametrize("name", ["", "\ud800", "a\nb", "x" * 501])
def test_a_session_whose_name_cannot_be_kept_is_not_continued(name: str) -> None:
    reader = Reader(FOLDER)
    reader.continues("one")
    reader.continues(name)
    assert reader.report.session == "one"


def test_half_of_a_letter_can_be_stored() -> None:
    reader = Reader(FOLDER)
    reader.said("it says \ud800")
    reader.denied(reader.command("run \udfff"))
    assert (reader.report.words, reader.report.denied) == ("it says ?", ("run ?",))
