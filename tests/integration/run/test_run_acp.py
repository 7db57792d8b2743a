"""``cde run`` with an agent that speaks ACP."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.run.scripted_acp_agent import command
from tests.integration.run.stage import Stage, read_until
from tests.integration.run.test_run import one_phase
from tests.terminal import terminal


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    one_phase(stage, agent="succeed")
    return stage


def define(stage: Stage, *attempts: Sequence[str], hello: str = "plain") -> None:
    """The agent as one that speaks ACP, and another one that cannot be spoken to."""
    words = json.dumps(command(stage.state, *attempts, hello=hello))
    broken = json.dumps(command(stage.state, [], hello="auth"))
    lines = [f"[agents.agent]\ncommand = {words}", f"[agents.broken]\ncommand = {broken}"]
    settings = stage.project / ".cde" / "config.toml"
    settings.write_text("".join(f'{each}\noutput = "acp"\n' for each in lines), encoding="utf-8")
    assert stage.cde("agents", "trust", "agent", "broken", "--yes").code == 0


def test_a_refusal_goes_back_into_the_same_session(stage: Stage) -> None:
    define(stage, ["run curl x", "little"], ["deliver", "cost 0.5", "say Written"])
    done = stage.cde("run", "column", "--agent", "broken,agent")
    assert done.code == 0, done.err
    assert "broken is not used in this run: E942" in done.err
    assert "  | not allowed: $ curl x" in done.err.splitlines()
    assert "Not allowed to the agent: $ curl x" in done.err
    begun, continued = stage.remembered("sessions")
    assert continued == f"load {begun.split()[1]}"
    whole, short = map(json.loads, stage.remembered("prompts"))
    assert "E111" in short
    assert len(short) < len(whole) / 2
    (phase,) = stage.cde("status", "column", "--json").reply["phases"]
    assert (phase["attempts"], phase["usage"]["cost_usd"]) == (2, 0.5)
    assert stage.left_processes() == []


def test_a_signal_takes_the_prompt_back_and_ends_the_agent(stage: Stage) -> None:
    define(stage, ["hang"])
    run = stage.begin("run", "column", "--agent", "agent")
    with run:
        read_until(run, "hanging")
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=60) == 143
    assert len(stage.remembered("cancelled")) == 1
    assert stage.left_processes() == []
    assert stage.phase_of("column") == "write"


@pytest.mark.parametrize(("answer", "chosen"), [("y", "yes"), ("", "no")])
def test_a_person_at_the_terminal_is_asked(stage: Stage, answer: str, chosen: str) -> None:
    define(stage, ["run curl x", "deliver"])
    words = ("run", "column", "--agent", "agent")
    with terminal(*words, cwd=stage.project, environment=stage.environment) as asked:
        asked.read_until("agent wants to: $ curl x. Allow it this once? [y/N, 120 s]: ")
        asked.type(answer)
        asked.end()
    assert asked.code == 0
    assert stage.remembered("answers") == [chosen]
