"""Agents that speak ACP, as programs on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.runners.agent_process import CommandLineAgents
from cde_orchestrator.adapters.runners.protocol import conversation
from cde_orchestrator.application.ports.agents import Assignment
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from tests.integration.run.scripted_acp_agent import command

TESTS = ("python", "-m", "pytest", "-q")


class World:
    """A project, an agent that follows a script, and what it was answered."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.root = folder / "project"
        self.state.mkdir()
        (self.root / ".cde").mkdir(parents=True)
        self.agents = CommandLineAgents(self.root, BreakerRegistry(self.root))
        self.lines: list[str] = []

    def assignment(self, **changes: Any) -> Assignment:
        given = Assignment(prompt="Work", folder=self.root, labels={}, commands=[TESTS])
        return replace(given, **changes)

    def agent(self, *acts: str, hello: str = "plain", **changes: Any) -> Agent:
        words = command(self.state, acts, hello=hello)
        return Agent(name="mine", command=tuple(words), output="acp", **changes)

    def run(self, *acts: str, hello: str = "plain", **changes: Any) -> AgentReport:
        agent = self.agent(*acts, hello=hello)
        return self.agents.run(agent, self.assignment(**changes), self.lines.append)

    def kept(self, name: str) -> list[str]:
        path = self.state / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def failures(self) -> int:
        return BreakerRegistry(self.root).get("agent-mine").failure_count


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refusal(run: Callable[[], object]) -> CDEError:
    with pytest.raises(CDEError) as refused:
        run()
    return refused.value


def test_what_it_says_and_does_is_shown_as_lines_and_reported(world: World) -> None:
    report = world.run("say I look", "say  around.", f"use {world.root}/a.py", "cost 0.5", "say Ok")
    assert world.lines == ["I look around.", "edit a.py", "failed: it is full", "Ok"]
    (session,) = world.kept("sessions")
    assert session.split()[::2] == ["new", str(world.root)]
    assert report == AgentReport(
        session=session.split()[1],
        turns=2,
        input_tokens=20,
        output_tokens=10,
        cost_usd=0.5,
        words="Ok",
    )


def test_its_prompt_is_what_it_was_to_be_given(world: World) -> None:
    prompt = "Grüße\n" * 200_000  # more than a pipe takes at once
    world.run("say Ok", prompt=prompt)
    assert json.loads(world.kept("prompts")[0]) == prompt


def test_a_session_is_continued_and_its_past_is_not_shown_again(world: World) -> None:
    before = AgentReport(session="s-7", turns=3, cost_usd=0.5)
    report = world.run("cost 0.75", "say Ok", session=before, whole_prompt="All of it")
    assert (world.kept("sessions"), world.lines) == (["load s-7"], ["Ok"])
    assert json.loads(world.kept("prompts")[0]) == "Work"
    assert (report.session, report.cost_usd) == ("s-7", 0.25)


def test_or_resumed_where_the_program_can(world: World) -> None:
    world.run("say Ok", hello="resumes", session=AgentReport(session="s-7"))
    assert world.kept("sessions") == ["resume s-7"]


def test_a_session_that_is_gone_begins_once_more_with_the_whole_prompt(world: World) -> None:
    before = AgentReport(session="s-7", cost_usd=0.5)
    report = world.run(
        "cost 0.75", hello="forgets", session=before, prompt="More", whole_prompt="All of it"
    )
    assert json.loads(world.kept("prompts")[0]) == "All of it"
    assert (report.session != "s-7", report.cost_usd) == (True, 0.75)
    assert world.lines == ["a new session begins: Internal error: no such session"]


def test_a_program_that_keeps_no_sessions_reports_none(world: World) -> None:
    assert world.run("say Ok", hello="unsaved").session == ""


ASKED = {
    "run python3 -m pytest -q tests/test_a.py": "yes",
    "run python -m pytest -q; rm -rf /": "no",
    "run curl x": "no",
    "run mkdir -p specs/new": "yes",
    "edit src/new.py": "yes",
    "edit ../outside.py": "no",
    "edit .cde/state.json": "no",
    "edit specs/login/spec.md": "no",
    "fetch https://example.com": "no",
}


def test_it_may_do_what_its_phase_needs_within_the_project(world: World) -> None:
    report = world.run(*ASKED, accepted={"specs/login/spec.md": ("login", "define")})
    assert dict(zip(ASKED, world.kept("answers"), strict=True)) == ASKED
    refused = [line for line in world.lines if line.startswith("not allowed: ")]
    assert len(refused) == len(report.denied) == 6


@pytest.mark.parametrize(("says", "answer"), [(True, "yes"), (False, "no")])
def test_a_person_who_is_there_is_asked_for_anything_else(
    world: World, says: bool, answer: str
) -> None:
    questions: list[str] = []

    def ask(question: str) -> bool:
        questions.append(question)
        return says

    acts = ("run curl x # y\nrm x", "run python -m pytest -q", "edit /x.py", f"run {'long ' * 500}")
    report = world.run(*acts, ask=ask)
    outside = "mine wants to: edit /x.py (outside the project: /x.py)"
    assert questions == ["mine wants to: $ curl x # y ⏎ rm x", outside]
    assert world.kept("answers") == [answer, "yes", answer, "no"]
    assert len(report.denied) == (1 if says else 3)


