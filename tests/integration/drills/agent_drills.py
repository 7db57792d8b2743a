"""Drills of agents and circuit breakers, E903 to E919 and E939 to E942."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

from cde_orchestrator.application.ports.agents import Assignment
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.agent import Agent
from tests.command_line import program
from tests.integration.drills.stage import Outcome, Stage, drill

FAILS = "exit 1\n"
WORKS = "exit 0\n"
BUSY = "echo 'Error 429: Too Many Requests'\nexit 1\n"
NOT_SIGNED_IN = "echo 'Not logged in. Please run /login'\nexit 1\n"
STAYS = "echo here\nexec sleep 1000\n"
DELIVERS = """\
mkdir -p notes
echo 'What was found, and how anybody can see that it is so.' > notes/login.md
echo 'It was read again, and it is so indeed.' > notes/login-verdict.md
"""


class Script:
    """The agent ``mine``: a script that a person can mend without changing its definition."""

    def __init__(self, stage: Stage, content: str, **settings: float) -> None:
        self.path = stage.folder / "agent.sh"
        self.path.write_text(content)
        definition = {"command": ["sh", str(self.path)], **settings}
        lines = [f"{key} = {json.dumps(value)}" for key, value in definition.items()]
        config = stage.root / ".cde" / "config.toml"
        config.write_text("\n".join(["[agents.mine]", *lines, ""]))
        stage.environment["XDG_CONFIG_HOME"] = str(stage.folder / "config")

    def become(self, content: str) -> None:
        """Do something else from now on."""
        self.path.write_text(content)


async def trusted(stage: Stage, content: str, **settings: float) -> Script:
    script = Script(stage, content, **settings)
    words = ("agents", "trust", "mine", "--yes", "--project", str(stage.root))
    assert (await stage.command(*words)).error is None
    return script


async def tried(stage: Stage) -> Outcome:
    return await stage.json_command("agents", "test", "mine", "--project", str(stage.root))


async def ran(stage: Stage, agent: str = "mine") -> Outcome:
    words = ("run", "login", "--agent", agent, "--project", str(stage.root))
    return await stage.json_command(*words)


@drill("E903")
async def an_agent_that_keeps_failing(stage: Stage) -> None:
    script = await trusted(stage, FAILS)
    for _ in range(5):
        await tried(stage)
    await stage.prove(lambda: tried(stage), by_hand=lambda: script.become(WORKS))


@drill("E904")
async def a_breaker_that_does_not_exist(stage: Stage) -> None:
    project = ("--project", str(stage.root))
    await stage.prove(
        lambda: stage.json_command("health", "reset-breaker", "nothing", *project),
        corrected=lambda: stage.json_command("health", "breakers", *project),
    )


@drill("E905")
async def an_agent_that_is_not_installed(stage: Stage) -> None:
    program = stage.folder / "my-agent"
    stage.environment["XDG_CONFIG_HOME"] = str(stage.folder / "config")
    (stage.root / ".cde" / "config.toml").write_text(
        f"[agents.mine]\ncommand = [{json.dumps(str(program))}]\n"
    )
    words = ("agents", "trust", "mine", "--yes", "--project", str(stage.root))
    assert (await stage.command(*words)).error is None

    def install() -> None:
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)

    await stage.prove(lambda: tried(stage), names="not on PATH", by_hand=install)


@drill("E906")
async def an_agent_that_fails(stage: Stage) -> None:
    script = await trusted(stage, FAILS)
    await stage.prove(
        lambda: tried(stage),
        names="its exit code is 1",
        by_hand=lambda: script.become(WORKS),
    )


@drill("E907")
async def an_agent_that_takes_too_long(stage: Stage) -> None:
    script = await trusted(stage, STAYS, timeout_seconds=2.0)
    await stage.prove(lambda: tried(stage), names="mine", by_hand=lambda: script.become(WORKS))


@drill("E908")
async def a_phase_that_no_agent_gets_done(stage: Stage) -> None:
    script = await trusted(stage, FAILS)
    await stage.prove(lambda: ran(stage), by_hand=lambda: script.become(DELIVERS))


def running(stage: Stage) -> subprocess.Popen[str]:
    """A run of the feature in another process."""
    words = ("run", "login", "--agent", "mine", "--project", str(stage.root))
    return subprocess.Popen(
        [*program(stage.environment), *words],
        env={**os.environ, **stage.environment},
        stderr=subprocess.PIPE,
        text=True,
    )


@drill("E909")
async def a_feature_that_is_being_run(stage: Stage) -> None:
    script = await trusted(stage, STAYS)
    with running(stage) as other:
        assert other.stderr is not None
        assert any("here" in line for line in other.stderr)

        def end_the_other() -> None:
            other.terminate()
            other.communicate(timeout=60)
            script.become(DELIVERS)

        await stage.prove(lambda: ran(stage), by_hand=end_the_other)


@drill("E910")
async def an_agent_that_nobody_defined(stage: Stage) -> None:
    await trusted(stage, DELIVERS)
    await stage.prove(
        lambda: ran(stage, "nobody"), names="mine", corrected=lambda: ran(stage, "mine")
    )


@drill("E911")
async def a_run_that_was_stopped(stage: Stage) -> None:
    script = stage.folder / "agent.sh"
    script.write_text(WORKS)
    agent = Agent(name="mine", command=("sh", str(script)))
    assignment = Assignment(prompt="Work", folder=Path(stage.root), labels={})

    def work(*, stopped: bool) -> None:
        application = build_application(stage.root)
        if stopped:
            application.agents.stop()
        application.agents.run(agent, assignment, lambda _line: None)
        application.close()

    await stage.prove(
        lambda: stage.library(lambda: work(stopped=True)),
        corrected=lambda: stage.library(lambda: work(stopped=False)),
    )


@drill("E912")
async def an_agent_that_nobody_trusts(stage: Stage) -> None:
    Script(stage, DELIVERS)

    async def answer_yes(command: str) -> Outcome:
        return await stage.command(*shlex.split(command)[1:], "--yes")

    await stage.prove(lambda: ran(stage), follow=answer_yes)


@drill("E939")
async def an_agent_whose_model_is_busy(stage: Stage) -> None:
    script = await trusted(stage, BUSY)
    await stage.prove(
        lambda: tried(stage), names="Too Many Requests", by_hand=lambda: script.become(WORKS)
    )


@drill("E940")
async def a_run_that_used_its_budget_up(stage: Stage) -> None:
    script = await trusted(stage, f"sleep 1\n{FAILS}")
    words = ("run", "login", "--agent", "mine", "--project", str(stage.root))

    def work_well() -> None:
        script.become(DELIVERS)

    await stage.prove(
        lambda: stage.json_command(*words, "--budget-minutes", "0.01"),
        by_hand=work_well,
        corrected=lambda: stage.json_command(*words),
    )


@drill("E942")
async def an_agent_that_is_not_signed_in(stage: Stage) -> None:
    script = await trusted(stage, NOT_SIGNED_IN)
    await stage.prove(
        lambda: tried(stage), names="Not logged in", by_hand=lambda: script.become(WORKS)
    )
