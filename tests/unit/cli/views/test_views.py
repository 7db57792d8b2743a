"""How replies look to people, in words and on a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from cde_orchestrator.application.checks.running import RunningView
from cde_orchestrator.application.proof_views import ProofView
from cde_orchestrator.application.remarks import start_remarks, submit_remarks
from cde_orchestrator.application.task_views import TaskView
from cde_orchestrator.application.views import (
    FeatureReply,
    FeatureRow,
    PhaseView,
    ProjectView,
    StartReply,
)
from cde_orchestrator.cli.console import wording
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.session.errors import failure
from cde_orchestrator.cli.views import feature, project, resume, status, workflow
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import (
    CDEError,
    FeatureError,
    ValidationError,
    is_mistake,
)
from cde_orchestrator.mcp_tools import _texts
from tests.catalogue import wishes

NOON = datetime(2025, 11, 10, 12, 0, tzinfo=UTC)
SCREEN = RenderTarget(terminal=True, now=NOON)
FILE = RenderTarget(terminal=False, now=NOON)

PROOF: ProofView = {
    "at": "2026-01-01T00:00:00+00:00",
    "criteria": ["AC1", "AC2"],
    "notes": [],
    "sees": {"AC1": ["a.py:pay", "a.py:Card.charge", "b.py:line 3", "b.py:lines 5-9"]},
    "tests": 1,
    "waived": ["AC2"],
    "runs": 5,
    "tree": "0" * 40,
}
PROJECT: ProjectView = {
    "id": "p1",
    "name": "shop",
    "path": "/home/shop",
    "status": "active",
    "backend": "filesystem",
    "read_only": False,
    "trust": "trusted",
}


def seen(renderable: RenderableType, width: int = 80) -> str:
    """What stands on a screen, without colours and trailing blanks."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(renderable, crop=False)
    return "\n".join(line.rstrip() for line in capture.get().split("\n"))


def ago(**passed: float) -> str:
    """A time before noon, as replies have it."""
    return (NOON - timedelta(**passed)).isoformat()


def phase(**changes: Any) -> PhaseView:
    """A phase to work on."""
    whole: Any = {
        "id": "define",
        "description": "Say what is wanted.",
        "handler": "agent",
        "prompt": "# Define",
        "outputs": [],
    }
    return {**whole, **changes}  # type: ignore[typeddict-item] # changes are the tests' own


def reply(current: PhaseView | None) -> FeatureReply:
    """A feature in a phase."""
    return {
        "project": PROJECT,
        "feature": {
            "id": "f1",
            "name": "login",
            "status": "defining",
            "current_phase": "define",
            "workflow": "standard",
        },
        "phase": current,
    }


def begun(current: PhaseView | None) -> StartReply:
    """The same as the answer to a start."""
    return {
        **reply(current),
        "branch": None,
        "git_problem": None,
        "proof_problem": None,
        "unproven": None,
        "fits": None,
        "shared": [],
        "baseline": [],
        "related": [],
    }


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        ({"seconds": -5}, "just now"),
        ({"seconds": 59}, "just now"),
        ({"seconds": 60}, "1 min ago"),
        ({"minutes": 59}, "59 min ago"),
        ({"hours": 1}, "1 hour ago"),
        ({"days": 3, "hours": 5}, "3 days ago"),
    ],
)
def test_a_time_is_told_by_how_long_ago_it_was(passed: dict[str, float], words: str) -> None:
    assert wording.moment(ago(**passed), SCREEN) == words
    assert wording.moment(ago(**passed), FILE) == ago(**passed)


@pytest.mark.parametrize("look", [SCREEN, FILE])
def test_what_is_no_time_is_shown_harmless_as_it_is(look: RenderTarget) -> None:
    assert wording.moment("lately\x1b[2J", look) == r"lately\x1b[2J"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0s"), (8, "8s"), (70, "1m 10s"), (3_700, "1h 1m"), (90_000, "1d 1h")],
)
def test_a_duration_is_told_in_two_units(seconds: int, words: str) -> None:
    assert wording.lasted(ago(seconds=seconds), ago()) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "no bytes"), (1, "1 byte"), (999, "999 bytes"), (1_234, "1.2 kB"), (3_400_000, "3.4 MB")],
)
def test_a_size_is_told_in_the_unit_that_fits(count: int, words: str) -> None:
    assert wording.size(count) == words


