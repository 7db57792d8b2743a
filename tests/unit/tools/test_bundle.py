"""The bundle holds what its manifest names, pins everything, and is the same whenever made."""

from __future__ import annotations

import io
import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator import __version__
from cde_orchestrator.mcp_tools.all_tools import TOOLS
from tools import bundle
from tools.bundle import MANIFEST, bundle_files, command_of, packed
from tools.install import PIN
from tools.registry_entry import ROOT, declared

WHEEL = f"cde_orchestrator-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return bundle_files(WHEEL, b"a wheel")


@pytest.fixture(scope="module")
def read(files: dict[str, bytes]) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    return manifest


def test_the_same_files_are_the_same_bytes(files: dict[str, bytes]) -> None:
    backwards = dict(reversed(files.items()))

    assert packed(backwards) == packed(files)
    with zipfile.ZipFile(io.BytesIO(packed(files))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert {each.date_time[0] for each in archive.infolist()} == {1980}
        assert {each.external_attr >> 16 for each in archive.infolist()} == {0o100644}


def test_what_the_manifest_names_is_in_the_bundle(
    files: dict[str, bytes], read: dict[str, Any]
) -> None:
    assert {read["icon"], read["server"]["entry_point"], WHEEL} <= files.keys()
    assert files[read["icon"]].startswith(b"\x89PNG")
    assert read["version"] == __version__
    named = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(read["server"])))
    assert named == read["user_config"].keys()


def test_the_manifest_lists_the_tools_that_the_server_has(read: dict[str, Any]) -> None:
    assert {tool["name"] for tool in read["tools"]} == {tool.name for tool in TOOLS}
    assert all(tool["description"] for tool in read["tools"])


def test_no_version_of_what_is_needed_is_left_open(files: dict[str, bytes]) -> None:
    project = tomllib.loads(files["pyproject.toml"].decode())
    locked = PIN.findall((ROOT / "requirements.lock").read_text())
    pinned = project["tool"]["uv"]["constraint-dependencies"]

    assert sorted(PIN.findall("\n".join(pinned))) == sorted(locked)
    (source,) = project["tool"]["uv"]["sources"].values()
    assert source == {"path": WHEEL}
    assert project["project"]["dependencies"] == [declared()["name"]]
    assert project["project"]["requires-python"] == ">=3.11,<3.14"


def test_the_command_is_made_of_the_manifest_and_what_the_person_chose(
    read: dict[str, Any], tmp_path: Path
) -> None:
    words = command_of(read, tmp_path, {"project": "/home/me/my shop"})

    assert words == [
        *("uv", "run", "--directory", str(tmp_path), "server.py"),
        *("--project", "/home/me/my shop"),
    ]


def test_it_is_said_where_a_judge_cannot_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    cache.write_text("no folder")
    monkeypatch.setenv("CDE_TOOLS_CACHE", str(cache))

    assert bundle.main() == 1

    assert bundle.REGISTRY_JUDGE in capsys.readouterr().err
