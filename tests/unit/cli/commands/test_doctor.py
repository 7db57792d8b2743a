"""The doctor: what it finds, what it leaves alone, what it mends."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from cde_orchestrator.adapters.doctor import project as project_doctor
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.projects.diagnose import Diagnose
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.format.journal import encode_header
from tests.unit.cli.conftest import Terminal

SPEC = (
    "## Goal\n\nReset it.\n\n## Scope\n\nOne page.\n\n"
    "## Acceptance criteria\n\n- AC1: Given it, it works.\n" * 9
)


@pytest.fixture
def shop(at_project: Terminal) -> Terminal:
    """A terminal in a project with two features; the changes are 1 to 4."""
    for name in ("login", "search"):
        at_project.answer("start", "Anything", "--name", name)
    return at_project


def names(terminal: Terminal) -> list[str]:
    """The features that are there."""
    return [row["name"] for row in terminal.answer("list")["features"]]


def codes(terminal: Terminal, *options: str) -> list[str]:
    """The codes of what is found."""
    text = terminal.run("doctor", *options, "--json")
    return [found["code"] for found in json.loads(text)["findings"]]


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file of the state with its inode, the time of its last change and its content."""
    return {
        str(path): ((stat := path.stat()).st_ino, stat.st_mtime_ns, path.read_bytes())
        for path in (folder / ".cde").rglob("*")
        if path.is_file() and "logs" not in path.parts and path.stem != "telemetry"
    }


def deliver(shop: Terminal, *features: str) -> None:
    """Complete the first phase of features."""
    (shop.folder / "spec.md").write_text(SPEC)
    for name in features:
        shop.answer("submit", name, "define", "--output", "spec=spec.md")


def damage(shop: Terminal) -> list[Path]:
    """Three things that the doctor can mend."""
    cde = shop.folder / ".cde"
    shop.answer("state", "compact")
    backup = next(iter(StateFiles(shop.folder).backups.glob("state-*.json")))
    backup.write_text("{")
    (cde / "state.json").write_text("{")
    leftover = cde / ".state.json.abc.tmp"
    leftover.touch()
    os.utime(leftover, (0, 0))
    return [cde / "state.json", backup, leftover]


def test_a_healthy_project_has_no_findings(shop: Terminal) -> None:
    assert shop.answer("doctor")["healthy"]
    assert "No problems" in shop.run("doctor")


def test_the_doctor_mends_what_is_safe_and_shows_it_before(shop: Terminal) -> None:
    _, backup, leftover = damage(shop)
    assert sorted(codes(shop)) == ["E212", "E212", "E213"]
    told = shop.run("doctor", "--fix")
    assert shop.exit_code == 0
    assert f"remove .cde/{leftover.name}" in shop.stderr
    for name in (".cde/state.json", str(backup), f".cde/{leftover.name}"):
        assert told.count(name) == 1
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
    deliver(shop, "login", "search")
    (shop.folder / "specs" / "login" / "spec.md").write_text("other")
    (shop.folder / "specs" / "search" / "spec.md").unlink()
    late = FilesystemProjectRepository(clock=lambda: utc_now() + timedelta(days=1))
    with late.transaction(shop.folder) as project:
        project.archive()
    assert sorted(codes(shop)) == ["E214", "E214", "E920"]


def test_the_doctor_misses_no_output_that_a_rollback_removed(shop: Terminal) -> None:
    deliver(shop, "login")
    shop.answer("rollback", "login", "define", "--reason", "Better")
    assert not (shop.folder / "specs" / "login" / "spec.md").exists()
    assert codes(shop) == []


def test_the_doctor_tells_of_changes_that_are_lost(shop: Terminal) -> None:
    cde = shop.folder / ".cde"
    journal = cde / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    for path in (journal, StateFiles(shop.folder).mirror(1)):
        path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    (cde / "state.json").unlink()
    assert "E206" in codes(shop)
    assert "Read-only since" in shop.run("status")
    assert encode_header(1, "").line == lines[0]


def test_a_repository_where_git_works_is_no_finding(shop: Terminal) -> None:
    subprocess.run(["git", "init", "--quiet", str(shop.folder)], check=True)
    assert codes(shop) == []


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    reply = build_application(tmp_path / "gone").handle(Diagnose())
    assert [found["code"] for found in reply["findings"]] == ["E001"]


def test_without_fix_nothing_at_all_is_changed(shop: Terminal) -> None:
    deliver(shop, "login")
    damage(shop)
    (shop.folder / ".cde" / "lock").unlink()
    before = picture(shop.folder)

    reply = json.loads(shop.run("doctor", "--json"))

    assert picture(shop.folder) == before
    assert len(reply["repairable"]) == 3
    assert reply["repaired"] == []


