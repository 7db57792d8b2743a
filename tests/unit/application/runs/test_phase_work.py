"""What an agent of a run is given of the attempt before."""

from __future__ import annotations

from typing import Any

import pytest

from cde_orchestrator.application.runs.crew import Crew
from cde_orchestrator.application.runs.phase_work import PhaseWork
from cde_orchestrator.domain.agent import RESUME, Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import OutputError

ROBOT = Agent(name="robot", command=("robot", RESUME))
REFUSAL = OutputError.of(
    "E110",
    feature="login",
    phase="define",
    problems="spec at specs/login/spec.md is missing",
    outputs=[{"path": "specs/login/spec.md", "fix": "Write the file"}],
)
NUMBER = "attempt 2 of 3"


def refused() -> PhaseWork:
    """Work whose first attempt the gate refused."""
    work = PhaseWork("define", 1, Crew(trusted=[], names=[], seconds=lambda: 0.0), [ROBOT])
    work.refusal = REFUSAL
    return work


def prompted(work: PhaseWork, prompt: str) -> str:
    phase: Any = {"id": "define", "prompt": prompt}
    return work.prompt(phase, ROBOT, NUMBER)


def test_a_prompt_that_has_the_refusal_and_the_number_is_given_the_advice_alone() -> None:
    said = f"## What failed last\n\n> {REFUSAL.message}\n\nThis is {NUMBER} at this phase.\n"
    given = prompted(refused(), said)

    assert given.startswith(said)
    assert [given.count(each) for each in (REFUSAL.message, NUMBER)] == [1, 1]
    assert "## About the refusal E110\n\nWhat to correct:\n" in given
    assert "  specs/login/spec.md: Write the file\n" in given
    assert "Your last attempt was refused" not in given


@pytest.mark.parametrize("known", ["", f"> {REFUSAL.message}\n", f"This is {NUMBER}.\n"])
def test_one_that_lacks_any_of_it_is_given_all_of_the_refusal(known: str) -> None:
    given = prompted(refused(), f"# Define\n{known}")

    assert f"This is {NUMBER}. The gate reported:\n\n" in given
    assert REFUSAL.message in given.partition("The gate reported:")[2]
    assert "  specs/login/spec.md: Write the file\n" in given


def test_a_session_that_continues_is_given_the_number_and_the_refusal_alone() -> None:
    work = refused()
    work.ended(ROBOT, AgentReport(session="1", turns=1))
    given = prompted(work, f"# Define\n> {REFUSAL.message}\nThis is {NUMBER}.\n")

    assert "# Define" not in given
    assert given.startswith("What you left for the phase `define` was submitted.")
    assert [given.count(each) for each in (REFUSAL.message, NUMBER)] == [1, 1]


def test_without_a_refusal_nothing_is_said_of_one() -> None:
    work = refused()
    work.refusal = None
    assert "refus" not in prompted(work, "# Define\n")
