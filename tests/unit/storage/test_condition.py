"""How the files of a state are, as health asks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.history import Damage
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.condition import condition_of
from cde_orchestrator.storage.format.files import StateFiles


class FullDisk(OsFileOps):
    def free_bytes(self, path: Path) -> int:
        return 100


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    """The files of a project that is sound."""
    FilesystemProjectRepository().get_or_create(tmp_path)
    return StateFiles(tmp_path)


def condition(files: StateFiles, *, is_read_only: bool = False) -> StateCondition:
    return condition_of(files, OsFileOps(), is_read_only=is_read_only)


def test_a_sound_state_has_sizes_and_no_harm(files: StateFiles) -> None:
    found = condition(files, is_read_only=True)

    assert (found.refusal, found.journal.harm, found.backups.harm) == (None, None, None)
    assert found.state_bytes == files.state.stat().st_size
    assert found.journal_bytes == files.journal.stat().st_size
    assert found.backup_age_seconds == 0.0
    assert not found.is_in_database


def test_a_journal_that_is_missing_may_have_held_changes(files: StateFiles) -> None:
    files.journal.unlink()

    journal = condition(files).journal

    assert (journal.harm, journal.is_lost) == (Damage("journal.jsonl", "it is missing"), True)


def test_a_disk_that_is_full_refuses_the_next_change(files: StateFiles) -> None:
    refusal = condition_of(files, FullDisk(), is_read_only=False).refusal

    assert refusal is not None
    assert refusal.code == "E204"


def test_changes_without_a_second_copy_are_as_old_as_the_newest_backup(files: StateFiles) -> None:
    [copy] = files.segments().values()
    copy.unlink()
    an_hour_ago = time.time() - 3_600
    for path in files.checkpoints().values():
        os.utime(path, (an_hour_ago, an_hour_ago))
    os.utime(files.journal, (an_hour_ago, an_hour_ago))

    found = condition(files)

    assert found.backup_age_seconds == pytest.approx(3_600, abs=60)
    assert found.backups.harm == Damage("backups", "the newest changes have no backup")
    assert not found.backups.is_lost


def test_what_was_moved_to_quarantine_is_of_the_journal_or_of_the_backups(
    files: StateFiles,
) -> None:
    files.quarantine.mkdir(exist_ok=True)
    for name in ("journal.jsonl", "state.json.missing", "state-000000000001.json", "other"):
        (files.quarantine / f"20251110T120000000000-{name}").touch()
    (files.quarantine / "a note of mine").touch()

    found = condition(files)

    assert {name for _, name in found.journal.repaired} == {"journal.jsonl", "state.json.missing"}
    assert {name for _, name in found.backups.repaired} == {"state-000000000001.json", "other"}


def test_a_state_that_cannot_be_read_is_the_refusal_and_not_an_exception(
    files: StateFiles,
) -> None:
    for path in (files.state, files.journal, *files.segments().values()):
        path.write_text("{")

    refusal = condition(files, is_read_only=True).refusal

    assert refusal is not None
    assert refusal.code == "E201"


def test_of_a_folder_without_a_project_there_is_nothing_to_say(tmp_path: Path) -> None:
    found = condition(StateFiles(tmp_path))

    assert (found.state_bytes, found.journal_bytes, found.backup_age_seconds) == (0, 0, 0.0)
    assert (found.journal.harm, found.backups.harm) == (None, None)
    assert list(tmp_path.iterdir()) == []