def test_a_command_is_shown_as_a_shell_takes_it() -> None:
    look = RenderTarget(terminal=True, project=Path("/my shop"))

    assert wording.command(look, "start", "it's new") == (
        """cde start 'it'"'"'s new' --project '/my shop'"""
    )


def test_lines_are_cleaned_one_by_one() -> None:
    assert wording.clean_lines("a\x1b[1m\n\tb\r") == "a\\x1b[1m\n    b "


def test_a_screen_shows_as_many_columns_as_it_has_room_for() -> None:
    rows: list[FeatureRow] = [
        {
            "id": "0123456789abcdef",
            "name": "login",
            "status": "defining",
            "current_phase": "define",
            "updated_at": ago(minutes=2),
            "goal": "Add a login page",
            "waits_for": "agent",
            "agent": "claude",
        },
        {
            "id": "aaaaaaaaaaaaaaaa",
            "name": "signup",
            "status": "waits_for_person",
            "current_phase": "approve",
            "updated_at": ago(minutes=3),
            "goal": "Let people sign up",
            "waits_for": "person",
            "agent": None,
        },
        {
            "id": "fedcba9876543210",
            "name": "old",
            "status": "completed",
            "current_phase": None,
            "updated_at": ago(days=2),
            "goal": "Something [b]old[/b]\x1b",
            "waits_for": None,
            "agent": None,
        },
    ]

    narrow, usual, wide, file = (
        seen(feature.feature_table(rows, look), 200)
        for look in (
            RenderTarget(terminal=True, now=NOON, width=60),
            RenderTarget(terminal=True, now=NOON, width=80),
            RenderTarget(terminal=True, now=NOON, width=120),
            FILE,
        )
    )

    assert narrow.splitlines() == [
        "   FEATURE  AT         WAITS FOR",
        "●  login    define     claude",
        "    Add a login page",
        "!  signup   approve    you",
        "    Let people sign up",
        "✓  old      completed  -",
        "    Something [b]old[/b]\\x1b",
    ]
    assert usual.splitlines()[1] == "●  login    define     claude     2 min ago"
    assert wide.splitlines()[5] == "✓  old      completed  -          2 days ago  fedcba98"
    assert file.splitlines()[3].split()[:5] == ["old", "-", "completed", "-", ago(days=2)]
    assert file.splitlines()[3].endswith("  fedcba98  Something [b]old[/b]\\x1b")


def test_a_list_says_how_a_closed_feature_ended_and_where() -> None:
    failed: FeatureRow = {
        "id": "0123456789abcdef",
        "name": "login",
        "status": "failed",
        "current_phase": "define",
        "updated_at": ago(minutes=2),
        "goal": "",
        "waits_for": None,
        "agent": None,
    }

    shown = seen(feature.feature_table([failed], RenderTarget(terminal=True, now=NOON)), 120)

    assert "failed in define" in shown


RUNNING: RunningView = {"phase": "review", "since": "2026-01-01", "by": "mcp:one", "line": ""}
TASKS: list[TaskView] = [
    {"id": "T1", "text": "pay", "files": ["a.py"], "criteria": ["AC1"], "done": True},
    {"id": "T2", "text": "", "files": [], "criteria": [], "done": False},
]


def test_a_phase_tells_what_each_output_must_be_like() -> None:
    outputs = [
        {
            "id": "spec",
            "path": "specs/login/spec.md",
            "type": "markdown",
            "required": True,
            "min_bytes": 400,
            "must_contain": ["## Goal", "re:\\bAC1\\b"],
            "verdict": ["approved", "fine"],
            "covers": "spec",
        },
        {
            "id": "notes",
            "path": "notes.txt",
            "type": "text",
            "required": False,
            "min_bytes": 1,
            "must_contain": [],
            "verdict": [],
            "covers": None,
        },
    ]

    text = seen(feature.started(begun(phase(outputs=outputs)), SCREEN))

    assert "╭─ Now: define ─" in text
    assert "│ specs/login/spec.md  spec" in text
    assert "│   markdown, at least 400 bytes, with ## Goal, matching \\bAC1\\b, verdict" in text
    assert "a task for each criterion of spec" in " ".join(text.replace("│", "").split())
    assert "│   text, optional" in text
    assert "  $ cde status login --prompt   # its prompt, for an agent" in text


