"""The key of a project in a shared database comes into its settings and leaves them again."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories import project_key
from cde_orchestrator.adapters.repositories.project_key import ensure_key, remove_key
from cde_orchestrator.infrastructure.system.process_lock import ProcessLock

NAMED = 'state_project = "shop-1"\nstate_url = "postgresql://db/cde"\n'
OTHERS = "# ours\nbackup_days = 7.0\n"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings that name a project in a database, and more."""
    path = tmp_path / ".cde" / "config.toml"
    path.parent.mkdir()
    path.write_text(NAMED + OTHERS)
    path.chmod(0o644)
    return path


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_settings_without_the_key_stay_readable_as_any_file_of_the_project(
    settings: Path, tmp_path: Path
) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    remove_key(tmp_path, dry_run=True)
    assert settings.read_text() == NAMED + OTHERS
    remove_key(tmp_path)
    assert settings.read_text() == OTHERS
    assert mode_of(settings) == mode_of(usual)
    ensure_key(tmp_path, "shop-2")
    assert mode_of(settings) == mode_of(usual)


@pytest.mark.parametrize("left", [NAMED + OTHERS + "backups_kept = 3\n", OTHERS])
def test_what_another_process_wrote_meanwhile_stays(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    class Awaited(ProcessLock):
        """A lock that another process has until it has written the settings."""

        @contextmanager
        def exclusive(self) -> Iterator[float]:
            settings.write_text(left)
            with super().exclusive() as waited:
                yield waited

    monkeypatch.setattr(project_key, "ProcessLock", Awaited)
    remove_key(tmp_path)
    assert settings.read_text() == left.removeprefix(NAMED)
