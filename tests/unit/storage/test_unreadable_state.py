"""A state of which nothing can be told, and the way back from an export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.state.recover_state import (
    CompactState,
    ExportState,
    RestoreState,
)
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.storage.format import checkpoint
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.store import StateStore


@pytest.fixture
def export(tmp_path: Path) -> str:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    application.handle(StartFeature(prompt="Do it", name="first"))
    return json.dumps(application.handle(ExportState())["state"])


def ruin(root: Path) -> list[bytes]:
    files = StateFiles(root)
    paths = [files.state, files.journal, *files.segments().values(), *files.checkpoints().values()]
    for path in paths:
        path.write_bytes(path.name.encode() * 20)
    return [path.read_bytes() for path in paths]


def code_of(call: object) -> str:
    with pytest.raises(CDEError) as caught:
        call()  # type: ignore[operator]
    return caught.value.code


def test_an_export_is_restored_where_the_state_cannot_be_read(tmp_path: Path, export: str) -> None:
    ruined = ruin(tmp_path)
    application = build_application(tmp_path)
    assert code_of(lambda: application.handle(StartFeature(prompt="On what ground"))) == "E201"
    trial = application.handle(RestoreState(export=export, dry_run=True))
    assert trial["difference"]["added"] == ["first"]
    assert code_of(lambda: build_application(tmp_path).handle(ExportState())) == "E201"
    application.handle(RestoreState(export=export, token=trial["token"]))
    for repository in (application, build_application(tmp_path)):
        repository.handle(StartFeature(prompt="Go on"))
    again = FilesystemProjectRepository()
    assert again.verify(tmp_path) == []
    assert len(again.get(tmp_path).features) == 3
    kept = [path.read_bytes() for path in StateFiles(tmp_path).quarantine.glob("[!.]*.json*")]
    assert sorted(kept) == sorted(ruined)


def test_a_kept_backup_is_restored_where_the_state_cannot_be_read(
    tmp_path: Path, export: str
) -> None:
    repository = FilesystemProjectRepository()
    repository.compact(tmp_path)
    with repository.transaction(tmp_path) as project:
        project.start_feature("Do it", name="second")
    files = StateFiles(tmp_path)
    [kept] = files.checkpoints().values()
    content = kept.read_bytes()
    ruin(tmp_path)
    kept.rename(kept.with_name("elsewhere.json"))
    again = FilesystemProjectRepository()
    assert code_of(lambda: again.get(tmp_path)) == "E201"
    kept.write_bytes(content)
    for path in (files.state, files.journal):  # it is the newest whole thing there is
        path.unlink()
    assert len(FilesystemProjectRepository().get(tmp_path).features) == 1


def test_a_state_that_can_be_read_is_never_begun_anew(tmp_path: Path, export: str) -> None:
    repository = FilesystemProjectRepository()
    before = repository.state_at(tmp_path)
    store = repository._existing(tmp_path)

    def begin() -> None:
        with store.started_over(before[1]):
            pass

    assert code_of(begin) == "E211"
    assert FilesystemProjectRepository().state_at(tmp_path) == before


@pytest.mark.parametrize("folder", [False, True])
def test_where_no_state_file_is_there_is_no_project(tmp_path: Path, folder: bool) -> None:
    if folder:
        (tmp_path / ".cde").mkdir()
        (tmp_path / ".cde" / "config.toml").write_text("")
    repository = FilesystemProjectRepository()
    for call in (
        lambda: repository.verify(tmp_path),
        lambda: repository.history(tmp_path, 5),
        lambda: repository.backups(tmp_path),
        lambda: repository.backup(tmp_path, "state-000000000001.json"),
    ):
        assert code_of(call) == "E004"
    assert [each.name for each in tmp_path.iterdir()] == ([".cde"] if folder else [])


@pytest.mark.parametrize(
    "content",
    [
        '{"id": "p", "features": [{"id": "f", "prompt": "half \\ud800"}]}',
        '{"id": "p", "features": [], "deep": ' + "[" * 600 + "]" * 600 + "}",
        '{"id": "p", "features": [], "deep": ' + "[" * 90_000 + "]" * 90_000 + "}",
    ],
    ids=["half a character", "deep", "deeper"],
)
def test_a_version_less_state_that_cannot_be_written_down_is_unreadable(
    tmp_path: Path, content: str, export: str
) -> None:
    root = tmp_path / "old"
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "state.json").write_text(content)
    repository = FilesystemProjectRepository()
    assert code_of(lambda: repository.get(root)) == "E201"
    assert (root / ".cde" / "state.json").read_text() == content
    application = build_application(root)
    application.handle(RestoreState(export=export))
    assert len(FilesystemProjectRepository().get(root).features) == 1


def test_damaged_backups_go_into_quarantine_when_a_history_is_begun_anew(
    tmp_path: Path, export: str
) -> None:
    application = build_application(tmp_path)
    for number in range(2):
        application.handle(CompactState())
        application.handle(StartFeature(prompt=f"Do {number}"))
    assert len(StateFiles(tmp_path).checkpoints()) == 2
    ruined = ruin(tmp_path)
    application = build_application(tmp_path)
    token = application.handle(RestoreState(export=export, dry_run=True))["token"]
    application.handle(RestoreState(export=export, token=token))

    kept = [path.read_bytes() for path in StateFiles(tmp_path).quarantine.glob("*.json*")]
    assert sorted(kept) == sorted(ruined)
    assert FilesystemProjectRepository().verify(tmp_path) == []


def test_a_state_that_can_be_told_is_not_begun_again(tmp_path: Path, export: str) -> None:
    store = FilesystemProjectRepository()._existing(tmp_path)
    last = len(FilesystemProjectRepository().history(tmp_path, 9))
    with pytest.raises(CDEError) as caught, store.started_over({"features": {}}):
        pass
    assert caught.value.code == "E211"
    assert caught.value.context == {"expected": "none", "found": last}


def test_a_state_of_a_newer_shape_is_not_begun_again(
    tmp_path: Path, export: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SCHEMA_VERSION", 2)
    data = checkpoint.encode({"features": {"x": {"name": "without an id"}}}, 2, "")
    monkeypatch.undo()
    StateFiles(tmp_path).state.write_bytes(data)
    with pytest.raises(CDEError) as caught, StateStore(tmp_path).started_over({"features": {}}):
        pass
    assert caught.value.code == "E202"
    assert StateFiles(tmp_path).state.read_bytes() == data