def test_people_read_what_agents_are_sent_of_other_peoples_work() -> None:
    start: StartReply = {
        **begun(None),
        "git_problem": "a\x1bb",
        "shared": [{"path": "NEWS.md", "features": ["aa"], "total": 2}],
    }
    accepted: Any = {"id": "spec", "outputs": []}
    submit: Any = {
        **reply(None),
        "accepted": accepted,
        "kept": [{"path": "NEWS.md", "kept_as": "NEWS.md.before-submit"}],
    }

    for people, agents, remarks in (
        (feature.started(start, FILE), _texts.started(start), start_remarks(start)),
        (feature.submitted(submit, FILE), _texts.accepted(submit), submit_remarks(submit)),
    ):
        for each in remarks:
            assert f"! {each}\n" in seen(people, 200)
            assert each in agents


def test_a_phase_for_a_person_without_outputs_says_so() -> None:
    current = phase(handler="human_input", description="")

    text = seen(feature.started(begun(current), FILE))

    assert "Now: define\n  A person answers this phase.\n" in text
    assert "No outputs are required." in text
    assert "# its prompt, for a person" in text


ATTEMPT = {
    "number": 2,
    "of": 3,
    "last_failure": "The check make test ended with exit code 2:\none\n\ntwo\nthree\nfour\nfive",
    "returned": "Returned to this phase: it was wrong",
    "reopened": False,
    "gate": {
        "outputs": [],
        "check": {
            "command": ["make", "test"],
            "directory": ".",
            "timeout_seconds": 60.0,
            "trusted": False,
        },
        "proves": None,
    },
}
MADE = {
    "difference": {"files": 1, "added": 3, "removed": 0},
    "outputs": ["specs/login/spec.md"],
    "seconds": 125.0,
}
WORK = {
    "progress": [],
    "failures": [{"attempt": 1, "reason": "It broke"}],
    "evidence": {
        "at": ago(minutes=1),
        "command": ["make", "test"],
        "exit_code": 2,
        "duration_ms": 3_200.0,
    },
}


IN_FULL = {
    "goal": "\n".join(f"line {number}" for number in range(1, 8)),
    "attempt": ATTEMPT,
    "claim": {"agent": "codex", "since": ago(minutes=4), "until": ago(), "taken_from": None},
    "closing": None,
    "work": {"build": WORK},
    "created_at": ago(hours=2),
    "updated_at": ago(minutes=3),
}
STANDS = (
    "Goal       line 1\n"
    "           line 2\n"
    "           line 3\n"
    "           line 4\n"
    "           line 5\n"
    "           ... (in full: --full)\n"
    "Waits for  codex, since 4 min ago\n"
    "Attempt    2 of 3\n"
    "Refused    The check make test ended with exit code 2:\n"
    "           one\n"
    "           two\n"
    "           three\n"
    "           four\n"
    "           ...\n"
    "Sent back  Returned to this phase: it was wrong\n"
    "Check      make test (not trusted: cde trust), ended with exit code 2 after 3.2\n"
    "           s, 1 min ago\n"
)


def record(phase_id: str, status: str, **changes: Any) -> Any:
    """What happened to a phase."""
    empty: dict[str, Any] = {"attempts": 0, "started_at": None, "completed_at": None, "outputs": []}
    return {"id": phase_id, "status": status, **empty, **changes}


