"""The settings of a shared database: accepted with a password only where git does not look."""

from __future__ import annotations

from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.project_key import key_of
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.settings.settings import load_settings, settings_states

URL = "postgresql://cde:hunter2hunter2@db.example/cde"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / ".cde"
    folder.mkdir()
    return folder / "config.toml"


def refused(root: Path, environment: dict[str, str]) -> str:
    with pytest.raises(ValidationError) as caught:
        load_settings(root, environment)
    assert caught.value.code == "E314"
    assert "hunter2" not in caught.value.message
    return caught.value.message


def test_a_password_is_accepted_from_the_environment_and_never_shown(tmp_path: Path) -> None:
    environment = {"CDE_STATE_URL": URL}
    settings = load_settings(tmp_path, environment)
    assert settings.state_url == URL
    assert "hunter2" not in repr(settings)
    shown = {state.key: state.shown for state in settings_states(tmp_path, environment)}
    assert "hunter2" not in shown["state_url"]
    assert "db.example/cde" in shown["state_url"]
    assert shown["slow_operation_ms"] == 1_000


@pytest.mark.parametrize("url", [URL, "postgresql://db.example/cde?user=cde&password=hunter2"])
def test_a_password_is_not_accepted_from_the_file(tmp_path: Path, file: Path, url: str) -> None:
    file.write_text(f'state_url = "{url}"\n')
    assert "CDE_STATE_URL" in refused(tmp_path, {})


@pytest.mark.parametrize(
    "url", ["postgresql://cde@db.example:5432/cde", "postgres://cde:@/cde?host=/run", "", " "]
)
def test_a_url_without_a_password_is_accepted_from_the_file(
    tmp_path: Path, file: Path, url: str
) -> None:
    file.write_text(f'state_url = "{url}"\n')
    assert load_settings(tmp_path, {}).state_url == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://cde:hunter2hunter2@db/cde",
        "host=db password=hunter2",
        "hunter2",
        "postgresql://a:hunter2\t@b/c",
    ],
)
def test_what_is_no_url_of_postgresql_is_refused(tmp_path: Path, url: str) -> None:
    assert "it " in refused(tmp_path, {"CDE_STATE_URL": url})


def test_a_machine_that_is_not_told_the_shared_database_is_refused(
    tmp_path: Path, file: Path
) -> None:
    file.write_text('state_project = "shop"\n')
    assert "CDE_STATE_URL" in refused(tmp_path, {})
    assert load_settings(tmp_path, {"CDE_STATE_URL": URL}).state_project == "shop"
    file.write_text("state_project = 7\n")
    with pytest.raises(ValidationError):
        key_of(tmp_path)
