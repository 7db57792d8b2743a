"""Agents as programs on this machine."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.runners import agent_process as agent_cli
from cde_orchestrator.adapters.runners.agent_process import CommandLineAgents
from cde_orchestrator.application.ports.agents import Assignment
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, CircuitBreakerOpenError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system import supervised_process
from cde_orchestrator.infrastructure.system.supervised_process import (
    NotStartedError,
    SupervisedProcess,
)

ECHO = "import sys; print(sys.stdin.read())"
READ = "import sys; print(open(sys.argv[1]).read()); print(sys.argv[1])"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".cde").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def agents(root: Path) -> CommandLineAgents:
    return CommandLineAgents(root, BreakerRegistry(root))


def python(code: str, *arguments: str, **changes: object) -> Agent:
    command = (sys.executable, "-c", code, *arguments)
    return Agent(name="mine", command=command, **changes)  # type: ignore[arg-type]  # any field


def assignment(folder: Path) -> Assignment:
    return Assignment(prompt="Grüße", folder=folder, labels={"CDE_X": "1"})


def ran(agents: CommandLineAgents, agent: Agent, root: Path) -> list[str]:
    lines: list[str] = []
    agents.run(agent, assignment(root), lines.append)
    return lines


def refusal(run: Callable[[], object]) -> CDEError:
    with pytest.raises(CDEError) as refused:
        run()
    return refused.value


def test_the_prompt_comes_on_standard_input(agents: CommandLineAgents, root: Path) -> None:
    assert ran(agents, python(ECHO), root) == ["Grüße"]


def test_or_in_a_file_in_its_folder_that_is_gone_afterwards(
    agents: CommandLineAgents, root: Path
) -> None:
    words, path = ran(agents, python(READ, "{prompt_file}", prompt="file"), root)
    assert words == "Grüße"
    assert Path(path).is_relative_to(root / ".cde")
    assert not Path(path).exists()


def test_what_it_prints_is_logged_without_secrets(agents: CommandLineAgents, root: Path) -> None:
    code = "print('token=abcdefghijklmnop')"
    with capture_logs() as logs:
        assert ran(agents, python(code), root) == ["token=[redacted]"]
    assert [each["event"] for each in logs] == ["agent_started", "agent_output", "agent_ended"]
    assert not any(name.startswith("CDE_") for each in logs for name in each)


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        (Agent(name="mine", command=("no-such-program",)), "E905"),
        (python("raise SystemExit(3)"), "E906"),
        (python("import os; os.kill(os.getpid(), 9)"), "E906"),
        (python("import signal; signal.pause()", timeout_seconds=0.2), "E907"),
    ],
)
def test_each_failure_has_its_code_and_counts(
    agents: CommandLineAgents, root: Path, agent: Agent, code: str
) -> None:
    assert refusal(lambda: ran(agents, agent, root)).code == code
    assert BreakerRegistry(root).get("agent-mine").failure_count == 1


STREAMS = Path(__file__).parents[1] / "fixtures" / "agent_streams"
REPLAY = "import sys; print(open(sys.argv[1]).read()); sys.exit(int(sys.argv[2]))"


def replay(name: str, output: str, code: int = 0, **changes: object) -> Agent:
    """An agent that prints what a program has printed."""
    return python(REPLAY, str(STREAMS / f"{name}.jsonl"), str(code), output=output, **changes)


def test_events_are_shown_as_lines_and_what_they_say_is_reported(
    agents: CommandLineAgents, root: Path
) -> None:
    lines: list[str] = []
    report = agents.run(replay("claude-denied", "claude-json"), assignment(root), lines.append)
    assert "Bash python3 -m pytest -q" in lines
    assert (report.cost_usd, report.denied) == (0.015, ("Bash python3 -m pytest -q",))


def test_an_event_is_read_before_lines_are_cut(agents: CommandLineAgents, root: Path) -> None:
    code = (
        "import json; part = {'type': 'text', 'text': 'word ' * 200_000}\n"
        "message = {'id': '1', 'model': 'm', 'content': [part]}\n"
        "print(json.dumps({'type': 'assistant', 'session_id': 's', 'message': message}))"
    )
    (line,) = ran(agents, python(code, output="claude-json"), root)
    assert line.startswith("word word")
    assert len(line) <= 300


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        (replay("claude-429", "claude-json", 1), "E939"),
        (replay("codex-429", "codex-json", 1), "E939"),
        (replay("claude-401", "claude-json", 1), "E942"),
        (replay("gemini-401", "gemini-json", 145), "E942"),
        (python("raise SystemExit(55)", output="gemini-json"), "E942"),
        (python("print('Too Many Requests'); raise SystemExit(1)"), "E939"),
    ],
)
def test_an_agent_that_did_not_try_did_not_fail(
    agents: CommandLineAgents, root: Path, agent: Agent, code: str
) -> None:
    assert refusal(lambda: ran(agents, agent, root)).code == code
    assert BreakerRegistry(root).get("agent-mine").failure_count == 0


def test_a_program_that_waits_for_its_model_is_ended_where_another_can_go_on(
    agents: CommandLineAgents, root: Path
) -> None:
    code = "print(open(__import__('sys').argv[1]).read(), flush=True)\n"
    waits = code + "import signal; signal.pause()"
    agent = python(waits, str(STREAMS / "gemini-429.jsonl"), output="gemini-json")
    others = replace(assignment(root), others=True)
    assert refusal(lambda: agents.run(agent, others, lambda _line: None)).code == "E939"


def test_an_agent_is_given_its_session_and_what_it_may_run(
    agents: CommandLineAgents, root: Path
) -> None:
    code = "import sys; print(*sys.argv[1:])"
    agent = python(code, "{resume}", "{allow_commands}", output="claude-json")
    given = replace(
        assignment(root), session=AgentReport(session="s-1"), commands=[["make", "test"]]
    )
    lines: list[str] = []
    agents.run(agent, given, lines.append)
    assert lines == ["--resume s-1 --allowedTools Bash(make test:*)"]


def test_control_sequences_are_taken_out_whole(agents: CommandLineAgents, root: Path) -> None:
    code = r"print('\x1b[0m\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link')"
    assert ran(agents, python(code), root) == ["red link"]


def test_a_wait_ends_when_the_run_is_stopped(agents: CommandLineAgents) -> None:
    agents.wait(0.0, "mine")
    threading.Timer(0.05, agents.stop).start()
    assert refusal(lambda: agents.wait(600.0, "mine")).code == "E911"


def test_a_folder_that_is_gone_is_a_failure_to_start(
    agents: CommandLineAgents, tmp_path: Path
) -> None:
    error = refusal(lambda: ran(agents, python(ECHO), tmp_path / "gone"))
    assert error.code == "E905"


def test_an_agent_that_cannot_be_started_this_moment_is_started_in_the_next(
    agents: CommandLineAgents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def busy(*arguments: Any, **keywords: Any) -> SupervisedProcess:
        tried.append(1)
        if len(tried) < 3:
            raise NotStartedError(errno.ETXTBSY, "Text file busy")
        return SupervisedProcess(*arguments, **keywords)

    monkeypatch.setattr(supervised_process, "SupervisedProcess", busy)
    assert ran(agents, python(ECHO), root) == ["Grüße"]
    assert len(tried) == 3


def test_an_agent_is_left_alone_after_five_failures(agents: CommandLineAgents, root: Path) -> None:
    missing = Agent(name="mine", command=("no-such-program",))
    for _ in range(5):
        refusal(lambda: ran(agents, missing, root))
    assert isinstance(refusal(lambda: ran(agents, missing, root)), CircuitBreakerOpenError)
    assert agents.probe(missing, ask_version=True)["breaker"] == "open"


def test_a_run_that_is_stopped_does_not_count_and_no_other_begins(
    agents: CommandLineAgents, root: Path
) -> None:
    stays = python("import signal; print('here', flush=True); signal.pause()")

    def stop(_line: str) -> None:
        threading.Thread(target=agents.stop).start()

    for _ in range(2):
        with pytest.raises(CDESystemError) as stopped:
            agents.run(stays, assignment(root), stop)
        assert stopped.value.code == "E911"
    assert BreakerRegistry(root).get("agent-mine").failure_count == 0


def test_nothing_is_started_once_the_runs_are_stopped(
    agents: CommandLineAgents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_arguments: Any, **_keywords: Any) -> SupervisedProcess:
        raise AssertionError("a quick program would have done its work")

    monkeypatch.setattr(supervised_process, "SupervisedProcess", started)
    agents.stop()
    assert refusal(lambda: ran(agents, python(ECHO), root)).code == "E911"


def test_its_version_is_asked_only_when_it_may_be(agents: CommandLineAgents) -> None:
    agent = python(ECHO, version=(sys.executable, "-c", "print('mine 2.0\\nmore')"))
    assert agents.probe(agent, ask_version=True)["version"] == "mine 2.0"
    assert agents.probe(agent, ask_version=False)["version"] is None


def test_what_is_said_before_the_version_is_passed_over(agents: CommandLineAgents) -> None:
    words = "print('WARNING: no alias in home2.d'); print('codex 0.9.1')"
    agent = python(ECHO, version=(sys.executable, "-c", words))
    assert agents.probe(agent, ask_version=True)["version"] == "codex 0.9.1"


@pytest.mark.parametrize(
    "version", [(), ("no-such-program",), (sys.executable, "-c", "raise SystemExit(1)")]
)
def test_a_version_that_is_not_told_is_unknown(
    agents: CommandLineAgents, version: tuple[str, ...]
) -> None:
    probe = agents.probe(python(ECHO, version=version), ask_version=True)
    assert (probe["found"], probe["version"]) == (True, None)


def test_a_command_for_the_version_that_hangs_is_ended_with_its_children(
    agents: CommandLineAgents, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_cli, "VERSION_SECONDS", 2.0)
    hangs = python(ECHO, version=("sh", "-c", "sleep 600 & echo $! > child; wait"))

    assert agents.probe(hangs, ask_version=True)["version"] is None
    number = int((root / "child").read_text())
    _, alive = psutil.wait_procs([p for p in psutil.process_iter() if p.pid == number], timeout=60)
    assert not alive


def test_a_small_task_shows_whether_it_may_write(agents: CommandLineAgents) -> None:
    writes = python("open('cde-agent-test.txt', 'w').write('ready'); print('done')")
    tried = agents.try_out(writes)
    assert (tried["name"], tried["wrote_file"], tried["last_lines"]) == ("mine", True, ["done"])


def test_a_feature_is_run_once_at_a_time(agents: CommandLineAgents) -> None:
    with agents.lock_run("id", "column"):
        error = refusal(lambda: agents.lock_run("id", "column").__enter__())
        assert error.code == "E909"
        assert error.context["holder"] == f"process {os.getpid()}"
        with agents.lock_run("other", "other"):
            pass
    with agents.lock_run("id", "column"):
        pass
