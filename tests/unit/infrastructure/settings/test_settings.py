from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import load_alert_command
from cde_orchestrator.infrastructure.settings.agent_tables import load_agents
from cde_orchestrator.infrastructure.settings.settings import (
    ENVIRONMENT,
    Settings,
    load_settings,
    settings_file,
    settings_states,
    variable_of,
)


def write(root: Path, content: str | bytes) -> Path:
    file = settings_file(root)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(root: Path, **environment: str) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        load_settings(root, environment)
    return caught.value


def outcome(root: Path, **environment: str) -> str:
    try:
        load_settings(root, environment)
    except ValidationError as error:
        return error.code
    return "accepted"


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == Settings()


def test_the_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, 'log_level = "debug"\nlock_timeout_seconds = 2\n')
    assert load_settings(tmp_path, {}) == Settings(log_level="DEBUG", lock_timeout_seconds=2.0)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, "slow_operation_ms = 5\n")
    assert load_settings(tmp_path, {"CDE_SLOW_OPERATION_MS": " 7 "}).slow_operation_ms == 7


def test_an_empty_variable_counts_as_none(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"CDE_LOG_LEVEL": " "}) == Settings()


@pytest.mark.parametrize(
    ("content", "setting", "line"),
    [
        ('\n# words\nlog_level = "LOUD"\n', "log_level", 3),
        ("slow_operation_ms = 0\n", "slow_operation_ms", 1),
        ("slow_operation_ms = 1.5\n", "slow_operation_ms", 1),
        ("slow_operation_ms = true\n", "slow_operation_ms", 1),
        ("lock_timeout_seconds = nan\n", "lock_timeout_seconds", 1),
        ("log_level = 3\n", "log_level", 1),
        ('log_level = "a\\nb"\n', "log_level", 1),
        ("[log_level]\n", "log_level", 1),
        ('log_level = "INFO"\nlog_levle = "INFO"\n', "log_levle", 2),
    ],
)
def test_a_setting_that_is_not_accepted_is_named_with_file_and_line(
    tmp_path: Path, content: str, setting: str, line: int
) -> None:
    file = write(tmp_path, content)
    error = refusal(tmp_path)
    assert error.code == "E314"
    assert error.context["setting"] == setting
    assert error.context["source"] == f"{file}, line {line}"


@pytest.mark.parametrize("value", ["LOUD", "3"])
def test_a_variable_that_is_not_accepted_is_named(tmp_path: Path, value: str) -> None:
    error = refusal(tmp_path, CDE_LOG_LEVEL=value)
    assert (error.code, error.context["setting"]) == ("E314", "CDE_LOG_LEVEL")
    assert error.context["source"] == ENVIRONMENT


def test_a_number_in_the_environment_must_be_one(tmp_path: Path) -> None:
    assert refusal(tmp_path, CDE_SLOW_OPERATION_MS="soon").code == "E314"
    assert refusal(tmp_path, CDE_LOCK_TIMEOUT_SECONDS="inf").code == "E314"


@pytest.mark.parametrize(
    "content",
    [
        *("log_level = \n", b"\xff\xfe", "a = " + "[" * 5000, "#" * 2**21),
        *(f"log_level.{'a.' * parts}a = 1" for parts in (20, 1_000, 400_000)),
    ],
)
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: str | bytes) -> None:
    file = write(tmp_path, content)
    error = refusal(tmp_path)
    assert (error.code, error.context["path"]) == ("E320", str(file))


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    settings_file(tmp_path).mkdir(parents=True)
    assert refusal(tmp_path).code == "E320"


@pytest.mark.parametrize("load", [load_settings, load_agents, load_alert_command])
def test_a_link_or_a_pipe_in_the_files_place_is_refused(
    tmp_path: Path, load: Callable[[Path], object]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("")
    file = settings_file(tmp_path)
    file.parent.mkdir()
    for thing in ("a link", "a pipe"):
        file.symlink_to(other) if thing == "a link" else os.mkfifo(file)
        with pytest.raises(ValidationError) as caught:
            load(tmp_path)
        assert caught.value.code == "E320"
        assert str(caught.value.context["reason"]).startswith(thing)
        file.unlink()


def test_line_ends_of_every_system_are_read(tmp_path: Path) -> None:
    write(tmp_path, b"log_level = 'DEBUG'\r\nslow_operation_ms = 9\rerror_reports_kept = 8\n")
    settings = load_settings(tmp_path, {})
    assert (settings.log_level, settings.slow_operation_ms, settings.error_reports_kept) == (
        "DEBUG",
        9,
        8,
    )


def test_a_file_in_the_place_of_the_folder_counts_as_no_settings(tmp_path: Path) -> None:
    (tmp_path / ".cde").write_text("not a folder")
    assert load_settings(tmp_path, {}) == Settings()


def test_the_states_show_every_setting_where_it_comes_from_and_what_is_wrong(
    tmp_path: Path,
) -> None:
    write(tmp_path, 'log_level = "LOUD"\nunheard_of = 1\n')
    states = {s.key: s for s in settings_states(tmp_path, {"CDE_SLOW_OPERATION_MS": "9"})}
    assert set(states) == {each.name for each in fields(Settings)} | {"unheard_of"}
    assert states["log_level"].problem is not None
    assert states["unheard_of"].problem is not None
    assert states["slow_operation_ms"].source == ENVIRONMENT
    assert states["lock_timeout_seconds"].source == "default"


@given(st.text(), st.sampled_from([each.name for each in fields(Settings)]))
def test_whatever_a_variable_says_is_accepted_or_refused_with_a_code(word: str, key: str) -> None:
    assert outcome(Path("/nowhere"), **{variable_of(key): word}) in {"accepted", "E314"}


@given(st.binary(max_size=200))
def test_whatever_the_file_holds_is_accepted_or_refused_with_a_code(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("settings")
    write(root, content)
    assert outcome(root) in {"accepted", "E314", "E320"}
