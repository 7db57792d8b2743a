"""``cde run`` with an agent that reports in events what it does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.mcp_tools._texts import feature_status
from tests.integration.run.stage import AGENT, Stage
from tests.integration.run.test_run import one_phase
from tests.terminal import terminal


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    one_phase(stage, agent="succeed")
    return stage


def define(stage: Stage, modes: str) -> None:
    """The agent as a program that prints events and can continue a session."""
    command = [sys.executable, str(AGENT), str(stage.state), modes, "{resume}", "{allow_commands}"]
    settings = stage.project / ".cde" / "config.toml"
    lines = ["[agents.agent]", f"command = {json.dumps(command)}", 'output = "claude-json"', ""]
    settings.write_text("\n".join(lines), encoding="utf-8")
    assert stage.cde("agents", "trust", "agent", "--yes").code == 0


def test_what_an_agent_reports_is_shown_live_and_kept(stage: Stage) -> None:
    define(stage, "report-and-deliver")
    done = stage.cde("run", "column", "--agent", "agent", "--budget-usd", "5")
    assert done.code == 0, done.err
    assert "  | Bash curl x" in done.err.splitlines()
    assert "2 turns, 10 tokens, $0.50" in done.err
    assert "Not allowed to the agent: Bash curl x" in done.err
    assert "2 turns, 10 tokens, $0.50; not allowed to the agent: Bash curl x" in done.out
    assert "2 turns, 10 tokens, $0.50" in stage.cde("status", "column").out
    assert "attempt 1, agent: 2 turns" in stage.cde("status", "column", "--full").out
    status: Any = stage.cde("status", "column", "--json").reply
    assert "2 turns, 10 tokens, $0.50; not allowed" in feature_status(status)
    assert "session s-1" in stage.cde("status", "column", "--full").out
    (phase,) = status["phases"]
    assert (phase["usage"]["session"], phase["usage"]["cost_usd"]) == ("s-1", 0.5)
    changes = stage.cde("state", "history", "--json").reply["changes"]
    assert [each["operation"] for each in changes].count("record_agent_run") == 1


def test_a_refusal_goes_back_into_the_session_with_flags_for_commands(stage: Stage) -> None:
    define(stage, "report,report-and-deliver")
    assert stage.run("column").error == "E908"  # it writes nothing that the prompt does not name
    first, second = (json.loads(each) for each in stage.remembered("flags")[:2])
    assert first[0] == "--allowedTools"
    assert "Bash(cde save column:*)" in first[1]
    assert second[:2] == ["--resume", "s-1"]
    whole, short = stage.prompts()[:2]
    assert len(short["prompt"]) < len(whole["prompt"]) / 2
    assert "E110" in short["prompt"]


def test_a_budget_in_money_pauses_the_run(stage: Stage) -> None:
    define(stage, "report")
    assert stage.run("column", "agent", "--budget-usd", "0.4").error == "E940"
    assert len(stage.prompts()) == 1
    assert stage.phase_of("column") == "write"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_at_a_terminal_is_asked_whether_the_run_goes_on(stage: Stage, answer: str) -> None:
    define(stage, "report,report-and-deliver")
    words = ("run", "column", "--agent", "agent", "--budget-usd", "0.4")
    with terminal(*words, cwd=stage.project, environment=stage.environment) as asked:
        shown = asked.read_until("Continue with the same budget once more?")
        asked.type(answer)
        said = asked.end()
    assert "$0.50" in shown
    assert len(stage.prompts()) == 1 + (answer == "y")
    assert ("Feature column is completed" in said) == (answer == "y"), said
    assert ("E940" in said) == (answer == "n"), said
