from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import CompactState
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention, prune
from tests.programs import program


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    for number in (10, 20, 30, 40):
        files.backup(number).write_bytes(b"x" * 100)
        files.mirror(number - 9).write_bytes(b"y" * 100)
    files.mirror(41).write_bytes(b"y" * 100)
    (files.backups / "state-versionless.json").write_bytes(b"z")
    return files


def kept(files: StateFiles) -> tuple[list[int], list[int]]:
    return list(files.checkpoints()), list(files.segments())


def test_by_count_the_oldest_go_with_the_segments_that_only_they_need(files: StateFiles) -> None:
    removed = prune(files, OsFileOps(), Retention(count=2))
    assert kept(files) == ([30, 40], [31, 41])
    assert len(removed) == 5


DAY = 86_400


def made_before(files: StateFiles, *days: float) -> None:
    """Let the checkpoints be as old as that, the first one first."""
    for path, age in zip(files.checkpoints().values(), days, strict=True):
        os.utime(path, (time.time() - age * DAY, time.time() - age * DAY))


def test_by_age_the_oldest_go(files: StateFiles) -> None:
    made_before(files, 60, 40, 20, 0)
    prune(files, OsFileOps(), Retention())
    assert kept(files) == ([20, 30, 40], [21, 31, 41])


@pytest.mark.parametrize(
    "days", [(50, 10, 5, 0), (40, 40, 40, 0), (-40, 1, -39, 0), (0, -40, 0, 0)]
)
def test_the_longest_pause_does_not_count(files: StateFiles, days: tuple[float, ...]) -> None:
    made_before(files, *days)
    assert prune(files, OsFileOps(), Retention()) == []


def test_by_age_only_one_goes_at_a_time(files: StateFiles) -> None:
    made_before(files, 200, 150, 100, 50)
    prune(files, OsFileOps(), Retention())
    assert kept(files) == ([20, 30, 40], [21, 31, 41])


def test_a_clock_that_is_wrong_costs_nothing_however_long_it_is(tmp_path: Path) -> None:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    for number in range(4):
        application.handle(StartFeature(prompt=f"Do {number}"))
        application.handle(CompactState())
    application.close()
    before = list(StateFiles(tmp_path).checkpoints())
    # Over 40 days, since the lock of the kernel's clock and its files' times stay as they are.
    faketime = (program("faketime"), "-f", "+40d", sys.executable, "-m", "cde_orchestrator")
    for number in range(3):
        for words in (("start", f"Later {number}"), ("state", "compact")):
            done = subprocess.run(
                (*faketime, *words), cwd=tmp_path, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stderr
    left = list(StateFiles(tmp_path).checkpoints())
    assert left[: len(before)] == before


def test_by_size_the_oldest_go_until_the_rest_fits(files: StateFiles) -> None:
    prune(files, OsFileOps(), Retention(total_bytes=350))
    assert kept(files) == ([40], [41])


def test_the_newest_checkpoint_and_files_of_other_names_stay(files: StateFiles) -> None:
    for path in files.backups.iterdir():
        os.utime(path, (0, 0))
    prune(files, OsFileOps(), Retention(count=0, days=0, total_bytes=0))
    assert kept(files) == ([40], [41])
    assert (files.backups / "state-versionless.json").exists()


def test_nothing_goes_that_retention_keeps(files: StateFiles) -> None:
    assert prune(files, OsFileOps(), Retention()) == []


def test_the_settings_say_how_much_is_kept(tmp_path: Path) -> None:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    (tmp_path / ".cde" / "config.toml").write_text("backups_kept = 2\n")
    application = build_application(tmp_path)
    for number in range(4):
        application.handle(StartFeature(prompt=f"Do {number}"))
        application.handle(CompactState())
    assert len(StateFiles(tmp_path).checkpoints()) == 2


def test_what_is_kept_without_settings_is_what_the_documentation_says() -> None:
    kept = DEFAULT_RETENTION

    assert Retention(count=10, days=30.0, total_bytes=256 * 1024 * 1024) == kept
    now = time.time()
    assert not kept.lets_go([now - 29 * DAY] * 9 + [now - 15 * DAY], 256 * 1024 * 1024)
    assert kept.lets_go([now] * 11, 0)
    assert kept.lets_go([now - 62 * DAY, now - 31 * DAY], 0)
    assert kept.lets_go([now] * 2, 256 * 1024 * 1024 + 1)
    assert not kept.lets_go([0.0], 2**40)


def test_a_backup_that_vanished_meanwhile_is_neither_old_nor_large(
    files: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.backup(10).unlink()
    files.backup(10).symlink_to("nowhere")

    assert prune(files, OsFileOps(), Retention(total_bytes=801)) == []


def test_a_checkpoint_goes_once_it_is_older_than_so_many_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, days = 2_000_000_000.0, 30 * 86_400
    monkeypatch.setattr(time, "time", lambda: now)

    assert not DEFAULT_RETENTION.lets_go([now - 2 * days, now - days], 0)
    assert DEFAULT_RETENTION.lets_go([now - 2 * days - 2, now - days - 1], 0)


def test_a_segment_with_a_change_after_the_next_checkpoint_stays(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.backups.mkdir(parents=True)
    for path in (files.backup(10), files.backup(20)):
        path.write_bytes(b"x")
    for first in (1, 11, 22):  # the second one holds the changes 11 to 21
        files.mirror(first).write_bytes(b"y")

    assert prune(files, OsFileOps(), Retention(count=1)) == [files.backup(10), files.mirror(1)]
    assert kept(files) == ([20], [11, 22])


def test_the_log_names_each_backup_that_was_removed(files: StateFiles) -> None:
    with capture_logs() as logs:
        prune(files, OsFileOps(), Retention(count=2))
    assert logs == [
        {"event": "backup_removed", "log_level": "info", "sequence": sequence}
        for sequence in (10, 20)
    ]


def test_what_cannot_be_removed_does_not_keep_the_rest(files: StateFiles) -> None:
    class Refusing(OsFileOps):
        def unlink(self, path: Path) -> None:
            if path == files.backup(10):
                raise PermissionError
            super().unlink(path)

    prune(files, Refusing(), Retention(count=2))
    assert kept(files) == ([10, 30, 40], [31, 41])