def test_phases_are_told_with_their_marks_attempts_and_times() -> None:
    artifact = {"id": "spec", "path": "spec.md", "sha256": "0", "size": 1_500}
    times = {"started_at": ago(minutes=5), "completed_at": ago(minutes=3)}
    whole: Any = {
        **reply(None),
        **IN_FULL,
        "phases": [
            record("define", "completed", attempts=2, outputs=[artifact], **times),
            record("build", "failed", attempts=1, started_at=ago(minutes=3)),
            record("check", "rolled_back"),
            record("review", "pending"),
        ],
        "running": RUNNING,
        "tasks": TASKS,
        "difference": {"files": 1, "added": 3, "removed": 0},
        "proof": PROOF,
        "approved_by": ["review approved by ada@desk at a terminal"],
        "standing": {
            "verdict": "stale",
            "waived": 1,
            "changed": ["a.py"],
            "record": "specs/login/record.json",
            "verified": None,
        },
        "baseline": [],
    }

    whole["feature"] = {**whole["feature"], "current_phase": "build"}

    text = seen(status.feature_status(False, whole, SCREEN))
    in_full = seen(status.feature_status(True, whole, SCREEN))

    assert text == (
        "login  defining  workflow standard in shop\n"
        "\n"
        f"{STANDS}"
        "\n"
        "Changed   1 file, +3 lines\n"
        "Criteria  stale, 1 waived: a.py changed since it was proven\n"
        "          AC1 sees the change in one or more of these places: a.py: pay,\n"
        "          Card.charge; b.py: line 3, lines 5-9\n"
        "Approval  review approved by ada@desk at a terminal\n"
        "\n"
        "! A check runs for phase review, since 2026-01-01, for mcp:one.\n"
        "\n"
        "✓ define  completed, attempt 2, in 2m 0s\n"
        "    spec.md  1.5 kB\n"
        "✗ build   failed, started 3 min ago\n"
        "↺ check   rolled back\n"
        "○ review  pending\n"
        "\n"
        "Tasks: 1 of 2 done\n"
        "  ✓ T1: pay (a.py, AC1)\n"
        "  ○ T2: in the file\n"
    )
    assert "           line 7\n" in in_full
    assert "    attempt 1 failed: It broke\n" in in_full
    assert "    the check make test ended with exit code 2 after 3.2 s\n" in in_full
    assert "Started  2 hours ago\n" in in_full


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"claim": None}, "Waits for  an agent, since 3 min ago\n"),
        ({"phase": phase(handler="human_input")}, "Waits for  you, since 3 min ago\n"),
        (
            {"attempt": None, "closing": {"reason": "Not wanted", "by": "person:ann@desk"}},
            "Closed  Not wanted (ann@desk)\n",
        ),
        ({"attempt": None, "made": MADE}, "  Made in 2 minutes; 1 file, +3 lines; outputs "),
        ({"made": MADE}, "  $ cde finish login   # commit it, and open a pull request\n"),
    ],
)
def test_whom_a_feature_waits_for_is_said_first(changes: dict[str, Any], shown: str) -> None:
    record = {"id": "define", "status": "in_progress", "attempts": 1, "outputs": []}
    record |= {"started_at": ago(minutes=3), "completed_at": None}
    gate: dict[str, Any] = {"outputs": [], "check": None, "proves": None}
    plain: Any = {"number": 1, "of": 3, "last_failure": None, "returned": None, "reopened": False}
    plain |= {"gate": gate}
    whole: Any = {
        **reply(None),
        "goal": "Login",
        "attempt": plain,
        "claim": {"agent": "codex", "since": ago(minutes=4), "until": ago(), "taken_from": None},
        "closing": None,
        "phases": [record],
        "work": {},
        "tasks": [],
        "difference": None,
        "proof": None,
        "standing": None,
        "approved_by": [],
        "baseline": [],
        **changes,
    }
    assert shown in seen(status.feature_status(False, whole, SCREEN), 120)


