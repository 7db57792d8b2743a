"""The commands about the stored state."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import datetime
from io import StringIO

import pytest
from rich.console import Console

from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.cli.console.wording import RenderTarget
from cde_orchestrator.cli.session import boundary
from cde_orchestrator.cli.views.state import changes
from cde_orchestrator.infrastructure.observability.correlation import CallContext, calling
from cde_orchestrator.storage.format.files import StateFiles
from tests.unit.cli.conftest import Terminal

CHANGE_KEYS = {"sequence", "at", "operation", "actor", "correlation_id", "feature"} | {
    "summary",
    "event",
}


@pytest.fixture
def shop(at_project: Terminal) -> Terminal:
    """A terminal in a project with two features; the changes are 1 to 4."""
    for name in ("login", "search"):
        at_project.answer("start", "Anything", "--name", name)
    return at_project


def names(terminal: Terminal) -> list[str]:
    return [row["name"] for row in terminal.answer("list")["features"]]


def test_history_lists_changes_newest_first_and_of_one_feature(shop: Terminal) -> None:
    changes = shop.answer("state", "history")["changes"]
    assert [change["sequence"] for change in changes] == [4, 3, 2, 1]
    assert set(changes[0]) == CHANGE_KEYS
    of_login = shop.answer("state", "history", "--feature", "login", "--limit", "1")["changes"]
    assert [change["sequence"] for change in of_login] == [3]
    assert "start_feature" in shop.run("state", "history")


def test_history_names_the_agent_that_a_command_is_for(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.answer("save", "login", "Mine", "--agent", "ann")
    monkeypatch.setenv("CLAUDECODE", "1")
    shop.answer("save", "login", "Also mine")
    changes = shop.answer("state", "history")["changes"]
    named = ["cli (Claude Code)", "cli (ann)", "cli", "cli"]
    assert [change["actor"] for change in changes][:4] == named
    assert "cli (ann)" in shop.run("state", "history")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["save", "login", "Mine", "--agent", ""], "cli (Claude Code)"),
        (["run", "login", "--agent", "codex,claude"], "cli (Claude Code)"),
        (
            ["save", "login", "Mine", "--agent", "evil) person:root@vm (terminal"],
            "cli (evil_ person_root@vm _terminal)",
        ),
        (
            ["list", "--agent", "evil\uff09 person\uff1aroot@vm \x1b[1m"],
            "cli (Claude Code)",
        ),
        (
            ["resume", "login", "--agent", "evil\uff09 person\uff1aroot@vm \x1b[1m"],
            "cli (evil_ person_root@vm __1m)",
        ),
        (["save", "login", "Mine", "--agent", "n" * 2_000_000], f"cli ({'n' * 60})"),
    ],
)
def test_no_name_of_an_agent_hides_who_calls(
    at_project: Terminal, monkeypatch: pytest.MonkeyPatch, words: list[str], shown: str
) -> None:
    """In what a call leaves, whether it is refused or not."""
    monkeypatch.setenv("CLAUDECODE", "1")
    seen: list[str] = []

    def noted(actor: str, agent: str) -> AbstractContextManager[CallContext]:
        seen.append(CallContext(actor=actor, agent=agent).doer)
        return calling(actor, agent=agent)

    monkeypatch.setattr(boundary, "calling", noted)
    at_project.run(*words)
    assert seen == [shown]


def test_the_log_names_the_same_caller_as_the_journal(shop: Terminal) -> None:
    shop.answer("save", "login", "Mine", "--agent", "ann")
    change = shop.answer("state", "history")["changes"][0]
    told = shop.answer("logs", "trace", change["correlation_id"])
    assert told["actor"] == change["actor"] == "cli (ann)"


def test_a_state_is_restored_shown_compared_and_the_restore_undone(shop: Terminal) -> None:
    dry = shop.answer("state", "restore", "--at", "3", "--dry-run")
    assert dry["difference"]["removed"] == ["search"]
    assert names(shop) == ["search", "login"]
    assert "search" in shop.run("state", "restore", "--at", "3")
    assert names(shop) == ["login"]
    assert "login" in shop.run("state", "show", "--at", "3")
    assert shop.answer("state", "diff", "3", "4")["difference"]["added"] == ["search"]
    assert "+  search" in shop.run("state", "diff", "3", "4")
    shop.answer("state", "restore", "--at", "4")
    assert names(shop) == ["search", "login"]


def test_what_came_after_the_call_that_is_undone_is_said_and_asked_for(shop: Terminal) -> None:
    shop.answer("save", "login", "Mine")  # change 5
    shop.answer("start", "Later", "--name", "later")
    application = build_application(shop.folder)
    with calling("mcp:another-agent"):
        application.handle(SaveProgress(feature_id="later", phase_id="define", note="Mine"))
    application.close()
    said = json.loads(shop.run("state", "restore", "--at", "4", "--json"))["error"]
    assert said["code"] == "E335"
    assert "removes later and takes back 3 changes of login, later" in said["message"]
    assert "by cli, mcp:another-agent" in said["message"]
    assert names(shop) == ["later", "search", "login"]
    assert "takes back 3 changes" in shop.run("state", "restore", "--at", "4", "--dry-run")
    shop.answer("state", "restore", "--at", "4", "--yes")
    assert names(shop) == ["search", "login"]


@pytest.mark.parametrize("agent", ["CLAUDECODE", "CDE_RUN_ID"])
@pytest.mark.parametrize("change", ["login", "project"])
def test_no_agent_agrees_for_a_person(
    shop: Terminal, agent: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("save", "login", "Mine") if change == "login" else ("project", "archive")
    shop.answer(*words)  # change 5, a person's
    monkeypatch.setenv(agent, "1")
    assert shop.refused("state", "restore", "--at", "4") == "E335"
    assert shop.refused("state", "restore", "--at", "2", "--yes") == "E335"
    assert shop.answer("state", "history", "--limit", "1")["changes"][0]["sequence"] == 5


def test_an_agent_takes_its_own_last_change_back(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    shop.answer("save", "login", "Mine")
    assert shop.answer("state", "restore", "--at", "4")["sequence"] == 6


def test_an_agent_that_gave_its_name_takes_its_own_last_change_back_by_it(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    shop.answer("save", "login", "Mine", "--agent", "ann")
    assert shop.refused("state", "restore", "--at", "4") == "E335"
    assert shop.refused("state", "restore", "--at", "4", "--agent", "bob") == "E335"
    assert shop.answer("state", "restore", "--at", "4", "--agent", "ann")["sequence"] == 6
    (newest,) = shop.answer("state", "history", "--limit", "1")["changes"]
    assert newest["actor"] == "cli (ann)"


def test_two_calls_in_one_trace_are_asked_for(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACEPARENT", f"00-{'1' * 32}-{'2' * 16}-01")
    shop.answer("save", "login", "Mine")
    shop.answer("save", "login", "More")
    assert shop.refused("state", "restore", "--at", "4") == "E335"


def test_an_import_over_a_project_that_differs_is_asked_for(shop: Terminal) -> None:
    shop.run("state", "export", "--output", "past.json")
    shop.answer("project", "archive")
    said = json.loads(shop.run("state", "import", "past.json", "--json"))["error"]
    assert said["code"] == "E335"
    assert said["fixes"][-1]["command"].startswith("cde state restore --file past.json")


def test_one_feature_alone_is_as_it_was(shop: Terminal) -> None:
    shop.answer("close", "login", "--reason", "Not wanted")
    shop.answer("start", "Later", "--name", "later")
    restored = shop.answer("state", "restore", "--at", "4", "--feature", "login")
    assert [each["name"] for each in restored["difference"]["changed"]] == ["login"]
    assert names(shop) == ["later", "search", "login"]
    assert shop.answer("status", "login")["feature"]["status"] == "defining"
    printed = shop.run("state", "restore", "--at", "6", "--feature", "log", "--yes")
    assert "cde state restore --at 7 --feature login" in " ".join(printed.split())
    assert shop.refused("state", "restore", "--at", "3", "--feature", "search") == "E305"
    assert shop.refused("state", "restore", "--at", "3", "--feature", "nope") == "E102"
    assert "--at" in shop.misused("state", "restore", "--backup", "x", "--feature", "login")


def test_one_feature_that_grew_has_its_workflow_again(shop: Terminal) -> None:
    shop.answer("start", "Small", "--name", "small", "--workflow", "lean")  # change 5
    shop.answer("grow", "small")
    shop.answer("state", "restore", "--at", "5", "--feature", "small")
    shown = shop.answer("status", "small")
    assert (shown["feature"]["workflow"], shown["phase"]["id"]) == ("lean", "plan")


def test_one_feature_does_not_take_the_name_of_another_one(shop: Terminal) -> None:
    first = shop.answer("edit", "login", "--name", "sign-in")["feature"]["id"]
    shop.answer("start", "Another", "--name", "login")
    assert shop.refused("state", "restore", "--at", "4", "--feature", first) == "E305"
    assert names(shop) == ["login", "search", "sign-in"]


def test_a_restore_that_changed_nothing_offers_no_undoing(shop: Terminal) -> None:
    assert "restore --at 4" in shop.run("state", "restore", "--at", "3")
    assert "--at" not in shop.run("state", "restore", "--at", "5")


def test_a_restore_after_a_gap_is_a_change_although_nothing_differs(shop: Terminal) -> None:
    stored = StateFiles(shop.folder)
    for path in (stored.journal, stored.mirror(1)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:3] + lines[4:]))
    for path in (stored.state, *stored.checkpoints().values()):
        path.unlink()
    shop.run("state", "restore", "--at", "2")
    newest = shop.answer("state", "history")["changes"][0]
    assert (newest["sequence"], newest["operation"]) == (5, "restore_state")
    assert shop.answer("state", "verify")["whole"] is True


def test_backups_are_listed_and_restored_by_name(shop: Terminal) -> None:
    compacted = shop.answer("state", "compact")["backups"]
    shop.answer("start", "Later", "--name", "later")
    assert compacted[0]["file"] in shop.run("state", "backups")
    shop.answer("state", "restore", "--backup", compacted[0]["file"])
    assert names(shop) == ["search", "login"]
    assert "would change" in shop.run("state", "restore", "--backup", "state.json", "--dry-run")


def test_an_export_is_imported_again(shop: Terminal) -> None:
    shop.run("state", "export", "--output", "export.json")
    assert (shop.folder / "export.json").read_text() == shop.run("state", "export")
    shop.answer("start", "Later", "--name", "later")
    assert shop.refused("state", "import", "export.json") == "E335"
    shop.answer("state", "import", "export.json", "--yes")
    assert names(shop) == ["search", "login"]
    shop.answer("state", "restore", "--file", "export.json")


def test_two_exports_are_merged_into_ours(shop: Terminal) -> None:
    shop.run("state", "export", "--output", "base.json")
    shop.answer("project", "archive")
    shop.run("state", "export", "--output", "theirs.json")
    shop.run("state", "export", "--output", "ours.json", "--at", "4")
    merged = shop.answer("state", "merge", "base.json", "ours.json", "theirs.json")
    assert merged == {"written": "ours.json", "conflicts": []}
    logged = (shop.folder / ".cde" / "logs" / "cde.log").read_text()
    assert '"operation":"merge_exports"' in logged
    ours = json.loads((shop.folder / "ours.json").read_text())
    assert ours["project"]["status"] == "archived"


def test_conflicts_of_a_merge_are_told(shop: Terminal) -> None:
    shop.run("state", "export", "--output", "base.json")
    for side, moment in (("ours", "2099"), ("theirs", "2098")):
        export = json.loads((shop.folder / "base.json").read_text())
        export["features"][0]["updated_at"] = moment
        (shop.folder / f"{side}.json").write_text(json.dumps(export))
    assert "feature login" in shop.run("state", "merge", "base.json", "ours.json", "theirs.json")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["state", "restore", "--at", "99"], "E208"),
        (["state", "restore", "--backup", "nope.json"], "E209"),
        (["state", "import", "missing.json"], "E305"),
        (["state", "import", "."], "E305"),
        (["state", "import", "latin.json"], "E210"),
        (["state", "import", "broken.json"], "E210"),
        (["state", "show", "--at", "0"], "E208"),
        (["state", "diff", "1", "99"], "E208"),
        (["state", "history", "--limit", "0"], "E305"),
        (["state", "export", "--output", "missing/export.json"], "E203"),
        (["state", "export", "--output", ""], "E203"),
        (["state", "export", "--output", "/"], "E203"),
        (["state", "export", "--output", ".cde"], "E203"),
    ],
)
def test_what_cannot_be_done_with_the_state_is_refused(
    shop: Terminal, arguments: list[str], code: str
) -> None:
    (shop.folder / "latin.json").write_bytes(b'{"\xff": 1}')
    export = json.loads(shop.run("state", "export"))
    del export["features"][0]["name"]
    (shop.folder / "broken.json").write_text(json.dumps(export))
    assert shop.refused(*arguments) == code
    assert names(shop) == ["search", "login"]


@pytest.mark.parametrize("arguments", [[], ["--at", "1", "--backup", "x"]])
def test_a_restore_wants_exactly_one_source(shop: Terminal, arguments: list[str]) -> None:
    assert "exactly one" in shop.misused("state", "restore", *arguments)


def test_verify_judges_every_file(shop: Terminal) -> None:
    assert shop.answer("state", "verify")["whole"]
    assert "intact" in shop.run("state", "verify")
    (shop.folder / ".cde" / "state.json").write_text("{")
    assert ".cde/state.json" in shop.run("state", "verify")
    assert shop.exit_code == 1
    assert not json.loads(shop.run("state", "verify", "--json"))["whole"]


def test_an_export_that_fails_writes_nothing_into_the_file_it_is_sent_to(shop: Terminal) -> None:
    assert shop.run("state", "export", "--at", "999") == ""
    assert shop.exit_code == 1


def test_on_a_terminal_a_history_fits_its_width_and_what_changed_stands_beneath() -> None:
    at = "2025-11-10T12:00:00+00:00"
    change = {"sequence": 12, "at": at, "operation": "submit_work", "actor": "cli"}
    long = {**change, "feature": "a-" * 20, "event": "status: designing, " * 9}
    own = {**change, "feature": None, "event": "name: shop"}
    look = RenderTarget(terminal=True, width=80, now=datetime.fromisoformat(at))
    shown = StringIO()

    Console(file=shown, width=80).print(changes({"changes": [long, own]}, look))

    lines = shown.getvalue().splitlines()
    assert lines[0].split() == ["CHANGE", "WHEN", "OPERATION", "BY"]
    assert lines[1].rstrip() == "12      just now  submit_work  cli"
    assert lines[2].startswith("    a-a-a-")
    assert lines[-1].strip() == "name: shop"
    assert max(map(len, lines)) <= 80


def test_a_preview_of_a_rollback_needs_no_reason(shop: Terminal) -> None:
    assert shop.answer("rollback", "login", "define", "--dry-run")["dry_run"] is True
    assert "--reason" in shop.misused("rollback", "login", "define")
