"""Running agents from the command line, and what people see of it."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from cde_orchestrator.application.features.get_feature_status import AssignmentReply
from cde_orchestrator.application.runs.observer import RunReply
from cde_orchestrator.cli.commands.agents import trusted
from cde_orchestrator.cli.session.call import Call
from cde_orchestrator.cli.views import agent
from cde_orchestrator.cli.views import run as _run_views
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import AgentError, CDESystemError
from tests.unit.cli.conftest import Terminal
from tests.unit.cli.views.test_views import FILE, PROJECT, SCREEN, phase, seen

DELIVERS = """
import pathlib, sys
path = pathlib.Path("specs", "column", "spec.md")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text("What is wanted, and how anybody can see that it works. " * 9)
print("delivered")
"""
WORKFLOW = """\
version: 1
default: short
workflows:
  short:
    phases:
      - id: write
        handler: {handler}
        prompt: standard/define.md
        outputs:
          - {{id: spec, path: "specs/{{feature}}/spec.md", min_bytes: 30}}
"""
ACCEPTED: Any = {
    "accepted": {"id": "define"},
    "kept": [{"path": "a.md", "kept_as": "a.md.before-submit"}],
}


@pytest.fixture
def at_agents(at_project: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in a project with an agent that delivers and one that fails."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    folder = at_project.folder / ".cde"
    (folder / "workflow.yml").write_text(WORKFLOW.format(handler="agent"), encoding="utf-8")
    (folder / "config.toml").write_text(
        f"""
        [agents.good]
        command = {json.dumps([sys.executable, "-c", DELIVERS])}
        [agents.bad]
        command = {json.dumps([sys.executable, "-c", "raise SystemExit(1)"])}
        """,
        encoding="utf-8",
    )
    at_project.answer("agents", "trust", "good", "bad", "--yes")
    at_project.answer("start", "Add a column", "--name", "column")
    return at_project


def test_a_feature_is_run_to_its_end(at_agents: Terminal) -> None:
    told = at_agents.run("run", "column", "--agent", "bad, good")
    assert at_agents.exit_code == 0
    assert "column is completed" in told
    assert "| delivered" in at_agents.stderr
    assert "E906" in at_agents.stderr


def test_the_only_open_feature_is_run(at_agents: Terminal) -> None:
    assert "column is completed" in at_agents.run("run", "--agent", "good")


def test_all_features_are_run(at_agents: Terminal) -> None:
    reply = at_agents.answer("run", "--all", "--jobs", "2", "--agent", "good")
    assert [run["outcome"] for run in reply["runs"]] == ["completed"]
    assert "No open features" in at_agents.run("run", "--all", "--agent", "good")


def test_a_feature_that_fails_does_not_stop_the_others(at_agents: Terminal) -> None:
    told = at_agents.run("run", "--all", "--agent", "bad")
    assert at_agents.exit_code == 1
    assert "E908" in told
    assert "column: " in at_agents.stderr


def test_a_feature_is_started_from_a_prompt(at_agents: Terminal) -> None:
    told = at_agents.run("run", "--prompt", "-", "--agent", "bad", stdin="Another wish")
    assert at_agents.exit_code == 1
    assert told == ""
    assert at_agents.answer("list")["total"] == 2


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("column",),
        ("column", "--agent", " , "),
        ("column", "--all", "--agent", "good"),
        ("column", "--prompt", "x", "--agent", "good"),
        ("--all", "--jobs", "0", "--agent", "good"),
        ("column", "--timeout", "0", "--agent", "good"),
        ("column", "--timeout", "1e12", "--agent", "good"),
        ("column", "--timeout", "1e400", "--agent", "good"),
        ("column", "--budget-minutes", "0", "--agent", "good"),
    ],
)
def test_wrong_use_of_run_is_told(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal.misused("run", *words)


def test_a_budget_in_money_is_for_agents_that_report_their_cost(at_agents: Terminal) -> None:
    words = ("run", "column", "--budget-usd", "5", "--agent")
    assert at_agents.misused(*words, "good")
    at_agents.answer("agents", "trust", "claude", "--yes")
    assert at_agents.refused(*words, "claude") == "E905"


def test_a_budget_that_is_used_up_ends_a_run_without_a_terminal(at_agents: Terminal) -> None:
    words = ("run", "column", "--agent", "bad", "--budget-minutes", "0.001")
    assert at_agents.refused(*words) == "E940"


def test_agents_are_trusted_only_with_a_person_or_yes(at_agents: Terminal) -> None:
    assert at_agents.refused("agents", "trust", "claude") == "E912"
    assert at_agents.answer("agents", "trust", "good")["agents"][0]["trusted"]


def test_trust_is_shown_and_taken_back(at_agents: Terminal) -> None:
    assert "agent good" in at_agents.run("trust", "--list")
    rows = at_agents.answer("agents", "trust", "--revoke", "good")["agents"]
    assert [(row["name"], row["trusted"]) for row in rows] == [("good", False)]
    assert at_agents.refused("run", "column", "--agent", "good") == "E912"
    assert [row["name"] for row in at_agents.answer("trust", "--list")["others"]] == ["bad"]
    assert "Nothing is trusted" in at_agents.run("trust", "--revoke")
    assert at_agents.answer("trust", "--list")["others"] == []
    assert at_agents.misused("agents", "trust", "--revoke", "--yes", "good")
    assert at_agents.misused("trust", "--revoke", "--yes")


@pytest.mark.parametrize("agrees", [True, False])
def test_a_person_is_asked(
    at_agents: Terminal, monkeypatch: pytest.MonkeyPatch, agrees: bool
) -> None:
    class Keyboard(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard("y\n" if agrees else "n\n"))
    if agrees:
        assert trusted(["claude"], Call(at_agents.folder), ask=True)["agents"][0]["trusted"]
    else:
        with pytest.raises(CDESystemError):
            trusted(["claude"], Call(at_agents.folder), ask=True)


def test_an_agent_is_tried_out(at_agents: Terminal) -> None:
    assert "good answered" in at_agents.run("agents", "test", "good")
    assert at_agents.refused("agents", "test", "bad") == "E906"


def test_agents_are_listed(at_agents: Terminal) -> None:
    told = at_agents.run("agents", "list")
    assert re.search(r"good +found +trusted +\S+", told)
    assert re.search(r"claude +not on PATH +- +claude --print", told)
    assert "cde agents trust" not in told
    at_agents.answer("trust", "--revoke")
    assert "$ cde agents trust good" in at_agents.run("agents", "list")


def test_breakers_are_shown_and_closed(at_agents: Terminal) -> None:
    assert "No failures recorded" in at_agents.run("health", "breakers")
    for _ in range(5):
        at_agents.run("agents", "test", "bad")
    told = at_agents.run("health", "breakers")
    assert "agent-bad  open" in told
    assert "cde health reset-breaker agent-bad" in told
    assert "breaker open" in at_agents.run("agents", "list")
    assert "agent-bad is closed" in at_agents.run("health", "reset-breaker", "agent-bad")
    assert at_agents.refused("health", "reset-breaker", "nothing") == "E904"


def assignment() -> AssignmentReply:
    feature: Any = {
        "id": "f",
        "name": "column",
        "status": "defining",
        "current_phase": "define",
        "workflow": "standard",
    }
    return {
        "project": PROJECT,
        "feature": feature,
        "phase": phase(),
        "number": 2,
        "total": 6,
        "phases": ["define", "define", "design", "implement", "test", "review"],
        "attempt": 1,
        "last_attempt": 3,
        "agent": None,
        "named_agents": [],
        "worked": "",
        "commands": [],
        "accepted": {},
    }


def test_the_live_display_shows_phase_attempt_and_last_lines() -> None:
    screen = StringIO()
    with Live(console=Console(file=screen, width=80), auto_refresh=False) as live:
        display = _run_views.LiveDisplay(live)
        display.phase_started(assignment())
        display.attempt_started(1, 3, Agent(name="good", command=("good",)))
        for number in range(20):
            display.line(f"line {number}\x1b[2J")
        shown = seen(display)
        display.agent_failed(AgentError.of("E907", agent="good", timeout_seconds=1))
        display.refused(AgentError.of("E905", agent="good", reason="gone"))
        display.accepted(ACCEPTED)
    assert "column: define (2/6)" in shown
    assert "attempt 1 of 3, good  0:00" in shown
    assert "line 19" in shown
    assert "line 11" not in shown
    assert "in total" in shown
    assert "then design, implement, test, review" in shown
    assert "\x1b" not in shown
    for words in ("E907", "refused", "define accepted"):
        assert words in screen.getvalue()


def test_a_flood_is_shown_by_its_first_and_last_lines_where_no_terminal_is(capsys: Any) -> None:
    display = _run_views.PlainDisplay()
    for number in range(20_000):
        display.line(f"line {number}")
    display.agent_ended(AgentReport(turns=1, input_tokens=2_000, cost_usd=0.5, denied=("Bash x",)))
    display.line("after")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 600
    for words in ("line 0", "line 299", "line 19800", "line 19999", "after"):
        assert f"  | {words}" in lines
    assert "  | ... 19,500 lines are left out here; the log has them" in lines
    assert "  | ... 3,000 lines so far" in lines
    assert "  1 turn, 2,000 tokens, $0.50" in lines
    assert "Not allowed to the agent: Bash x" in lines[-2]


def test_few_lines_are_shown_once(capsys: Any) -> None:
    display = _run_views.PlainDisplay()
    for number in range(_run_views.FIRST_SHOWN + 5):
        display.line(f"line {number}")
    display.agent_ended(AgentReport())
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"  | line {number}" for number in range(_run_views.FIRST_SHOWN + 5)]


def test_what_a_run_does_without_an_agent_is_named(capsys: Any) -> None:
    good, error = Agent(name="good", command=("good",)), AgentError.of("E905", agent="good")
    display = _run_views.PlainDisplay()
    display.waits(good, 90.0)
    display.dropped(good, error)
    display.completed_meanwhile([{"id": "design", "attempts": 0, "agent": "good"}])
    told = capsys.readouterr().err
    assert "good is busy; the run continues in 1:30" in told
    assert "good is not used in this run: E905" in told
    assert "design was completed meanwhile" in told


def test_features_that_run_together_are_named_once_a_line(capsys: Any) -> None:
    _run_views.PlainDisplay("column: ").phase_started(assignment())

    assert capsys.readouterr().err.strip() == "column: define (2/6)"


def test_a_person_is_told_how_to_go_on() -> None:
    whole: Any = {**assignment(), "outcome": "waits_for_person", "phases": []}
    reply: RunReply = whole
    usage: Any = {"words": "3 turns, 10 tokens"}
    reply["phases"] = [
        {"id": "define", "attempts": 1, "agent": "good", "usage": usage},
        {"id": "design", "attempts": 0, "agent": "good", "meanwhile": True},
    ]
    shown = seen(_run_views.run_ended(reply, SCREEN))
    assert "define  attempt 1  good  3 turns, 10 tokens" in shown
    assert "design  meanwhile  good" in shown
    assert "column waits for a person: define" in shown
    assert "cde approve column" in shown
    assert "cde run column --approve --agent NAME" in shown


def test_a_run_of_several_tells_each_end() -> None:
    error = ErrorFormatter.payload(AgentError.of("E905", agent="good", reason="gone"))
    rows: Any = [
        {"feature": "a", "outcome": "completed", "folder": "/a", "phases": [], "error": None},
        {
            "feature": "b",
            "outcome": "waits_for_person",
            "folder": None,
            "phases": [],
            "error": None,
        },
        {"feature": "c", "outcome": None, "folder": None, "phases": [], "error": error},
    ]
    shown = seen(_run_views.runs_ended({"runs": rows}, FILE))
    assert "a is completed" in shown
    assert "in /a" in shown
    assert "b waits for a person" in shown
    assert "c: " in shown
    assert "E905" in shown


def test_an_agent_that_may_not_write_is_told() -> None:
    reply: Any = {"name": "a", "wrote_file": False, "duration_ms": 2_000.0, "last_lines": ["x"]}
    shown = seen(agent.agent_tried(reply, FILE))
    assert "a answered  2.0 s" in shown
    assert "Check its write permissions" in shown


def test_beside_json_nothing_is_shown_and_elsewhere_lines(capsys: Any) -> None:
    with _run_views.display(as_json=True) as quiet:
        quiet.phase_started(assignment())
        quiet.attempt_started(1, 3, Agent(name="good", command=("good",)))
        quiet.line("x")
        quiet.agent_failed(AgentError.of("E905", agent="good", reason="gone"))
        quiet.refused(AgentError.of("E905", agent="good", reason="gone"))
        quiet.accepted(ACCEPTED)
    assert capsys.readouterr().err == ""
    with _run_views.display(as_json=False) as plain:
        plain.phase_started(assignment())
        plain.refused(AgentError.of("E905", agent="good", reason="gone"))
    assert "column: define (2/6)" in capsys.readouterr().err


def test_on_a_terminal_the_display_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with _run_views.display(as_json=False) as shown:
        shown.phase_started(assignment())
        assert isinstance(shown, _run_views.LiveDisplay)
    assert "column: define" in screen.getvalue()
