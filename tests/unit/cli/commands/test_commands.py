"""What each command does with its arguments."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.cli.console import input
from cde_orchestrator.cli.session import call
from cde_orchestrator.infrastructure.system import project_home
from cde_orchestrator.infrastructure.system.git_folder import Repository, repository_of
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.integration.deliverables import deliverable
from tests.unit.cli.conftest import Terminal

SPEC = (
    "## Goal\n\nReset it.\n\n## Scope\n\nOne page.\n\n## Acceptance criteria\n\nAC1: it works\n"
    + "x" * 400
)
SUBMIT = ("submit", "login", "define")


@pytest.fixture
def with_feature(at_project: Terminal) -> Terminal:
    """A terminal in a project with the feature login in its first phase."""
    at_project.answer("start", "Add a login page", "--name", "login")
    return at_project


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["start", " \t\n"], "E301"),
        (["start", "x", "--name", "login"], "E104"),
        (["start", "x", "--workflow", "nope"], "E306"),
        (["list", "--cursor", "???"], "E308"),
        (["list", "--limit", "0"], "E305"),
        (["submit", "login", "nope"], "E107"),
        ([*SUBMIT], "E110"),
        ([*SUBMIT, "--results", '{"nope": "x"}'], "E113"),
        ([*SUBMIT, "--results", '{"spec": 1}'], "E305"),
        ([*SUBMIT, "--results", "[1]"], "E305"),
        ([*SUBMIT, "--results", "null"], "E305"),
        ([*SUBMIT, "--failed", "--reason", "x", "--results", '{"spec": "x"}'], "E305"),
        ([*SUBMIT, "--results", "[" * 100_000], "E307"),
        ([*SUBMIT, "--results", "9" * 5_000], "E307"),
        ([*SUBMIT, "--results-file", "missing.json"], "E305"),
        ([*SUBMIT, "--output", "spec=missing.md"], "E305"),
        ([*SUBMIT, "--output", "spec=nul\x00.md"], "E305"),
        ([*SUBMIT, "--output", "spec=."], "E305"),
        (["workflow", "show", "nope"], "E306"),
        (["status", "nope"], "E102"),
        (["status", ""], "E102"),
    ],
)
def test_a_refusal_has_its_code(with_feature: Terminal, arguments: list[str], code: str) -> None:
    assert with_feature.refused(*arguments) == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "login", "--prompt", "--json"], "neither --full nor --json"),
        (["start", "login", "--prompt", "--json"], "does not allow --json"),
        (["submit", "login", "define", "--prompt", "--json"], "does not allow --json"),
        (["status", "login", "--prompt", "--full"], "neither --full nor --json"),
        ([*SUBMIT, "--results", "{}", "--results-file", "x"], "give one of"),
        ([*SUBMIT, "--output", "spec"], "is not ID=PATH"),
        ([*SUBMIT, "--output", "=x"], "is not ID=PATH"),
        ([*SUBMIT, "--output", "a=f", "--output", "a=f"], "given twice"),
        ([*SUBMIT, "--output", "a=f", "--results", '{"a": "x"}'], "also given in the results"),
        (["init", "a", "--project", "b"], "give the folder only once"),
        (["serve", "--transport", "pigeon"], "pigeon"),
        (["serve", "--port", "65536"], "65535"),
        (["nope"], "nope"),
    ],
)
def test_wrong_usage_is_told(at_project: Terminal, arguments: list[str], said: str) -> None:
    (at_project.folder / "f").write_text("x", encoding="utf-8")

    assert said in at_project.misused(*arguments)


def test_results_come_inline_from_a_file_and_from_standard_input(at_project: Terminal) -> None:
    for name in ("inline", "file", "stdin", "output"):
        at_project.answer("start", "x", "--name", name)
    results = json.dumps({"spec": SPEC})
    (at_project.folder / "results.json").write_text(results, encoding="utf-8-sig")
    (at_project.folder / "spec=1.md").write_text(SPEC, encoding="utf-8")

    at_project.answer("submit", "inline", "define", "--results", results)
    at_project.answer("submit", "file", "define", "--results-file", "results.json")
    at_project.answer("submit", "stdin", "define", "--results-file", "-", stdin=results)
    at_project.answer("submit", "output", "define", "--output", "spec=spec=1.md")

    written = {
        (at_project.folder / "specs" / name / "spec.md").read_text(encoding="utf-8").strip()
        for name in ("inline", "file", "stdin", "output")
    }
    assert written == {SPEC}


def test_text_that_is_not_utf_8_or_too_much_is_refused(
    with_feature: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (with_feature.folder / "latin.md").write_bytes("ä".encode("latin-1"))
    assert with_feature.refused("start", "-", stdin=b"caf\xe9") == "E303"
    assert with_feature.refused(*SUBMIT, "--output", "spec=latin.md") == "E303"

    monkeypatch.setattr(input, "LIMIT_BYTES", 3)
    assert with_feature.refused("start", "-", stdin="four") == "E315"
    assert with_feature.refused(*SUBMIT, "--results-file", "latin.md") == "E307"


def test_reading_without_a_standard_input_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)

    assert input.text_from_stdin("The prompt") == ""


def test_somebody_who_types_is_told_how_to_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"Typed by hand\n"))
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)

    assert input.text_from_stdin("The prompt") == "Typed by hand\n"
    assert "Ctrl-D" in capsys.readouterr().err


def test_folders_that_cannot_be_used_are_told_apart(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (terminal.folder / "file").touch()
    (terminal.folder / "loop").symlink_to("loop")
    os.mkdir(os.fsencode(terminal.folder) + b"/not-\xff")
    not_text = os.fsdecode(b"not-\xff")

    assert terminal.refused("status") == "E004"
    assert terminal.refused("status", "--project", "missing") == "E001"
    assert terminal.refused("status", "--project", "loop") == "E003"
    assert terminal.refused("status", "--project", "~nobody-of-that-name") == "E003"
    assert terminal.refused("init", "file") == "E002"
    assert terminal.refused("init", "file", "--create") == "E002"
    assert terminal.refused("init", "file/below", "--create") == "E002"
    assert terminal.refused("init", not_text) == "E303"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert terminal.refused("init", "new", "--create") == "E003"


def test_a_current_folder_that_was_deleted_is_told(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = terminal.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert terminal.refused("status") == "E001"
    assert terminal.refused("init") == "E001"


def test_init_says_what_it_found_and_what_to_do_next(terminal: Terminal) -> None:
    (terminal.folder / "pyproject.toml").write_text("[tool.pytest]\n", encoding="utf-8")
    (terminal.folder / "tests").mkdir()
    (terminal.folder / "tests" / "test_it.py").touch()

    first = terminal.run("init", "--name", "[b]shop[/b]")
    second = terminal.run("init", "--project", str(terminal.folder))

    assert first.startswith("✓ Project [b]shop[/b] is set up\n")
    assert "Languages  Python" in first
    assert ".cde/workflow.yml" in first
    assert "$ cde start 'What the feature should do'   #" in first
    assert "already set up; nothing was changed" in second
    assert f"--project {terminal.folder}" in second


def test_the_project_at_a_glance(at_project: Terminal) -> None:
    empty = at_project.run("status")
    at_project.answer("start", "x", "--name", "login")
    (at_project.folder / ".cde" / "workflow.yml").write_text("[", encoding="utf-8")
    one = at_project.run("status")
    info = at_project.run("project", "info")

    assert empty == f"shop  active\n{at_project.folder}\n\nNo features yet\n"
    assert "1 feature, 1 open  ·  1 defining" in one
    assert "login    define  defining" in one
    assert "! The workflow file is not valid. E310" in one
    assert "! The workflow file is not valid. E310" in info
    assert "Workflows" not in info


def test_the_status_of_the_project_is_changed_and_told(at_project: Terminal) -> None:
    assert at_project.run("project", "archive") == "✓ Project shop is archived\n"
    assert at_project.run("project", "activate") == "✓ Project shop is active\n"


def test_a_list_says_when_it_is_empty(at_project: Terminal) -> None:
    assert at_project.run("list", "--status", "completed") == ""
    assert at_project.stderr.startswith("No matching features.\n  $ cde start")
    assert at_project.run("list") == ""
    assert at_project.stderr.endswith(
        "\n  $ cde start 'What the feature should do'   # start one\n"
    )
    assert "No features yet.\n" in at_project.stderr


def test_a_list_that_goes_on_repeats_its_options(at_project: Terminal) -> None:
    for name in ("a", "b"):
        at_project.answer("start", "x", "--name", name)

    at_project.run("list", "--status", "open", "--limit", "1", "--project", ".")

    assert "1 of 2 features.\n  $ cde list --status open --limit 1 --cursor b " in at_project.stderr
    assert "--project ." in at_project.stderr


def test_what_was_kept_of_the_work_is_told(
    at_project: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / ".cde" / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  w:\n    phases:\n"
        "      - {id: a, prompt: standard/define.md, check: [sh, -c, exit 3]}\n"
    )
    at_project.run("trust", "--yes")
    at_project.answer("start", "x", "--name", "f")
    at_project.run("submit", "f", "a", "--failed", "--reason", "No key")
    at_project.run("submit", "f", "a")
    assert "E118" in at_project.stderr
    at_project.run("save", "f", "Half way", "--data", '{"next": ["mail"]}')

    status = at_project.run("status", "f", "--full")
    resumed = at_project.run("resume", "f")

    assert "attempt 1 failed: No key" in status
    assert "the check sh -c exit 3 ended with exit code 3 after " in status
    assert '> Half way\n> data: {"next": ["mail"]}' in resumed
    assert [resumed.count(each) for each in ("Half way", "No key", "exit 3 ended")] == [1, 1, 1]


def test_a_closed_feature_has_no_prompt_and_says_since_when(at_project: Terminal) -> None:
    at_project.run("start", "Why is it slow?", "-w", "research", "-n", "slow")
    at_project.run("close", "slow", "--reason", "Not wanted")
    at_project.run("status", "slow", "--prompt")

    assert "It is cancelled since 20" in at_project.stderr
    assert "E105" in at_project.stderr


def test_the_prompt_is_one_flag_away(at_project: Terminal) -> None:
    begun = at_project.run("start", "Why is it slow?", "-w", "research", "-n", "slow", "--prompt")
    aside = at_project.stderr
    failed = at_project.run(
        *("submit", "slow", "question", "--failed", "--reason", "No idea", "--prompt")
    )
    texts = {"question": "## Question\nWhy?\n## Criteria\nms\n## Method\nrun\n" + "a b " * 90}
    following = at_project.run(
        *("submit", "slow", "question", "--results", json.dumps(texts), "--prompt")
    )

    assert begun.startswith("# Question\n\n")
    assert "Feature slow started" in aside
    assert "\ncde submit slow question\n" in begun
    assert "> No idea" in failed
    assert following.startswith("# Explore\n\n")
    assert "> ## Question\n> Why?" in following
    assert "Phase question accepted" in at_project.stderr


def _researched(at: Terminal, *who: str) -> list[str]:
    """What the commands print that take a feature through its phases."""
    printed = [at.run("start", "Why is it slow?", "-w", "research", "-n", "slow", *who)]
    while (phase := at.answer("status", "slow")["phase"]) is not None:
        texts = {each["id"]: deliverable(each) for each in phase["outputs"]}
        results = ("--results", json.dumps(texts))
        printed.append(at.run("submit", "slow", phase["id"], *results, *who))
        assert at.exit_code == 0, at.stderr
    return printed


STILL_HOLDS = "What you were given for this feature still holds"


def test_an_agent_that_gives_its_name_gets_each_prompt_shortened_to_what_is_new(
    at_project: Terminal,
) -> None:
    first, *following, _ = _researched(at_project, "--agent", "ann")

    assert "\n## Rules\n" in first
    assert STILL_HOLDS not in first
    assert [STILL_HOLDS in each for each in following] == [True, True]
    assert [each.count("\n# ") for each in following] == [2, 2]  # its title, and the form's
    assert not any("\n## Rules\n" in each or "Why is it slow?" in each for each in following)


def test_a_project_that_its_records_would_break_is_warned_each_time(terminal: Terminal) -> None:
    (terminal.folder / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (terminal.folder / "shop.py").touch()

    for _ in range(2):
        assert 'py-modules = ["shop"] under [tool.setuptools]' in terminal.run("init")


def test_a_session_that_its_environment_names_is_recognised(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "one")
    begun = at_project.run("start", "Why is it slow?", "-w", "research", "-n", "slow")
    question = {"question": "## Question\nWhy?\n## Criteria\nms\n## Method\nrun\n" + "a b " * 90}
    findings = {"findings": "## Findings\nF1\n## Sources\nS1\n" + "a b " * 120}
    same = at_project.run("submit", "slow", "question", "--results", json.dumps(question))
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", "two")
    another = at_project.run("submit", "slow", "explore", "--results", json.dumps(findings))

    assert "\n# Question\n" in begun
    assert STILL_HOLDS in same
    assert STILL_HOLDS not in another
    assert "> ## Question\n> Why?" in another


def test_an_attempt_that_is_given_up_gives_the_prompt_once(at_project: Terminal) -> None:
    who = ("--agent", "ann")
    at_project.run("start", "Why is it slow?", "-w", "research", "-n", "slow", *who)
    text = "## Question\nWhy?\n## Criteria\nms\n## Method\nrun\n" + "a b " * 90
    results = ("--results", json.dumps({"question": text}))
    again = at_project.run("submit", "slow", "question", "--failed", "--reason", "No", *who)
    following = at_project.run("submit", "slow", "question", *results, *who)

    assert "\n# Question\n" in again
    assert STILL_HOLDS not in again
    assert STILL_HOLDS in following


def test_a_command_without_a_name_gets_everything(at_project: Terminal) -> None:
    assert not any(STILL_HOLDS in each for each in _researched(at_project))


def test_a_failed_check_is_printed_once_and_in_lines(
    at_project: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / ".cde" / "workflow.yml").write_text(
        "version: 1\nworkflows:\n  w:\n    phases:\n"
        "      - id: a\n        prompt: standard/define.md\n"
        "        check: [sh, -c, echo red; echo blue; exit 3]\n"
    )
    at_project.run("trust", "--yes")
    at_project.answer("start", "x", "--name", "f")
    at_project.run("submit", "f", "a")
    people = at_project.stderr
    programs = json.loads(at_project.run("submit", "f", "a", "--json"))["error"]

    assert people.count("red\nblue\n") == 1
    assert "The end of its output" not in people
    assert "ended with exit code 3" in people
    assert programs["context"]["tail"] == ["red", "blue"]


def test_a_feature_is_told_from_start_to_end(at_project: Terminal) -> None:
    begun = at_project.run("start", "Why is it slow?", "-w", "research", "-n", "slow")
    status = at_project.run("status", "slow", "--full")
    phases = at_project.answer("status", "slow")["phases"]
    while (phase := at_project.answer("status", "slow")["phase"]) is not None:
        texts = {each["id"]: deliverable(each) for each in phase["outputs"]}
        ended = at_project.run("submit", "slow", phase["id"], "--results", json.dumps(texts))
        assert at_project.exit_code == 0, at_project.stderr

    assert begun.startswith("✓ Feature slow started  workflow research\n")
    assert "\n# Question\n" in begun
    assert "\ncde submit slow question\n" in begun
    assert "$ cde submit slow question" in status
    assert "Goal       Why is it slow?" in status
    assert "● question  in progress, started" in status
    assert len(phases) == 3
    assert ended.startswith("✓ Phase report accepted\n    specs/slow/report.md  ")
    assert "\n✓ Feature slow is completed\n  Made in " in ended
    assert "; 3 outputs.\n  Next, a person commits it with `cde finish slow`; " in ended
    done = at_project.run("status", "slow")
    assert "✓ report    completed, in " in done
    assert "Now:" not in done
    at_project.run("status", "slow", "--prompt")
    assert at_project.exit_code == 1
    assert "E105" in at_project.stderr


def test_workflows_are_told(at_project: Terminal) -> None:
    listed = at_project.run("workflow", "list")
    shown = at_project.run("workflow", "show", "docs")
    packaged = at_project.run("workflow", "show", "--packaged")
    valid = at_project.run("workflow", "validate")

    assert listed.splitlines()[1].split()[:3] == [
        "standard",
        "yes",
        "define,decompose,design,implement,test,review",
    ]
    assert "docs  3 attempts a phase" in shown
    assert "1. outline" in shown
    assert "specs/{feature}/outline.md  outline  markdown, at least 250 bytes, with" in shown
    assert packaged.startswith("packaged with CDE Orchestrator\n")
    assert "6 workflows, 26 phases, 26 prompts" in valid


def test_an_accident_is_told_as_e999_and_logged_with_where_it_arose(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    with monkeypatch.context() as inside:
        inside.setattr(GetProjectInfo, "__call__", lambda _self: fail())
        told = at_project.run("project", "info", "--json")
    assert json.loads(told)["error"]["code"] == "E999"
    assert "operation_failed" in at_project.stderr
    assert "nobody foresaw this" in at_project.stderr
    with monkeypatch.context() as outside:
        outside.setattr(call, "project_root", fail)
        told = at_project.run("project", "info", "--json")
    assert json.loads(told)["error"]["code"] == "E999"
    (failed,) = [
        line for line in at_project.stderr.splitlines() if '"event":"operation_failed"' in line
    ]
    assert json.loads(failed)["operation"] == "command"
    assert "nobody foresaw this" in at_project.stderr


def test_an_interrupt_ends_a_command_with_130(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: GetProjectInfo) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(GetProjectInfo, "__call__", interrupt)

    assert at_project.run("project", "info") == ""
    assert (at_project.exit_code, at_project.stderr) == (130, "")


def test_an_unknown_log_level_is_refused(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDE_LOG_LEVEL", "loud")

    assert at_project.refused("list") == "E314"


def test_every_command_has_a_help_text_with_an_example(at_project: Terminal) -> None:
    commands = (
        ["init"],
        ["start"],
        ["submit"],
        ["status"],
        ["list"],
        ["serve"],
        ["dashboard"],
        ["project", "info"],
        ["project", "activate"],
        ["project", "archive"],
        ["workflow", "list"],
        ["workflow", "show"],
        ["workflow", "validate"],
    )
    for command in commands:
        text = at_project.run(*command, "--help")

        assert at_project.exit_code == 0
        assert f"Usage: cde {' '.join(command)}" in text
        assert "For example" in text
        assert "--json" in text
        assert "--project" in text


def test_a_folder_without_a_name_is_refused_and_not_taken_for_the_current_one(
    terminal: Terminal,
) -> None:
    for words in (["init", ""], ["status", "--project", ""]):
        assert terminal.misused(*words)
    assert not (terminal.folder / ".cde").exists()


def test_without_a_command_a_newcomer_is_told_how_to_begin(terminal: Terminal) -> None:
    told = terminal.run()

    assert (terminal.exit_code, terminal.stderr) == (0, "")
    assert "$ cde init" in told
    assert not (terminal.folder / ".cde").exists()


def test_without_a_command_a_project_is_shown_at_a_glance(with_feature: Terminal) -> None:
    assert with_feature.run() == with_feature.run("status")
    assert "login" in with_feature.run()


def test_a_switch_is_not_called_by_a_type_in_help_texts(terminal: Terminal) -> None:
    for words in (["--help"], ["init", "--help"], ["state", "--help"], ["state", "diff", "-h"]):
        assert "bool" not in terminal.run(*words)
        assert terminal.exit_code == 0


def test_a_command_asks_seldom_which_repository_it_is_in(
    with_feature: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    with_feature.run("trust", "--yes")
    asked: list[Path] = []

    def counted(root: Path) -> Repository | None:
        asked.append(root)
        return repository_of(root)

    monkeypatch.setattr(project_home, "repository_of", counted)
    assert with_feature.answer("status", "login")["project"]["trust"] == "trusted"
    assert len(asked) <= 18  # 30 before one answer served a whole judgement


def test_an_agent_takes_back_what_it_holds_by_its_name_and_a_person_by_an_option(
    with_feature: Terminal,
) -> None:
    rollback = ("rollback", "login", "define", "--reason", "x")
    with_feature.answer("resume", "login", "--agent", "ann")

    assert with_feature.refused(*rollback) == "E122"
    assert with_feature.answer(*rollback, "--agent", "ann")["feature"]["name"] == "login"
    assert with_feature.answer(*rollback, "--takeover")["feature"]["name"] == "login"
    with_feature.answer("resume", "login", "--agent", "ann")
    close = ("close", "login", "cancelled", "--reason", "x")
    assert with_feature.refused(*close) == "E122"
    assert with_feature.answer(*close, "--agent", "ann")["feature"]["status"] == "cancelled"
