"""The commands about the stored state, and the doctor."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from cde_orchestrator.adapters import project_doctor
from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.cli.state import export as main_export
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.infrastructure.journal import encode_header
from tests.unit.cli.conftest import Terminal

CHANGE_KEYS = {"sequence", "at", "operation", "actor", "correlation_id", "feature", "summary"}


@pytest.fixture
def shop(at_project: Terminal) -> Terminal:
    """A terminal in a project with two features; the changes are 1 to 4."""
    for name in ("login", "search"):
        at_project.answer("start", "Anything", "--name", name)
    return at_project


def names(terminal: Terminal) -> list[str]:
    return [row["name"] for row in terminal.answer("list")["features"]]


def codes(terminal: Terminal, *options: str) -> list[str]:
    text = terminal.run("doctor", *options, "--json")
    return [found["code"] for found in json.loads(text)["findings"]]


def test_history_lists_changes_newest_first_and_of_one_feature(shop: Terminal) -> None:
    changes = shop.answer("state", "history")["changes"]
    assert [change["sequence"] for change in changes] == [4, 3, 2, 1]
    assert set(changes[0]) == CHANGE_KEYS
    of_login = shop.answer("state", "history", "--feature", "login", "--limit", "1")["changes"]
    assert [change["sequence"] for change in of_login] == [3]
    assert "start_feature" in shop.run("state", "history")


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
    shop.answer("state", "import", "export.json")
    assert names(shop) == ["search", "login"]
    shop.answer("state", "restore", "--file", "export.json")


def test_two_exports_are_merged_into_ours(shop: Terminal) -> None:
    shop.run("state", "export", "--output", "base.json")
    shop.answer("project", "archive")
    shop.run("state", "export", "--output", "theirs.json")
    shop.run("state", "export", "--output", "ours.json", "--at", "4")
    merged = shop.answer("state", "merge", "base.json", "ours.json", "theirs.json")
    assert merged == {"written": "ours.json", "conflicts": []}
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
        (["state", "import", "missing.json"], "E210"),
        (["state", "import", "."], "E210"),
        (["state", "import", "latin.json"], "E210"),
        (["state", "import", "broken.json"], "E210"),
        (["state", "show", "--at", "0"], "E208"),
        (["state", "diff", "1", "99"], "E208"),
        (["state", "history", "--limit", "0"], "E305"),
        (["state", "export", "--output", "missing/export.json"], "E203"),
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
    assert "whole" in shop.run("state", "verify")
    (shop.folder / ".cde" / "state.json").write_text("{")
    assert ".cde/state.json" in shop.run("state", "verify")
    assert shop.exit_code == 1
    assert not json.loads(shop.run("state", "verify", "--json"))["whole"]


def test_a_healthy_project_has_no_findings(shop: Terminal) -> None:
    assert shop.answer("doctor")["healthy"]
    assert "Nothing is wrong" in shop.run("doctor")


def test_the_doctor_mends_what_is_safe_and_shows_it_before(shop: Terminal) -> None:
    cde = shop.folder / ".cde"
    shop.answer("state", "compact")
    backup = next(iter((cde / "backups").glob("state-*.json")))
    backup.write_text("{")
    (cde / "state.json").write_text("{")
    leftover = cde / ".state.json.abc.tmp"
    leftover.touch()
    os.utime(leftover, (0, 0))
    assert sorted(codes(shop)) == ["E212", "E212", "E213"]
    told = shop.run("doctor", "--fix")
    assert shop.exit_code == 0
    assert "E213" in shop.stderr
    assert "was removed" in told
    assert codes(shop) == ["E215"]
    assert names(shop) == ["search", "login"]


def test_the_doctor_works_without_a_state_and_on_a_broken_one(terminal: Terminal) -> None:
    assert codes(terminal) == ["E004"]
    assert codes(terminal, "--fix") == ["E004"]
    (terminal.folder / ".cde").mkdir()
    (terminal.folder / ".cde" / "state.json").write_text("{")
    for _ in range(2):
        assert set(codes(terminal, "--fix")) == {"E201", "E212"}
        assert terminal.exit_code == 1
    assert (terminal.folder / ".cde" / "state.json").read_text() == "{"


def test_the_doctor_names_what_is_wrong_around_the_state(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    cde = shop.folder / ".cde"
    (cde / "prompts").mkdir()
    (cde / "prompts" / "_rules.md").write_text("{{ nothing }}")
    (shop.folder / ".git").write_text("gitdir: nowhere")
    monkeypatch.setattr(project_doctor, "LOW_SPACE_BYTES", 2**60)
    found = set(codes(shop))
    assert {"E313", "E921", "E922"} <= found
    assert shop.exit_code == 1
    (cde / "workflow.yml").write_text("{")
    assert "E310" in codes(shop)


def test_the_doctor_notices_outputs_that_changed_and_a_clock_that_lies(shop: Terminal) -> None:
    spec = "## Goal\n\n## Scope\n\n## Acceptance criteria\n\n- AC1: Given it, it works.\n" * 9
    (shop.folder / "spec.md").write_text(spec)
    for name in ("login", "search"):
        shop.answer("submit", name, "define", "--output", "spec=spec.md")
    (shop.folder / "specs" / "login" / "spec.md").write_text("other")
    (shop.folder / "specs" / "search" / "spec.md").unlink()
    late = FilesystemProjectRepository(clock=lambda: utc_now() + timedelta(days=1))
    with late.transaction(shop.folder) as project:
        project.archive()
    assert sorted(codes(shop)) == ["E214", "E214", "E920"]


def test_the_doctor_tells_of_changes_that_are_lost(shop: Terminal) -> None:
    cde = shop.folder / ".cde"
    journal = cde / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    for path in (journal, cde / "backups" / "journal-000000000001.jsonl"):
        path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    (cde / "state.json").unlink()
    assert "E206" in codes(shop)
    assert "Read-only since" in shop.run("status")
    assert encode_header(1, "").line == lines[0]


def test_a_repository_where_git_works_is_no_finding(shop: Terminal) -> None:
    subprocess.run(["git", "init", "--quiet", str(shop.folder)], check=True)
    assert codes(shop) == []


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    from cde_orchestrator.application.diagnose import Diagnose
    from cde_orchestrator.bootstrap import build_application

    reply = build_application(tmp_path / "gone").handle(Diagnose())
    assert [found["code"] for found in reply["findings"]] == ["E001"]


def test_an_export_that_fails_writes_nothing_into_the_file_it_is_sent_to(
    shop: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main_export(at=999, as_json=False)
    assert capsys.readouterr().out == ""