def test_a_file_that_it_has_written_is_one_of_the_project(world: World, tmp_path: Path) -> None:
    (world.root / "out").symlink_to(tmp_path)
    script = world.root / "run.sh"
    script.touch(mode=0o755)
    accepted = {"specs/login/spec.md": ("login", "define")}
    acts = ["src/new/a.py", str(script), "out/b.py", str(tmp_path / "c.py"), *accepted, ".git/x"]
    report = world.run(*(f"write {path}" for path in acts), accepted=accepted)

    first, second, *refused = world.kept("answers")
    assert (first, second, len(refused), len(report.denied)) == ("written", "written", 4, 4)
    assert "accepted as an output of phase define" in refused[2]
    assert (world.root / "src/new/a.py").read_text() == "written\n"
    assert script.stat().st_mode & 0o777 == 0o755
    assert not any((tmp_path / name).exists() for name in ("b.py", "c.py"))
    assert not (world.root / "specs").exists()


def test_a_file_that_cannot_be_written_is_said_to_be_so(world: World) -> None:
    (world.root / "folder").mkdir()
    world.run("write folder")
    assert world.kept("answers") == ["folder: Is a directory"]


def test_what_nobody_knows_is_passed_over(world: World) -> None:
    world.run("unknown", "say Ok", hello="noise")
    assert world.kept("answers") == ["Method not found"]
    assert world.lines == ["Loaded what was kept.", "[1, 2]", "Ok"]


@pytest.mark.parametrize(
    ("acts", "hello", "code", "words"),
    [
        (["garbage"], "plain", "E906", "a message that cannot be read"),
        (["long"], "plain", "E906", "a message that cannot be read"),
        (["end 3"], "plain", "E906", "its exit code is 3 before it answered"),
        (["end 0"], "plain", "E906", "it ended before it answered"),
        (["busy"], "plain", "E939", "429 Too Many Requests"),
        ([], "ends", "E942", "it ended before it answered"),
        ([], "version", "E942", "it speaks version 9 of ACP"),
        ([], "auth", "E942", "run login first"),
        ([], "silent", "E942", "no session within 1 seconds"),
        ([], "deaf", "E942", "no session within 1 seconds"),
    ],
)
def test_each_failure_has_its_code_and_counts_as_any_program_s(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    acts: Sequence[str],
    hello: str,
    code: str,
    words: str,
) -> None:
    seconds = 1.0 if hello in {"silent", "deaf"} else 300.0
    monkeypatch.setattr(conversation, "HANDSHAKE_SECONDS", seconds)
    error = refusal(lambda: world.run(*acts, hello=hello, prompt="x" * 1_000_000))
    assert (error.code, world.failures) == (code, int(code == "E906"))
    assert words in error.message


def test_a_busy_model_says_for_how_long(world: World) -> None:
    assert refusal(lambda: world.run("busy")).context["wait_seconds"] == 7.0


def test_an_error_in_place_of_an_answer_is_no_attempt(world: World) -> None:
    said = "say Error: Authentication failed (HTTP 401)"
    assert refusal(lambda: world.run(said, hello="uncounted")).code == "E942"
    assert world.run(said).words == world.run("use a.py", said, hello="uncounted").words


def test_its_last_words_are_in_its_failure_and_in_the_log(world: World) -> None:
    with capture_logs() as logs:
        assert "it was not to be" in refusal(lambda: world.run("end 3")).message
    assert "it was not to be" in [each.get("line") for each in logs]


def test_a_program_that_speaks_nothing_cannot_work_here(world: World) -> None:
    agent = Agent(name="mine", command=("false",), output="acp")
    error = refusal(lambda: world.agents.run(agent, world.assignment(), world.lines.append))
    assert error.code == "E942"


def test_it_is_ended_after_its_time_with_its_prompt_taken_back(world: World) -> None:
    agent = world.agent("hang", timeout_seconds=4.0)
    error = refusal(lambda: world.agents.run(agent, world.assignment(), world.lines.append))
    assert error.code == "E907"
    # On a machine that is busy it may not have begun by then.
    assert len(world.kept("cancelled")) == len(world.kept("prompts"))


def test_a_run_that_is_stopped_takes_the_prompt_back_and_does_not_count(world: World) -> None:
    def stop(_line: str) -> None:
        threading.Thread(target=world.agents.stop).start()

    error = refusal(lambda: world.agents.run(world.agent("hang"), world.assignment(), stop))
    assert (error.code, world.failures) == ("E911", 0)
    assert len(world.kept("cancelled")) == 1


def test_a_small_task_shows_whether_it_may_write(world: World) -> None:
    tried = world.agents.try_out(world.agent("write cde-agent-test.txt", "say done"))
    assert (tried["wrote_file"], tried["last_lines"]) == (True, ["done"])
