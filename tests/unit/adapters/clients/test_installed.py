"""The clients on a machine: which are there, where their files are, what they are to start."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from cde_orchestrator.adapters.clients.installed import InstalledClients
from cde_orchestrator.adapters.clients.own_command import own_command
from cde_orchestrator.domain.clients import CLIENTS, Client, Scope
from cde_orchestrator.domain.exceptions import ValidationError

CASES: list[tuple[Client, Scope]] = [
    (client, scope)
    for client in CLIENTS.values()
    for scope in (("user", "project") if client.project else ("user",))
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / ".cde").mkdir(parents=True)
    return root


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def installed(root: Path, platform: str = "linux", path: str = "/none") -> InstalledClients:
    return InstalledClients(root, root.parent / "me", platform, {"PATH": path})


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize(
    ("client", "scope"), CASES, ids=lambda value: getattr(value, "name", value)
)
def test_the_file_has_the_entry_where_the_client_looks_for_it(
    root: Path, client: Client, scope: Scope, platform: str
) -> None:
    clients = installed(root, platform)
    entry = client.starting(client.words("cde", str(root)))

    assert clients.entry(client, scope) is None
    clients.write(clients.connected(client, scope, entry))

    file = clients.path(client, scope)
    parsed = tomllib.loads if file.suffix == ".toml" else json.loads
    assert parsed(file.read_text()) == {client.section: {"cde": dict(entry)}}
    assert file.read_text() == clients.snippet(client, entry)
    assert clients.entry(client, scope) == entry
    clients.write(clients.disconnected(client, scope))
    assert not file.exists()


@pytest.mark.parametrize("client", [each for each in CLIENTS.values() if each.project is None])
def test_a_client_without_a_file_of_projects_says_so(root: Path, client: Client) -> None:
    with pytest.raises(ValidationError) as refused:
        installed(root).path(client, "project")
    assert refused.value.code == "E332"


def test_a_user_without_a_home_has_no_file(root: Path) -> None:
    clients = InstalledClients(root, Path("~nobody"), "linux", {})
    assert not clients.is_present(CLIENTS["codex"])
    with pytest.raises(ValidationError) as refused:
        clients.path(CLIENTS["codex"], "user")
    assert refused.value.code == "E332"


@pytest.mark.parametrize("client", CLIENTS.values(), ids=lambda client: client.name)
def test_a_client_is_there_by_its_program_or_its_folder(root: Path, client: Client) -> None:
    assert not installed(root).is_present(client)
    for name in client.programs:
        program = root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert installed(root, path=str(program.parent)).is_present(client)
        program.unlink()
    file = installed(root).path(client, "user")
    file.parent.mkdir(parents=True)
    if file.parent == root.parent / "me":
        file.write_text("{}")
    assert installed(root).is_present(client)


def test_the_other_file_of_opencode_is_changed_where_it_exists(root: Path) -> None:
    client, clients = CLIENTS["opencode"], installed(root)
    other = clients.path(client, "project").with_suffix(".jsonc")
    other.write_text("{} // mine\n")

    clients.write(clients.connected(client, "project", {"command": ["cde"]}))

    assert other.read_text().endswith("// mine\n")
    assert "cde" in other.read_text()
    assert not other.with_suffix(".json").exists()


def test_a_link_on_the_path_is_named_and_not_what_it_leads_to(tmp_path: Path) -> None:
    venv, links = tmp_path / "venv" / "bin", tmp_path / "links"
    for folder in (venv, links):
        folder.mkdir(parents=True)
    (venv / "cde").write_text("#!/bin/sh\n")
    (venv / "cde").chmod(0o755)
    (links / "cde").symlink_to(venv / "cde")
    python = str(venv / "python")

    assert own_command({"PATH": str(links)}, python) == str(links / "cde")
    assert own_command({"PATH": "/none"}, python) == str(venv / "cde")
    other = tmp_path / "other"
    other.mkdir()
    (other / "cde").write_text("#!/bin/sh\n")
    (other / "cde").chmod(0o755)
    assert own_command({"PATH": str(other)}, python) == str(venv / "cde")
    assert own_command({"PATH": os.path.relpath(links)}, python) == str(venv / "cde")
    installed = os.path.realpath(Path(sys.executable).with_name("cde"))
    assert os.path.realpath(own_command(os.environ)) == installed
