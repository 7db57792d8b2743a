"""Commands understand what people type, and ask for little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.commands import answer, cde, environment, refused
from tests.terminal import of_a_person, terminal

ONE_PHASE = """\
version: 1
default: short
workflows:
  short:
    phases:
      - {id: write, prompt: lean/plan.md, outputs: [{id: note, path: "notes/{feature}.md"}]}
"""


@pytest.fixture
def started(project: Path) -> Path:
    """A project with one open feature, ``login``."""
    answer("start", "Add a login page", "--name", "login", "--no-baseline", cwd=project)
    return project


@pytest.mark.parametrize(
    ("group", "whole"),
    [
        (["workflow"], ["workflow", "list"]),
        (["agents"], ["agents", "list"]),
        (["errors"], ["errors", "list"]),
        (["project"], ["project", "info"]),
        (["state"], ["state", "history"]),
        (["state", "-n", "1"], ["state", "history", "-n", "1"]),
    ],
)
def test_a_group_without_a_verb_shows_what_it_is_about(
    started: Path, group: list[str], whole: list[str]
) -> None:
    assert answer(*group, cwd=started) == answer(*whole, cwd=started)
    assert f"Without a command: {whole[1]}." in cde(group[0], "--help", cwd=started).stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["ls"], ["list"]),
        (["show", "login"], ["status", "login"]),
        (["next"], ["resume", "login"]),
        (["version"], ["--version"]),
        (["help"], ["--help"]),
        (["help", "state", "diff"], ["state", "diff", "--help"]),
        (["rm", "--help"], ["close", "--help"]),
        (["delete", "--help"], ["close", "--help"]),
        (["cancel", "--help"], ["close", "--help"]),
        (["open", "--help"], ["dashboard", "--help"]),
        (["log", "--help"], ["logs", "--help"]),
        (["state", "show", "1"], ["state", "show", "--at", "1"]),
        (["list", "--waits-for", "me", "--json"], ["list", "--waits-for", "person", "--json"]),
        (["list", "--after", "login", "--json"], ["list", "--cursor", "login", "--json"]),
    ],
)
def test_words_that_people_type_are_understood(
    started: Path, typed: list[str], meant: list[str]
) -> None:
    done, expected = cde(*typed, cwd=started), cde(*meant, cwd=started)

    assert (done.returncode, done.stdout.rstrip()) == (0, expected.stdout.rstrip())
    assert done.stdout


@pytest.mark.parametrize("word", ["ls", "show", "next", "open", "help", "version"])
def test_a_list_of_commands_has_each_once(started: Path, word: str) -> None:
    listed = cde("--help", cwd=started).stdout
    assert f"│ {word} " not in listed


def test_a_folder_is_entered_first_as_git_does(started: Path, tmp_path: Path) -> None:
    relative = ["-C", str(started.parent), "-C", started.name]
    done = cde(*relative, "status", "login", cwd=tmp_path)

    assert done.returncode == 0
    assert f"cde submit login define --project {started}" in done.stdout
    assert answer(*relative, "list", cwd=tmp_path) == answer("list", cwd=started)


def test_what_helps_names_the_project_of_a_folder_that_was_entered(
    started: Path, tmp_path: Path
) -> None:
    words = ["submit", "login", "design"]
    entered = cde("-C", str(started), *words, cwd=tmp_path)
    assert f"$ cde status login --prompt --project {started}\n" in entered.stderr
    assert "$ cde status login --prompt\n" in cde(*words, cwd=started).stderr


def test_an_empty_word_is_no_command_of_a_group(started: Path) -> None:
    done = cde("agents", "", cwd=started)

    assert done.returncode == 2
    assert "E323" in done.stderr


def test_a_folder_that_cannot_be_entered_is_refused(started: Path) -> None:
    done = cde("-C", "nowhere", "list", cwd=started)

    assert done.returncode == 2
    assert "cannot enter nowhere: No such file or directory" in done.stderr


def test_the_only_open_feature_and_its_phase_are_meant(started: Path) -> None:
    written = started / "specs" / "login"
    written.mkdir(parents=True)
    (written / "spec.md").write_text("nothing of it")

    error = refused("submit", cwd=started)

    assert error["context"]["feature"] == "login"
    assert error["context"]["phase"] == "define"


def test_where_several_are_open_one_must_be_named(started: Path) -> None:
    answer("start", "Add a logout page", "--name", "logout", cwd=started)

    for words in (
        ["submit"],
        ["resume"],
        ["grow"],
        ["edit", "--goal", "Greet"],
        ["close", "--reason", "Not wanted"],
        ["rollback", "--reason", "Wrong"],
        ["save", "Form done"],
        ["status", "--full"],
    ):
        error = refused(*words, cwd=started)
        assert error["code"] == "E154"
        assert "2 are open: logout, login" in error["message"]
    answer("close", "login", "--reason", "Not wanted", cwd=started)
    answer("close", "logout", "--reason", "Not wanted", cwd=started)
    assert "none is open" in refused("submit", cwd=started)["message"]


def test_what_follows_a_completed_feature_means_the_one_completed_last(project: Path) -> None:
    for words in (["report"], ["finish", "--dry-run"]):
        error = refused(*words, cwd=project)
        assert (error["code"], error["fixes"][0]["arguments"]) == (
            "E154",
            {"status": "completed"},
        )
    (project / ".cde" / "workflow.yml").write_text(ONE_PHASE)
    for name in ("first", "second"):
        answer("start", "Write it", "--name", name, cwd=project)
        answer("submit", "--results", '{"note": "Done."}', cwd=project)
    answer("start", "Write more", "--name", "third", cwd=project)

    assert answer("report", cwd=project)["feature"]["name"] == "second"


def test_the_only_open_feature_is_shown_where_one_is_asked_for(started: Path) -> None:
    assert answer("status", "--full", cwd=started)["feature"]["name"] == "login"
    named = cde("status", "login", "--prompt", cwd=started)
    assert "# Define" in named.stdout
    assert cde("status", "--prompt", cwd=started).stdout == named.stdout


def test_the_only_open_feature_is_changed(started: Path) -> None:
    assert answer("save", "The form is done", cwd=started)["feature"]["name"] == "login"
    answer("edit", "--goal", "Add a login page with passkeys", cwd=started)
    with terminal("edit", cwd=started, environment=environment()) as seen:
        seen.read_until("Feature login")
        seen.read_until("New goal: ")
        seen.type("Add a page to log in")
        seen.end()
        assert seen.code == 0, seen.written
    reply = answer("close", "--reason", "Not wanted", cwd=started)

    assert reply["feature"]["status"] == "cancelled"
    assert answer("list", cwd=started)["features"][0]["goal"] == "Add a page to log in"


def test_one_word_to_save_is_a_feature_and_no_note(started: Path) -> None:
    assert refused("save", "lgoin", "--done", "T1", cwd=started)["code"] == "E102"
    assert refused("save", "login", cwd=started)["code"] == "E305"


def test_completion_is_found_by_its_word(started: Path) -> None:
    assert "did you mean '--install-completion'" in cde("completion", "bash", cwd=started).stderr
    assert "did you mean 'state history'" in cde("history", cwd=started).stderr


def test_a_workflow_that_nobody_follows_is_no_empty_list(started: Path) -> None:
    error = refused("list", "--workflow", "standrd", cwd=started)

    assert error["code"] == "E306"
    assert "did you mean standard?" in error["message"]
    assert answer("list", "--workflow", "docs", cwd=started)["total"] == 0
    (started / ".cde" / "workflow.yml").write_text("no: workflow")
    assert answer("list", "--workflow", "standrd", cwd=started)["total"] == 0


def test_a_list_continues_after_a_feature(started: Path) -> None:
    answer("start", "Add a logout page", "--name", "logout", cwd=started)

    shown = cde("list", "--limit", "1", cwd=started).stderr
    assert "$ cde list --limit 1 --cursor logout " in shown
    page = answer("list", "--limit", "1", "--after", "logout", cwd=started)
    assert [each["name"] for each in page["features"]] == ["login"]
    assert answer("list", "--after", "login", cwd=started)["features"] == []
    assert "No matching features." in cde("list", "--after", "login", cwd=started).stderr


def test_a_list_after_a_feature_that_is_not_there_names_a_near_one(started: Path) -> None:
    answer("start", "Add a logout page", "--name", "logout", cwd=started)

    unknown = refused("list", "--after", "lgoin", cwd=started)
    assert unknown["code"] == "E308"
    assert "no feature has this id or name (did you mean login" in unknown["message"]
    several = refused("list", "--after", "log", cwd=started)
    assert several["code"] == "E103"
    assert several["context"]["candidates"] == "login, logout"


def test_a_list_that_matches_nothing_leads_to_the_whole_one(started: Path) -> None:
    done = cde("list", "nothing", cwd=started)

    assert "No matching features." in done.stderr
    assert "$ cde list # every feature" in " ".join(done.stderr.split())


def test_a_clone_without_a_state_is_told_how_to_begin(started: Path) -> None:
    (started / ".cde" / "errors").mkdir(exist_ok=True)
    clone = started.parent / "clone"
    (clone / ".cde").mkdir(parents=True)
    (clone / ".cde" / "workflow.yml").write_bytes((started / ".cde/workflow.yml").read_bytes())

    done, health = cde(cwd=clone), cde("health", cwd=clone)

    assert f"{clone} is not set up yet" in done.stdout
    assert not (clone / ".cde" / "errors").exists()
    assert health.returncode == 1
    assert health.stdout.startswith("● not set up")
    assert "Every change is in the journal" not in health.stdout


def test_a_feature_is_closed_as_cancelled(started: Path) -> None:
    reply = answer("close", "login", "--reason", "Not wanted", cwd=started)
    assert reply["feature"]["status"] == "cancelled"


@pytest.mark.parametrize("words", [["close", "login"], ["rollback", "login"]])
def test_nobody_is_asked_where_no_person_is(started: Path, words: list[str]) -> None:
    done = cde(*words, cwd=started)

    assert done.returncode == 2
    missing = "argument 'to_phase' and --reason" if "rollback" in words else "option '--reason'"
    assert f"Not understood: missing {missing}: there is no terminal to ask in." in done.stderr
    assert answer("status", "login", cwd=started)["feature"]["status"] == "defining"


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        ("rollback login desing", "E107", ["did you mean design?", "'reason' was not"]),
        ("reopen login", "E305", ["login is open", "'reason' was not"]),
        ("close nope bad", "E305", ["it is 'bad'", "'reason' was not", "name 'nope'"]),
        ("close nope", "E305", ["'reason' was not", "name 'nope'"]),
        ("waive login AC9", "E142", ["there is none of this id", "'--reason' was not"]),
        ("start x --workflow leen --name A.B", "E306", ["did you mean lean?", "'A.B' is no name"]),
        ("list --status nope --waits-for bob", "E305", ["'bob' is not", "'nope' is not a status"]),
        ("submit login desing --failed", "E305", ["'reason' was not", "did you mean design?"]),
        ("save login --phase desing", "E305", ["'note' was not", "did you mean design?"]),
    ],
)
def test_all_that_is_wrong_is_said_at_once(
    started: Path, words: str, code: str, parts: list[str]
) -> None:
    error = refused(*words.split(), cwd=started)

    assert error["code"] == code
    assert [part for part in parts if part not in error["message"]] == []


def test_a_person_is_asked_for_what_is_missing(started: Path) -> None:
    with terminal("rollback", "login", cwd=started, environment=environment()) as seen:
        seen.read_until("Phase to start again (define): ")
        seen.type("define")
        seen.read_until("Reason: ")
        seen.type("Wrong database")
        seen.end()
        assert seen.code == 0, seen.written
    with terminal("close", "login", cwd=started, environment=environment()) as seen:
        seen.read_until("Reason: ")
        seen.type("Not wanted")
        seen.end()
        assert seen.code == 0, seen.written
    assert answer("status", "login", cwd=started)["feature"]["status"] == "cancelled"


def test_a_mistake_takes_two_lines_and_leaves_nothing(started: Path) -> None:
    for words in (["statsu"], ["status", "lgoin"], ["explain", "E777"], ["list", "--limit", "x"]):
        done = cde(*words, cwd=started)
        assert done.returncode in {1, 2}
        assert len(done.stderr.splitlines()) == 2, done.stderr
        assert str(started) not in done.stderr
    assert not (started / ".cde" / "errors").exists()
    assert cde("status", "lgoin", cwd=started).stderr.startswith(
        "✗ No feature of this project has the id or name 'lgoin' (did you mean login?).  E102\n"
    )


def test_a_command_from_elsewhere_names_the_project(started: Path, tmp_path: Path) -> None:
    done = cde("status", "nope", "--project", str(started), cwd=tmp_path)
    assert f"$ cde list --project {started}" in done.stderr


@pytest.mark.parametrize(
    ("words", "question", "said"),
    [
        ("state restore --at 1", "Restore it?", "Nothing was restored."),
        ("init --new", "in the place of", "Nothing was changed; "),
    ],
)
def test_who_declines_reads_what_is_so_then(
    started: Path, words: str, question: str, said: str
) -> None:
    before = answer("state", "history", cwd=started)
    with terminal(*words.split(), cwd=started, environment=of_a_person(environment())) as seen:
        seen.read_until(question)
        seen.type("n")
        shown = seen.end()

    assert said in shown.splitlines()[-1]
    assert seen.code == 1
    assert answer("state", "history", cwd=started) == before
