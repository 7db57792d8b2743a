"""A path becomes a folder, or the reason why it is none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError, ProjectError
from cde_orchestrator.infrastructure.system.project_path import folder_at


def refusal(path: Path | str, *, create: bool = False) -> CDEError:
    """What a path is refused with."""
    with pytest.raises(CDEError) as refused:
        folder_at(path, create=create)
    return refused.value


def test_a_folder_is_found_relative_to_another(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()

    assert folder_at("shop", base=tmp_path) == (tmp_path / "shop").resolve()
    assert folder_at(tmp_path / "a" / "b", create=True).is_dir()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", "E305"),
        ("gone", "E001"),
        ("nul\0in it", "E303"),
        ("not \udcff UTF-8", "E303"),
        ("x" * 5_000, "E302"),
        ("x" * 300, "E003"),
        ("~nobody-has-this-name/shop", "E003"),
    ],
)
def test_a_path_that_is_no_folder_says_why(path: str, code: str) -> None:
    assert refusal(path).code == code


def test_a_link_that_leads_to_itself_is_no_missing_folder(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)

    assert refusal(link).code == "E003"


def test_what_the_system_refuses_is_not_told_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    error = refusal(tmp_path)

    assert (error.code, error.context["reason"]) == ("E003", "Permission denied")


@pytest.mark.parametrize("create", [False, True])
def test_a_file_in_the_way_is_named_with_the_folder_that_helps(
    tmp_path: Path, create: bool
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("words")

    for path in (file, file / "below" / "it"):
        error = refusal(path, create=create)
        assert error.code == "E002"
        assert error.context == {"path": str(file), "parent": str(tmp_path)}


@pytest.mark.parametrize("path", ["two words", "--help", "-x", "it's; rm"])
def test_what_a_missing_folder_advises_is_one_that_a_shell_understands(path: str) -> None:
    payload = ErrorFormatter.payload(ProjectError.of("E001", path=path))
    (fix,) = ErrorFormatter.payload(ProjectError.of("E004", path=path))["fixes"]

    assert payload["fixes"][0]["command"] == "cde explain E001"
    words = shlex.split(fix["command"])
    assert path in words
    assert not path.startswith("-") or words[-2:] == ["--", path]
    told = shlex.split(payload["suggestions"][2].partition("mkdir -p ")[2])
    assert told == [f"./{path}" if path.startswith("-") else path]