def test_a_read_only_project_with_unusual_facts_is_told() -> None:
    info: Any = {
        "project": {**PROJECT, "read_only": True, "status": "error"},
        "home": "/another",
        "features": {"completed": 2},
        "open_features": 0,
        "facts": {"languages": "Python", "test_command": ["pytest", "-k", "a b"], "git": True},
        "default_workflow": "standard",
        "workflows": [{"id": "standard", "description": "", "phases": ["a", "b"]}],
        "baseline": [],
        "workflow_problem": None,
        "read_only_reason": None,
        "read_only_since": None,
    }

    text = seen(project.project_info(info, SCREEN))

    assert text.startswith("shop  error  read-only\n")
    assert "State      filesystem, in /another" in text
    assert "Languages" not in text
    assert "Tests      pytest -k 'a b'" in text
    assert "Features   2 features  ·  2 completed" in text
    assert "standard (default)  a → b" in text


def test_a_feature_that_was_reopened_is_said_to_be_and_not_to_be_sent_back() -> None:
    why = {"at": ago(minutes=9), "by": "person:ada@desk (page)", "reason": "Taxes\nare wrong"}
    works: Any = {"build": {**WORK, "returned": {**why, "closed_as": "completed"}}}
    whole: Any = {**reply(None), **IN_FULL, "work": works, "baseline": [], "tasks": []}
    whole |= {"phases": [record("build", "in_progress", attempts=2)], "approved_by": []}
    whole |= {"difference": None, "proof": None, "standing": None}
    whole["feature"] = {**whole["feature"], "current_phase": "build"}

    whole["attempt"] = {**whole["attempt"], "reopened": True}
    text = seen(status.feature_status(False, whole, SCREEN))
    assert (
        "Reopened   by ada@desk (page), 9 min ago; it was completed\n"
        "           Taxes\n"
        "           are wrong\n"
    ) in text
    assert "Sent back" not in text
    assert "Attempt    2 of 3, the first since it was reopened\n" in text
    works["build"]["returned"]["by"] = "mcp:robot"
    assert "Reopened   by agent robot, 9" in seen(status.feature_status(False, whole, SCREEN))
    whole["attempt"]["reopened"] = False
    assert "Attempt    2 of 3\n" in seen(status.feature_status(False, whole, SCREEN))
    works["build"]["returned"]["closed_as"] = None
    assert "Sent back  Returned to this phase: it was wrong\n" in seen(
        status.feature_status(False, whole, SCREEN)
    )


def test_a_glance_tells_how_many_features_are_left_out() -> None:
    row = {
        "id": "f1",
        "name": "login",
        "status": "defining",
        "current_phase": "define",
        "updated_at": ago(),
        "goal": "Add a login page",
        "waits_for": "agent",
        "agent": None,
    }
    info: Any = {
        "project": PROJECT,
        "features": {"defining": 30},
        "open_features": 30,
        "baseline": [],
        "workflow_problem": None,
        "read_only_reason": None,
        "read_only_since": None,
    }
    listed: Any = {"project": PROJECT, "features": [row], "total": 30, "next_cursor": "x"}
    nothing: Any = {"project": PROJECT, "features": [], "total": 0, "next_cursor": None}

    some = seen(project.glance(listed, info, SCREEN))
    row["waits_for"] = "person"
    asking = seen(project.glance(listed, info, SCREEN))
    info["features"] = {}
    none = seen(project.glance(nothing, info, SCREEN))

    assert "  $ cde status login         # what a feature waits for\n" in some
    assert "  $ cde list --status open   # 29 more" in some
    assert "  $ cde status login         # what waits for you\n" in asking
    assert "# start a feature" in none


