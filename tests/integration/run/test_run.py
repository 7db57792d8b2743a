"""``cde run`` with a scripted agent: whatever the agent does, the feature is resumable."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from cde_orchestrator.domain.built_in_agents import BUILT_IN_AGENTS
from tests.integration.run.stage import PHASES, Stage, read_until
from tests.terminal import terminal

ONE_PHASE = """\
version: 1
default: short
workflows:
  short:
    max_attempts: {attempts}
    phases:
      - id: write
        handler: agent
        prompt: standard/define.md
        outputs:
          - {{id: spec, path: "specs/{{feature}}/spec.md", min_bytes: 300}}
"""
WITH_A_PERSON = """\
version: 1
default: asked
workflows:
  asked:
    phases:
      - id: ask
        handler: human_input
        prompt: standard/define.md
        outputs:
          - {id: answer, path: "specs/{feature}/answer.md"}
      - id: write
        prompt: standard/define.md
        outputs:
          - {id: spec, path: "specs/{feature}/spec.md", min_bytes: 300}
"""


WITH_A_CHECK = """\
version: 1
default: checked
workflows:
  checked:
    phases:
      - id: write
        prompt: standard/define.md
        outputs:
          - {{id: spec, path: "specs/{{feature}}/spec.md", min_bytes: 300}}
        check: {check}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def one_phase(stage: Stage, attempts: int = 3, **agents: str) -> None:
    stage.build(ONE_PHASE.format(attempts=attempts), **agents)
    stage.start("column")


@pytest.mark.slow
def test_a_whole_feature_completes_with_an_agent_that_fails_its_first_attempts(
    stage: Stage,
) -> None:
    stage.build(agent="refused,succeed")
    stage.start("column")
    done = stage.run("column")
    assert done.code == 0, done.out
    assert (done.reply["outcome"], done.reply["feature"]["status"]) == ("completed", "completed")
    assert [(each["id"], each["attempts"]) for each in done.reply["phases"]] == [
        (phase, 2) for phase in PHASES
    ]
    asked = stage.prompts()
    assert [each["phase"] for each in asked] == [phase for phase in PHASES for _ in range(2)]
    first, second = asked[:2]
    assert "refused" not in first["prompt"].splitlines()[-20:]
    assert "E1" in second["prompt"].removeprefix(first["prompt"])
    assert {each["folder"] for each in asked} == {str(stage.project)}
    assert stage.left_processes() == []


@pytest.mark.parametrize(
    ("modes", "error", "attempts"),
    [
        ("fail", "E906", 2),
        ("killed", "E906", 2),
        ("garbage", "E110", 2),
        ("outside", "E110", 2),
    ],
)
def test_an_agent_that_does_not_get_it_done_leaves_the_phase_to_a_person(
    stage: Stage, modes: str, error: str, attempts: int
) -> None:
    one_phase(stage, attempts, agent=modes)
    done = stage.run("column")
    assert done.error == "E908"
    assert len(stage.remembered("attempts-write")) == attempts
    assert stage.phase_of("column") == "write"
    assert stage.left_processes() == []
    told = stage.cde("status", "column", "--prompt")
    assert "specs/column/spec.md" in told.out
    stage.define(agent="succeed")
    assert stage.run("column").reply["outcome"] == "completed"


def test_a_check_that_fails_is_handed_back(stage: Stage) -> None:
    code = (
        "import pathlib, sys; mark = pathlib.Path('mark')\n"
        "if not mark.exists(): mark.touch(); print('two tests are red'); sys.exit(3)"
    )
    check = json.dumps([sys.executable, "-c", code])
    stage.build(WITH_A_CHECK.format(check=check), agent="succeed")
    stage.start("column")
    assert stage.run("column").error == "E120"
    assert stage.cde("trust", "--yes").code == 0
    done = stage.run("column")
    assert done.reply["phases"] == [{"id": "write", "attempts": 2, "agent": "agent"}]
    _, _, handed_back = stage.prompts()
    assert "E118" in handed_back["prompt"]
    assert "two tests are red" in handed_back["prompt"]


def test_an_agent_that_hangs_is_ended_with_its_processes(stage: Stage) -> None:
    one_phase(stage, 1, agent="hang")
    done = stage.run("column", "agent", "--timeout", "0.5")
    assert done.error == "E908"
    assert "0.5 seconds" in done.reply["error"]["message"]
    assert stage.left_processes() == []
    stage.define(agent="succeed")
    assert stage.run("column").reply["outcome"] == "completed"


def test_processes_that_an_agent_leaves_behind_are_ended(stage: Stage) -> None:
    one_phase(stage, agent="fork")
    done = stage.run("column")
    assert (done.code, done.reply["outcome"]) == (0, "completed")
    assert len(stage.remembered("children")) == 3
    assert stage.left_processes() == []


def test_the_next_agent_of_the_list_works_when_one_fails(stage: Stage) -> None:
    one_phase(stage, agent="fail", other="succeed")
    done = stage.run("column", "agent,other")
    assert done.reply["phases"] == [{"id": "write", "attempts": 2, "agent": "other"}]


def test_an_agent_that_is_not_installed_costs_no_attempt(stage: Stage) -> None:
    one_phase(stage, 1, agent="succeed")
    assert stage.cde("agents", "trust", "claude", "--yes").code == 0
    done = stage.run("column", "claude,agent")
    assert done.reply["phases"] == [{"id": "write", "attempts": 1, "agent": "agent"}]