def test_a_state_that_was_deleted_is_found_and_written_anew(shop: Terminal) -> None:
    (shop.folder / ".cde" / "state.json").unlink()

    assert codes(shop) == ["E212"]
    reply = json.loads(shop.run("doctor", "--fix", "--json"))
    assert reply["repaired"] == [".cde/state.json was rewritten"]
    assert reply["repairable"] == []
    assert codes(shop) == ["E215"]  # but for a note that it was missing


def test_what_could_not_be_read_for_a_moment_is_repaired_afterwards(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: FilesystemProjectRepository, path: Path) -> Project:
        raise StateError.of("E204", path=str(path))

    (shop.folder / ".cde" / "state.json").unlink()
    application = build_application(shop.folder)
    with monkeypatch.context() as patched:
        patched.setattr(FilesystemProjectRepository, "peek", refused)
        assert application.handle(Diagnose())["repairable"] == []

    reply = application.handle(Diagnose(fix=True))
    assert reply["repaired"] == [".cde/state.json was rewritten"]


def test_where_nothing_is_certain_nothing_is_promised(terminal: Terminal) -> None:
    (terminal.folder / ".cde").mkdir()
    (terminal.folder / ".cde" / "state.json").write_text("{")

    assert json.loads(terminal.run("doctor", "--json"))["repairable"] == []
    assert "To be mended" not in terminal.run("doctor", "--fix") + terminal.stderr


def test_one_output_that_cannot_be_read_hides_no_other(shop: Terminal) -> None:
    deliver(shop, "login", "search")
    for name in ("login", "search"):
        output = shop.folder / "specs" / name / "spec.md"
        output.unlink()
        output.mkdir()
        output.parent.joinpath("other").touch()

    assert codes(shop) == ["E112", "E112"]


def test_a_file_that_vanishes_meanwhile_is_no_leftover(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    glob = Path.glob

    def with_one_that_is_gone(path: Path, pattern: str) -> list[Path]:
        return [*glob(path, pattern), path / ".state.json.gone.tmp"]

    monkeypatch.setattr(Path, "glob", with_one_that_is_gone)
    assert "E213" not in codes(shop)


@pytest.mark.parametrize(
    ("signed", "said"),
    [(str(os.getpid()), "which is running"), ("4194305", "which has ended"), ("", "no signature")],
    ids=["running", "ended", "unsigned"],
)
def test_who_keeps_the_lock_is_told(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, signed: str, said: str
) -> None:
    monkeypatch.setattr(project_doctor, "LOCK_SECONDS", 0.05)
    lock = ProcessLock(shop.folder / ".cde" / "lock")
    with lock.exclusive():
        lock.path.write_text(signed)
        found = json.loads(shop.run("doctor", "--json"))["findings"]

    assert [each["code"] for each in found] == ["E205"]
    assert said in found[0]["context"]["holder"]


def test_every_setting_that_is_not_accepted_is_told(shop: Terminal) -> None:
    settings = "lock_timeout_seconds = -1\nlog_format = 'prose'\nunheard_of = 1\n"
    (shop.folder / ".cde" / "config.toml").write_text(settings)

    assert codes(shop) == ["E314"] * 3


def test_every_prompt_that_cannot_be_filled_in_is_told(shop: Terminal) -> None:
    prompts = shop.folder / ".cde" / "prompts" / "standard"
    prompts.mkdir(parents=True)
    (prompts / "define.md").write_text("{{ nothing }}")
    (prompts / "design.md").write_text("{{ nothing }}")

    assert codes(shop) == ["E313", "E313"]


def test_a_file_that_may_not_be_written_is_told(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = shop.folder / ".cde" / "journal.jsonl"
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != journal and access(path, mode))

    assert codes(shop) == ["E003"]


def test_what_stands_in_the_place_of_a_folder_is_told(shop: Terminal) -> None:
    (shop.folder / ".cde" / "quarantine").write_text("in the way")

    assert codes(shop) == ["E212"]

    shop.run("doctor", "--fix")
    assert codes(shop) == ["E215"]
    [kept] = (shop.folder / ".cde" / "quarantine").iterdir()
    assert kept.read_text() == "in the way"


@pytest.mark.parametrize(("read_only", "reason"), [(True, "EROFS"), (False, "EACCES")])
def test_a_place_of_the_next_outputs_that_takes_none_is_told(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, read_only: bool, reason: str
) -> None:
    specs = shop.folder / "specs"
    specs.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != specs and access(path, mode))
    monkeypatch.setattr(project_doctor, "_is_read_only", lambda folder: read_only)

    found = json.loads(shop.run("doctor", "--json"))["findings"]
    assert [(each["code"], each["context"]["path"]) for each in found] == [("E203", str(specs))]
    assert reason in found[0]["context"]["reason"]