def test_workflows_are_told_on_a_screen_with_all_that_a_phase_may_have() -> None:
    told: Any = {
        "source": "/home/shop/.cde/workflow.yml",
        "packaged": False,
        "default": "standard",
        "workflows": [
            {
                "id": "standard",
                "description": "",
                "max_attempts": 1,
                "proof": "required",
                "runner": ["pytest", "go"],
                "phases": [
                    {
                        "id": "ask",
                        "description": "",
                        "handler": "human_input",
                        "prompt": "",
                        "inputs": ["spec"],
                        "outputs": [],
                        "changes": {"required": True, "paths": ["src"], "exclude": ["*.md"]},
                        "proves": "spec",
                        "check": ["make", "test all"],
                        "check_directory": "sub",
                        "check_timeout_seconds": 60.0,
                        "status": "asking",
                        "agent": "claude",
                    }
                ],
            }
        ],
    }

    listed = seen(workflow.workflow_list(told, SCREEN))
    whole = seen(workflow.workflow_details(told, SCREEN))

    assert "standard (default)" in listed
    assert "$ cde workflow show standard   #" in listed
    assert whole == (
        "/home/shop/.cde/workflow.yml\n"
        "\n"
        "standard (default)  1 attempt a phase, proof required by pytest, go\n"
        "\n"
        "  1. ask  a person answers\n"
        "     Inputs   spec\n"
        "     Changes  required in src not in *.md\n"
        "     Proves   spec\n"
        "     Check    make 'test all'  in sub, at most 60 s\n"
        "     Status   asking\n"
        "     Agent    claude\n"
    )


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        (None, "proof recorded\n"),
        ("pytest", "proof recorded by pytest\n"),
        ({"command": ["make", "all tests"]}, "proof recorded by make 'all tests'\n"),
    ],
)
def test_a_workflow_says_what_runs_its_proofs(runner: Any, words: str) -> None:
    shown: Any = {
        "source": "workflow.yml",
        "packaged": False,
        "default": "standard",
        "workflows": [
            {
                "id": "standard",
                "description": "",
                "max_attempts": 3,
                "proof": "recorded",
                "runner": runner,
                "phases": [],
            }
        ],
    }

    assert f"3 attempts a phase, {words}" in seen(workflow.workflow_details(shown, SCREEN))


def test_a_failure_stands_in_a_panel_and_its_fix_can_be_copied() -> None:
    error = FeatureError.of(
        "E105", feature="[red]x[/red]\x1b", status="gone", project_path="/" + "long" * 30
    )
    payload = ErrorFormatter.payload(error)

    text = seen(failure(payload, SCREEN), 60)

    assert text.startswith("╭─ ✗ Feature Is Closed  E105 ─")
    assert "'[red]x[/red]\\x1b'" in text
    assert f"--project /{'long' * 30}\n" in text
    assert text.endswith("Learn more: cde explain E105\n")


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_a_failure_in_the_terminal_speaks_of_commands_alone(code: str) -> None:
    error = CDEError.of(code, **dict.fromkeys(wishes(ERROR_MESSAGES[code]), "x"))

    text = seen(failure(ErrorFormatter.payload(error), SCREEN), 200)

    assert not re.search(r"\bcde_|\w\(", text)
    *before, last = text.splitlines()
    assert f"cde explain {code}" not in "\n".join(before), "what leads back to itself"
    assert last.endswith(f"cde explain {code}") is not is_mistake(code)


def test_a_refused_output_is_named_as_what_to_edit_before_it_is_submitted() -> None:
    row = {"path": "specs/x/spec.md", "fix": "Write the line ## Goal", "line": 3}
    facts = {"feature": "x", "phase": "define", "problems": "no goal", "project_path": "/p"}
    payload = ErrorFormatter.payload(FeatureError.of("E115", **facts, outputs=[row, row]))

    text = seen(failure(payload, SCREEN), 200)

    assert "specs/x/spec.md:3: Write the line ## Goal" in text
    assert "To fix it, edit specs/x/spec.md, then\n  $ cde submit x define --project /p\n" in text


def test_many_refused_outputs_are_counted_where_they_are_named() -> None:
    rows = [{"path": f"{name}.md", "fix": "Write it"} for name in "abcde"]
    facts = {"feature": "x", "phase": "define", "problems": "all", "project_path": "/p"}
    payload = ErrorFormatter.payload(FeatureError.of("E110", **facts, outputs=rows))

    assert "edit a.md, b.md, c.md and 2 more, then\n" in seen(failure(payload, SCREEN), 200)


def test_a_mistake_leads_to_the_help_of_the_command_that_was_typed() -> None:
    error = ValidationError.of("E305", argument="limit", reason="it is 0")

    for typed, command in ((("state", "history"), "cde state history --help"), ((), "cde --help")):
        payload = ErrorFormatter.payload(error, subcommand=typed)
        assert seen(failure(payload, SCREEN), 100).splitlines()[-1] == f"  $ {command}"


