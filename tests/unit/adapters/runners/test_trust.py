"""What a person trusts is kept outside of every project, for checks and agents alike."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from pathlib import Path

import platformdirs
import pytest

from cde_orchestrator.adapters.runners.trust import UserTrustStore
from cde_orchestrator.domain.agent import Agent
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.paths import user_state_folder
from tests.fakes import NOON

CHECK = Check(("make", "test"), ".", 5.0).command_line
AGENT = Agent(name="mine", command=("my-agent", "--go")).command_line


def test_trust_is_for_one_project_and_for_this_command(tmp_path: Path) -> None:
    store = UserTrustStore(tmp_path / "config")
    assert not store.trusts(tmp_path, CHECK)
    store.grant(tmp_path, [CHECK], NOON)

    assert UserTrustStore(tmp_path / "config").trusts(tmp_path, CHECK)
    assert store.trusts(tmp_path, Check(("make", "test"), ".", 9.0).command_line)
    assert not store.trusts(tmp_path / "other", CHECK)


@pytest.mark.parametrize(
    "other",
    [
        CommandLine(kind="check", words=("make", "test"), directory="sub"),
        CommandLine(kind="check", words=("make test",)),
        CommandLine(kind="agent", words=("make", "test")),
        CommandLine(kind="check", words=("make", "test"), version=("make", "-v")),
        CommandLine(kind="check", words=("make", "test"), environment=("SECRET",)),
    ],
)
def test_another_command_is_another_one(tmp_path: Path, other: CommandLine) -> None:
    store = UserTrustStore(tmp_path)
    store.grant(tmp_path, [CHECK], NOON)

    assert not store.trusts(tmp_path, other)


def test_trust_grows_and_is_listed_and_taken_back(tmp_path: Path) -> None:
    store = UserTrustStore(tmp_path)
    store.grant(tmp_path, [CHECK], NOON)
    store.grant(tmp_path, [AGENT, CHECK], NOON)
    store.grant(tmp_path / "other", [CHECK], NOON)
    listed = store.granted(tmp_path)

    assert [(grant.kind, grant.name) for grant in listed] == [("agent", "mine"), ("check", "")]
    assert (listed[0].words, listed[0].granted_at) == (AGENT.words, NOON)
    store.revoke(tmp_path, {listed[0].digest})
    assert not store.trusts(tmp_path, AGENT)
    assert store.trusts(tmp_path, CHECK)
    store.revoke(tmp_path, {listed[1].digest, "unknown"})
    assert store.granted(tmp_path) == []
    assert store.trusts(tmp_path / "other", CHECK)


def test_a_link_to_the_project_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project")
    store = UserTrustStore(tmp_path)
    store.grant(tmp_path / "link", [CHECK], NOON)

    assert store.trusts(tmp_path / "project", CHECK)


def damaged(tmp_path: Path) -> list[str]:
    store = UserTrustStore(tmp_path)
    store.grant(tmp_path, [CHECK], NOON)
    whole = json.loads(store.path.read_text())
    entry = whole["projects"][str(tmp_path)][0]
    found = ["", "[]", "{}", '{"projects": []}', "\xff", '{"projects":', "[" * 100_000]
    for key in entry:
        for other in (None, 1, [1]):
            changed = {**entry, key: other}
            found.append(json.dumps({"projects": {str(tmp_path): [changed, "x"]}}))
    return found


def test_what_cannot_be_read_is_not_trusted(tmp_path: Path) -> None:
    store = UserTrustStore(tmp_path)
    for content in damaged(tmp_path):
        store.path.write_text(content, encoding="latin-1")
        assert not store.trusts(tmp_path, CHECK), content[:200]
        assert store.granted(tmp_path) == []
        store.grant(tmp_path, [CHECK], NOON)
        assert store.trusts(tmp_path, CHECK)


def test_what_cannot_be_read_is_kept_aside_where_a_person_says_yes(tmp_path: Path) -> None:
    store = UserTrustStore(tmp_path)
    store.path.write_text("{ what somebody typed")
    store.grant(tmp_path, [CHECK], NOON)
    assert store.path.with_name("trust.json.unreadable").read_text() == "{ what somebody typed"


def test_what_a_newer_release_wrote_is_not_replaced(tmp_path: Path) -> None:
    store = UserTrustStore(tmp_path)
    content = json.dumps({"version": 99, "projects": {}})
    store.path.write_text(content)
    with pytest.raises(CDEError) as refused:
        store.grant(tmp_path, [CHECK], NOON)
    assert refused.value.code == "E203"
    assert "newer release" in refused.value.message
    assert store.path.read_text() == content
    assert not store.trusts(tmp_path, CHECK)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = UserTrustStore(tmp_path / "file" / "config")
    with pytest.raises(CDEError) as granting:
        store.grant(tmp_path, [CHECK], NOON)
    with pytest.raises(CDEError) as revoking:
        store.revoke(tmp_path, {"x"})
    assert (granting.value.code, revoking.value.code) == ("E203", "E203")


def grant_one(folder: Path, number: int) -> None:
    UserTrustStore(folder).grant(folder, [CommandLine(kind="check", words=(str(number),))], NOON)


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=grant_one, args=(tmp_path, n)) for n in range(10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(UserTrustStore(tmp_path).granted(tmp_path)) == 10


def test_trust_stands_in_the_users_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    assert UserTrustStore().path == tmp_path / "cde-orchestrator" / "trust.json"


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_a_folder_of_their_own_for_it(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    folder = platformdirs.user_config_dir("cde-orchestrator", appauthor=False)

    assert UserTrustStore().path == Path(folder) / "trust.json"


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_a_folder_of_their_own_for_state_too(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    folder = platformdirs.user_state_dir("cde-orchestrator", appauthor=False)
    assert user_state_folder() == Path(folder)
    monkeypatch.setattr(sys, "platform", system)
    assert user_state_folder() == Path(folder)


def test_a_folder_that_depends_on_the_current_one_is_not_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    folder = tmp_path / ".config" / "cde-orchestrator"
    assert UserTrustStore().path == folder / "trust.json"
    assert user_state_folder() == tmp_path / ".local" / "state" / "cde-orchestrator"
    monkeypatch.setenv("HOME", "here")
    assert UserTrustStore().path == Path(os.devnull) / "trust.json"
    assert user_state_folder() is None
