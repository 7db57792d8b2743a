"""The entry in the MCP registry says what the package is, and is claimed by the README."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cde_orchestrator import __version__
from cde_orchestrator.cli.app import app
from tools.registry_entry import (
    ENTRY_FILE,
    README,
    ROOT,
    UNDECLARED,
    claimed_readme,
    declared,
    entry_name,
    registry_entry,
    server_json,
)

HOME = "https://github.com/acme/shop-tools"


def test_what_is_in_the_repository_is_what_the_package_declares() -> None:
    assert (ROOT / ENTRY_FILE).read_text() == server_json()
    assert (ROOT / README).read_text() == claimed_readme()


def test_the_entry_keeps_to_the_bounds_of_the_registry() -> None:
    entry = registry_entry(declared())
    (package,) = entry["packages"]

    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert 1 <= len(entry["description"]) <= 100
    assert 1 <= len(entry["title"]) <= 100
    assert entry["version"] == package["version"] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert package["transport"] == {"type": "stdio"}


def test_what_the_entry_runs_is_there() -> None:
    """``uvx`` runs the command that has the package's name."""
    project = declared()
    (package,) = registry_entry(project)["packages"]
    serve, option = package["packageArguments"]
    shown = CliRunner().invoke(app, [serve["value"], "--help"]).output

    assert package["identifier"] == project["name"]
    assert project["scripts"][project["name"]] == project["scripts"]["cde"]
    assert option["name"] in shown


@pytest.mark.parametrize("text", ["# Shop\n", "# Shop\n\n<!-- mcp-name: io.github.x/old -->\n"])
def test_the_readme_claims_the_entry_once(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = declared()
    monkeypatch.setattr("tools.registry_entry.ROOT", tmp_path)
    monkeypatch.setattr("tools.registry_entry.declared", lambda: project)
    (tmp_path / README).write_text(text)

    assert claimed_readme() == f"# Shop\n\n<!-- mcp-name: {entry_name(project)} -->\n"


def test_the_repository_that_is_declared_gives_the_name() -> None:
    urls = {"Repository": HOME, "Homepage": "https://shop.example"}
    entry = registry_entry({**declared(), "urls": urls})

    assert entry["name"] == "io.github.acme/cde-orchestrator"
    assert entry["repository"] == {"url": HOME, "source": "github"}
    assert entry["websiteUrl"] == "https://shop.example"


def test_without_a_repository_nobody_is_named() -> None:
    entry = registry_entry({key: at for key, at in declared().items() if key != "urls"})

    assert entry["name"] == "io.github.OWNER/cde-orchestrator"
    assert UNDECLARED not in json.dumps(entry)


def test_a_repository_elsewhere_has_no_namespace() -> None:
    with pytest.raises(SystemExit, match="namespace"):
        entry_name({"name": "shop", "urls": {"Repository": "https://example.org/acme/shop"}})