def test_a_mistake_takes_a_line_and_what_to_type() -> None:
    payload = ErrorFormatter.payload(FeatureError.of("E102", reference="[red]", near=""))

    lines = seen(failure(payload, SCREEN), 100).splitlines()

    assert lines[0] == "✗ No feature of this project has the id or name '[red]'.  E102"
    assert lines[1:] == ["  $ cde list --project ."] or lines[1].startswith("  $ cde list")


@pytest.mark.parametrize("view", [feature.submitted, feature.gave_up])
def test_an_agent_gets_the_prompt_and_a_person_the_way_to_it(view: Any) -> None:
    whole: Any = {
        **reply(phase(prompt="# Define\n\n" + "word " * 60)),
        "accepted": {"id": "plan", "outputs": []},
        "kept": [],
        "proof": None,
        "failed": {"id": "define"},
        "attempts_left": 2,
        "difference": None,
    }
    person = seen(view(whole, SCREEN))
    agent = seen(view(whole, replace(SCREEN, prompts=True)))
    broken = {**whole, "phase": phase(prompt="")}

    assert "# Define" not in person
    assert "$ cde submit login define" in person
    assert ("# Define\n\n" + "word " * 60).rstrip() in agent
    assert "$ cde" not in agent
    assert "$ cde submit login define" in seen(view(broken, replace(SCREEN, prompts=True)))


def test_why_a_feature_was_sent_back_is_said_once() -> None:
    sent = {"phase": "verify", "verdict": "not fixed", "to": "define", "kept": [], "reason": "Why"}
    whole: Any = {**reply(phase(prompt="> Why, in the prompt")), "sent_back": sent, "kept": []}

    person = seen(feature.submitted(whole, SCREEN))
    agent = seen(feature.submitted(whole, replace(SCREEN, prompts=True)))
    whole["phase"] = None
    ended = seen(feature.submitted(whole, replace(SCREEN, prompts=True)))

    assert [text.count("Why") for text in (person, agent, ended)] == [1, 1, 1]
    assert "Why, in the prompt" in agent


def taken_up(prompt: str, **more: object) -> Any:
    """The answer to somebody who takes up a feature."""
    nothing = dict.fromkeys(("claim", "gate", "branch", "last_failure", "returned"))
    none: Any = {"finished": [], "tasks": [], "progress": []}
    return {**reply(phase(prompt=prompt)), **nothing, **none, "goal": "Add login", **more}


def test_a_running_check_is_said_to_whoever_resumes_the_feature() -> None:
    whole = taken_up("Do it", running={**RUNNING, "line": "half of it"})
    said = (
        "A check runs for phase review, since 2026-01-01, for mcp:one; its last line: half of it."
    )
    assert said in " ".join(seen(resume.resumed(whole, SCREEN)).split())


def test_what_the_prompt_says_is_not_said_before_it() -> None:
    prompt = (
        "> Add login\n\n> - [ ] T1: Sign in\n\n> Half way\n> data: [1]\n\n> No key\n\n## Went back"
    )
    saved = {"at": NOON.isoformat(), "by": "ann", "note": "Half way", "data": [1]}
    task = {"id": "T1", "text": "Sign in", "files": [], "criteria": [], "done": False}
    whole = taken_up(
        f"{prompt}\n\n> Too slow",
        tasks=[task],
        progress=[saved],
        last_failure="No key",
        returned="The feature went back to plan: Too slow",
    )
    texts = ("Add login", "T1: Sign in", "Half way", "[1]", "No key", "Too slow")

    def counts(look: RenderTarget) -> list[int]:
        shown = seen(resume.resumed(whole, look))
        return [shown.count(each) for each in texts]

    agent = replace(SCREEN, prompts=True)
    assert counts(SCREEN) == counts(agent) == [1] * len(texts)
    # What the prompt cuts, or has no place for, is said in addition.
    whole["phase"] = phase(prompt="> Add login\n> Half way")
    assert counts(agent) == [1, 1, 2, 1, 1, 1]
