"""What a user trusts is kept outside of every project."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import platformdirs
import pytest

from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.infrastructure.agent_trust_store import AgentTrustStore


def test_nothing_is_trusted_at_first(tmp_path: Path) -> None:
    assert not AgentTrustStore(tmp_path / "none").is_trusted("a")


def test_what_was_trusted_is_remembered(tmp_path: Path) -> None:
    AgentTrustStore(tmp_path / "new").trust("/project", ["a", "b"])
    AgentTrustStore(tmp_path / "new").trust("/other", ["c"])
    store = AgentTrustStore(tmp_path / "new")
    assert [store.is_trusted(each) for each in "abcd"] == [True, True, True, False]


def test_what_cannot_be_read_is_not_trusted(tmp_path: Path) -> None:
    store = AgentTrustStore(tmp_path)
    for content in (b"", b"[1]", b"{", b"\xff"):
        (tmp_path / "trusted-agents.json").write_bytes(content)
        assert not store.is_trusted("a")
    store.trust("/project", ["a"])
    assert store.is_trusted("a")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError) as refusal:
        AgentTrustStore(tmp_path / "file").trust("/project", ["a"])
    assert refusal.value.code == "E203"


def trust_one(folder: Path, digest: str) -> None:
    AgentTrustStore(folder).trust("/project", [digest])


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(trust_one, [(tmp_path, str(number)) for number in range(10)])
    assert all(AgentTrustStore(tmp_path).is_trusted(str(number)) for number in range(10))


def test_the_users_own_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_config_path", lambda _name: tmp_path)
    AgentTrustStore().trust("/project", ["a"])
    assert (tmp_path / "trusted-agents.json").is_file()
