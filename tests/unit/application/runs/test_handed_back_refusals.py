"""No prompt of ``cde run`` tells an agent to submit and not to submit: a refusal says no call."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cde_orchestrator.application.runs.crew import Crew
from cde_orchestrator.application.runs.phase_work import PhaseWork
from cde_orchestrator.domain.agent import RESUME, Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import FeatureError
from tests.unit.test_error_formatting import error_about

UNATTENDED = "Do not call cde_submitWork or cde submit yourself."
SUBMITS = re.compile(r"cde_submitWork|cde submit")


def refused(code: str) -> FeatureError:
    """An error of that code, each of whose facts is a text."""
    return FeatureError.of(code, **error_about(code, "x").context)


CODES = [code for code in ERROR_MESSAGES if "E100" <= code < "E200"]
HANDED_BACK = [code for code in CODES if refused(code).is_about_the_work]
"""What a run hands back to its agent."""


@pytest.mark.parametrize("resumed", [False, True], ids=["whole", "resumed"])
@pytest.mark.parametrize("known", [False, True], ids=["refusal", "advice"])
@pytest.mark.parametrize("code", HANDED_BACK)
def test_a_refusal_that_is_handed_back_tells_nobody_to_submit(
    code: str, known: bool, resumed: bool
) -> None:
    agent = Agent(name="a", command=("a", RESUME), output="claude-json")
    refusal = refused(code)
    crew = Crew(trusted=[agent], names=["a"], seconds=lambda: 0.0)
    work = PhaseWork("define", 1, crew, [agent], refusal=refusal)
    if resumed:
        work.ended(agent, AgentReport(session="s", turns=1))
    said = f"{refusal.message}\nattempt 2 of 3\n" if known else ""
    phase = {"id": "define", "prompt": f"# Define\n{said}"}
    prompt = work.prompt(phase, agent, "attempt 2 of 3")  # type: ignore[arg-type]
    assert SUBMITS.findall(prompt.replace(UNATTENDED, "")) == []


def test_an_agent_that_changed_what_was_accepted_is_told_how_to_put_it_back() -> None:
    crew = Crew(trusted=[], names=[], seconds=lambda: 0.0)
    agent = Agent(name="a", command=("a",))
    work = PhaseWork("define", 1, crew, [agent], refusal=refused("E132"))
    phase: Any = {"id": "define", "prompt": ""}
    prompt = work.prompt(phase, agent, "attempt 2")
    assert "put it back as it was" in prompt