def test_without_any_program_nothing_is_started(stage: Stage) -> None:
    one_phase(stage, agent="succeed")
    assert stage.cde("agents", "trust", "claude", "--yes").code == 0
    assert stage.run("column", "claude").error == "E905"
    assert stage.remembered("prompts") == []
    assert stage.phase_of("column") == "write"


def test_an_agent_that_keeps_failing_is_left_alone_until_it_is_let_in_again(stage: Stage) -> None:
    one_phase(stage, 5, agent="fail,fail,fail,fail,fail,succeed")
    assert stage.run("column").error == "E908"
    assert len(stage.remembered("attempts-write")) == 5
    assert stage.run("column").error == "E908"  # another process, the same breaker
    assert len(stage.remembered("attempts-write")) == 5
    (breaker,) = stage.cde("health", "breakers", "--json").reply["breakers"]
    assert (breaker["name"], breaker["state"]) == ("agent-agent", "open")
    assert stage.cde("health", "reset-breaker", "agent-agent").code == 0
    assert stage.run("column").reply["outcome"] == "completed"


def test_an_agent_sees_the_usual_variables_and_those_that_it_names(stage: Stage) -> None:
    one_phase(stage, agent="environment")
    assert stage.run("column").code == 0
    seen = set(stage.remembered("environment"))
    assert {"PATH", "HOME", "SCRIPT_X", "CDE_FEATURE", "CDE_PHASE"} <= seen
    assert "SECRET_KEY" not in seen


def test_a_phase_of_a_person_stops_the_run_until_it_is_answered(stage: Stage) -> None:
    stage.build(WITH_A_PERSON, agent="succeed")
    stage.start("column")
    done = stage.run("column")
    assert (done.code, done.reply["outcome"]) == (0, "waits_for_person")
    assert done.reply["phase"]["id"] == "ask"
    assert "cde approve column" in stage.cde("run", "column", "--agent", "agent").out
    assert stage.cde("run", "column", "--agent", "agent", "--approve").code == 2
    assert stage.run("column").reply["outcome"] == "waits_for_person"
    answer = stage.project / "specs" / "column" / "answer.md"
    answer.parent.mkdir(parents=True)
    answer.write_text("The blue one, because the red one is gone.\n", encoding="utf-8")
    words = ("run", "column", "--agent", "agent", "--approve")
    with terminal(*words, cwd=stage.project, environment=stage.environment) as asked:
        asked.read_until("Approve?")
        asked.type("y")
        said = asked.end()
    assert asked.code == 0, said
    assert "ask  approved" in said
    assert "Feature column is completed" in said


def test_a_feature_is_started_and_run_at_once(stage: Stage) -> None:
    stage.build(ONE_PHASE.format(attempts=1), agent="succeed")
    done = stage.cde("run", "--prompt", "Add a column", "--agent", "agent")
    assert done.code == 0
    assert "working on write" in done.err
    assert stage.cde("list", "--status", "completed", "--json").reply["total"] == 1


def test_an_agent_that_nobody_trusts_is_not_started(stage: Stage) -> None:
    one_phase(stage, agent="succeed")
    settings = stage.project / ".cde" / "config.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("succeed", "fail"), encoding="utf-8")
    assert stage.run("column").error == "E912"
    assert stage.cde("run", "--prompt", "x", "--agent", "agent", "--json").error == "E912"
    assert stage.cde("agents", "test", "agent", "--json").error == "E912"
    (probe, *_) = stage.cde("agents", "list", "--json").reply["agents"]
    assert (probe["trusted"], probe["version"]) == (False, None)
    assert stage.remembered("prompts") == []
    assert stage.cde("list", "--json").reply["total"] == 1


def test_an_unknown_agent_is_refused_before_anything_is_started(stage: Stage) -> None:
    one_phase(stage, agent="succeed")
    assert stage.run("column", "agent,nobody").error == "E910"
    assert stage.remembered("prompts") == []


def test_agents_are_listed_and_tried_out(stage: Stage) -> None:
    stage.build(agent="fail,succeed")
    (probe, *rest) = stage.cde("agents", "list", "--json").reply["agents"]
    assert probe["name"] == "agent"
    assert (probe["found"], probe["version"], probe["breaker"]) == (True, "scripted 1.0", "closed")
    assert [each["name"] for each in rest] == list(BUILT_IN_AGENTS)
    assert stage.cde("agents", "test", "agent", "--json").error == "E906"
    tried = stage.cde("agents", "test", "agent", "--json").reply
    assert (tried["name"], tried["wrote_file"]) == ("agent", False)
    assert tried["last_lines"] == ["working on trial"]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_run_that_is_ended_leaves_no_process_and_is_gone_on_with(
    stage: Stage, number: signal.Signals, code: int
) -> None:
    one_phase(stage, agent="hang,succeed")
    process = stage.begin("run", "column", "--agent", "agent")
    read_until(process, "hanging")
    (agent,) = {int(each) for each in stage.remembered("children")}
    hanging = psutil.Process(agent)
    assert stage.run("column").error == "E909"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert ("cde run column --agent agent" in said) == (code > 0)
    hanging.wait(60)
    assert stage.phase_of("column") == "write"
    assert stage.run("column").reply["outcome"] == "completed"
