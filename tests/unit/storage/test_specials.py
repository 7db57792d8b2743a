"""What stands where a state file should and is none: links, pipes, folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.format.files import StateFiles

pytestmark = pytest.mark.skipif(os.name == "nt", reason="made for POSIX")

SPECIALS: dict[str, Callable[[Path, Path], None]] = {
    "a link out of the project": lambda path, outside: path.symlink_to(outside),
    "a link to nothing": lambda path, outside: path.symlink_to(outside.with_name("nothing")),
    "a pipe": lambda path, outside: os.mkfifo(path),
    "a folder": lambda path, outside: path.mkdir(),
}
PLACES: dict[str, Callable[[StateFiles], Path]] = {
    "lock": lambda files: files.lock,
    "journal": lambda files: files.journal,
    "state": lambda files: files.state,
    "second copy": lambda files: files.mirror(4),
    "sealed segment": lambda files: files.mirror(1),
    "backup": lambda files: files.backup(3),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    repository = FilesystemProjectRepository()
    repository.get_or_create(folder)
    start(repository, folder, "one")
    start(repository, folder, "two")
    repository.compact(folder)
    start(repository, folder, "three")
    return folder


def start(repository: FilesystemProjectRepository, root: Path, name: str) -> None:
    with repository.transaction(root) as project:
        if project.status != "active":
            project.activate()
        project.start_feature(f"Do {name}", name=name)


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except CDEError as error:
        return error.code
    return "done"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("special", SPECIALS)
def test_a_special_file_is_refused_with_a_code_and_nothing_is_written_elsewhere(
    root: Path, place: str, special: str
) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"mine\n")
    target = PLACES[place](StateFiles(root))
    target.unlink()
    SPECIALS[special](target, outside)
    repository = FilesystemProjectRepository(lock_timeout_seconds=0.5)
    for call in (
        lambda: repository.get(root),
        lambda: start(repository, root, "four"),
        lambda: repository.history(root, 10),
        lambda: repository.backups(root),
        lambda: repository.verify(root),
        lambda: repository.compact(root),
    ):
        assert outcome(call) in {"done", "E201", "E203", "E206"}
    assert outside.read_bytes() == b"mine\n"
    assert sorted(path.name for path in root.parent.iterdir()) == ["outside", "project"]


@pytest.mark.parametrize("place", ["journal", "state", "second copy"])
@pytest.mark.parametrize("special", SPECIALS)
def test_what_stands_in_the_way_of_a_live_file_is_moved_aside_and_nothing_is_lost(
    root: Path, place: str, special: str
) -> None:
    outside = root.parent / "outside"
    outside.write_bytes(b"mine\n")
    files = StateFiles(root)
    target = PLACES[place](files)
    target.unlink()
    SPECIALS[special](target, outside)
    kind = os.lstat(target).st_mode
    repository = FilesystemProjectRepository()
    told = {each.reason for each in repository.verify(root) if each.file.endswith(target.name)}
    assert any(reason.endswith("is in its place") for reason in told)
    assert len(StateArchive(files, OsFileOps()).history({}, 10)) == 4

    with capture_logs() as logs:
        assert len(repository.get(root).features) == 3

    said = [entry for entry in logs if entry["event"] == "state_damaged"]
    assert [(entry["error_code"], entry["path"]) for entry in said] == [("E212", str(target))]
    [kept] = files.quarantine.iterdir()
    assert kept.name.endswith(target.name)
    assert os.lstat(kept).st_mode == kind
    start(repository, root, "four")
    assert repository.verify(root) == []
    assert outside.read_bytes() == b"mine\n"


def test_a_folder_in_place_of_the_only_file_is_named_as_the_reason(tmp_path: Path) -> None:
    files = StateFiles(tmp_path)
    files.state.mkdir(parents=True)

    with pytest.raises(CDEError) as refused:
        FilesystemProjectRepository().get(tmp_path)

    assert refused.value.code == "E201"
    assert "a folder is in its place" in refused.value.context["reason"]
    assert files.state.is_dir()


@pytest.mark.parametrize("folder", ["backups", "quarantine"])
def test_a_folder_of_the_state_that_is_a_link_takes_no_file_elsewhere(
    root: Path, folder: str
) -> None:
    files = StateFiles(root)
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    if folder == "backups":
        for path in files.backups.iterdir():
            path.unlink()
        files.backups.rmdir()
    else:
        files.state.write_bytes(files.state.read_bytes()[:-20])
    place = files.backups if folder == "backups" else files.quarantine
    place.symlink_to(elsewhere, target_is_directory=True)
    assert len(FilesystemProjectRepository().get(root).features) == 3
    changed = outcome(lambda: start(FilesystemProjectRepository(), root, "four"))
    assert changed == "done"
    assert list(elsewhere.iterdir()) == []


def test_the_folder_of_a_project_may_itself_be_a_link(root: Path) -> None:
    files = StateFiles(root)
    elsewhere = root.parent / "elsewhere"
    files.folder.rename(elsewhere)
    files.folder.symlink_to(elsewhere, target_is_directory=True)
    repository = FilesystemProjectRepository()
    start(repository, root, "four")
    assert len(repository.get(root).features) == 4
    assert repository.verify(root) == []
