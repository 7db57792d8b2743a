"""A process that knows more than the files tell never goes back behind that in silence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import (
    FilesystemProjectRepository,
    FolderStore,
)
from cde_orchestrator.domain.clock import utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.storage.format.files import SideName, StateFiles
from cde_orchestrator.storage.project_lock import ProjectLock

Loss = Callable[[StateFiles], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture
def server(root: Path) -> FilesystemProjectRepository:
    repository = FilesystemProjectRepository()
    repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()
    for number in range(12):
        start(repository, root, f"f{number}")
    return repository


def start(repository: FilesystemProjectRepository, root: Path, name: str) -> None:
    with repository.transaction(root) as project:
        project.start_feature("Do it", name=name)


def names(repository: FilesystemProjectRepository, root: Path) -> list[str]:
    return [feature.name for feature in repository.get(root).features]


def copy_of(root: Path, copy: Path) -> None:
    """A copy of the project, with all of its state in it."""
    shutil.copytree(root, copy)
    shutil.copytree(StateFiles(root).backups, copy / ".cde" / "backups")


def put_back(copy: Path, root: Path) -> None:
    """Put the state of a copy, all of it, in the place of that of the project."""
    shutil.copytree(copy / ".cde", root / ".cde")
    backups = StateFiles(copy).backups
    if backups != copy / ".cde" / "backups":
        shutil.copytree(backups, root / ".cde" / "backups", dirs_exist_ok=True)


BEFORE = [f"f{number}" for number in range(12)]


def both_copies(files: StateFiles) -> None:
    for path in (files.journal, *files.segments().values()):
        path.unlink()


def every_state_file(files: StateFiles) -> None:
    both_copies(files)
    files.state.unlink()


def the_folder(files: StateFiles) -> None:
    shutil.rmtree(files.backups)
    shutil.rmtree(files.folder)


def content(files: StateFiles) -> None:
    for path in (files.journal, files.state, *files.segments().values()):
        path.write_bytes(b"not a state\n")


def a_record(files: StateFiles) -> None:
    for path in (files.journal, *files.segments().values()):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:6], b"{}\n", *lines[7:]]))


LOSSES = [both_copies, every_state_file, the_folder, content, a_record]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_change_after_a_loss_is_made_on_what_was_acknowledged(
    server: FilesystemProjectRepository, root: Path, loss: Loss
) -> None:
    loss(StateFiles(root))
    with capture_logs() as logs:
        start(server, root, "after")
    assert names(server, root) == [*BEFORE, "after"]
    fresh = FilesystemProjectRepository()
    assert names(fresh, root) == [*BEFORE, "after"]
    assert fresh.verify(root) == []
    (told,) = [each for each in logs if each["event"] == "state_restored"]
    assert (told["error_code"], told["log_level"]) == ("E212", "warning")


@pytest.mark.parametrize("loss", LOSSES)
def test_a_read_after_a_loss_writes_what_was_acknowledged(
    server: FilesystemProjectRepository, root: Path, loss: Loss
) -> None:
    loss(StateFiles(root))
    assert names(server, root) == BEFORE
    assert names(FilesystemProjectRepository(), root) == BEFORE


def test_the_process_that_knows_most_puts_back_most(
    server: FilesystemProjectRepository, root: Path
) -> None:
    idle = FilesystemProjectRepository()
    assert names(idle, root) == BEFORE
    start(server, root, "later")
    the_folder(StateFiles(root))
    assert names(idle, root) == BEFORE
    assert names(server, root) == [*BEFORE, "later"]
    assert names(idle, root) == [*BEFORE, "later"]
    start(idle, root, "last")
    fresh = FilesystemProjectRepository()
    assert names(fresh, root) == names(server, root) == [*BEFORE, "later", "last"]
    assert fresh.verify(root) == []


def test_processes_that_go_on_from_different_states_come_together(
    server: FilesystemProjectRepository, root: Path
) -> None:
    idle = FilesystemProjectRepository()
    assert names(idle, root) == BEFORE
    start(server, root, "later")
    with server.transaction(root) as project:
        for name in ("f1", "f2"):
            project.feature(name).close("cancelled", "no need", "somebody", utc_now())
    the_folder(StateFiles(root))
    with idle.transaction(root) as project:
        project.feature("f2").close("failed", "it cannot be", "somebody", utc_now())
        project.start_feature("Do it", name="meanwhile")
    with capture_logs() as logs:
        assert sorted(names(server, root)) == sorted([*BEFORE, "later", "meanwhile"])
    assert "history_rejoined" in {each["event"] for each in logs}
    (joined,) = FilesystemProjectRepository().history(root, 1)
    assert (joined.operation, joined.actor) == ("rejoin_history", "cde")
    start(idle, root, "last")
    fresh = FilesystemProjectRepository()
    for each in (fresh, idle, server):
        found = {feature.name: feature.status for feature in each.get(root).features}
        assert sorted(found) == sorted([*BEFORE, "later", "meanwhile", "last"])
        assert (found["f1"], found["f2"]) == ("cancelled", "failed")
    assert fresh.verify(root) == []
    (side,) = sides(root)
    assert side.is_open  # f2 was changed on both sides, so that somebody has to decide


def test_an_older_copy_of_a_history_that_was_put_back_is_followed(
    server: FilesystemProjectRepository, root: Path, tmp_path: Path
) -> None:
    the_folder(StateFiles(root))
    start(server, root, "copied")
    copy_of(root, tmp_path / "copy")
    start(server, root, "later")
    the_folder(StateFiles(root))
    put_back(tmp_path / "copy", root)
    assert names(server, root) == [*BEFORE, "copied"]


def test_a_project_that_was_begun_anew_there_is_followed(
    server: FilesystemProjectRepository, root: Path
) -> None:
    the_folder(StateFiles(root))
    other = FilesystemProjectRepository()
    begun = other.get_or_create(root)
    with capture_logs() as logs:
        assert server.get(root).id == begun.id
    assert names(server, root) == []
    assert "state_replaced" in {each["event"] for each in logs}
    assert len(kept(root)) == 1


def test_a_project_that_is_begun_in_the_place_of_one_is_followed_and_its_vault_stays(
    server: FilesystemProjectRepository, root: Path
) -> None:
    vault = StateFiles(root).backups
    before = {path.name: path.read_bytes() for path in vault.iterdir()}
    begun = FilesystemProjectRepository().get_or_create(root, new=True)
    assert names(server, root) == []
    with server.transaction(root) as project:
        project.activate()
    start(server, root, "first")
    server.close()
    assert {path.name: path.read_bytes() for path in vault.iterdir()} == before
    assert StateFiles(root).backups != vault
    fresh = FilesystemProjectRepository()
    assert (fresh.get(root).id, names(fresh, root)) == (begun.id, ["first"])
    assert fresh.verify(root) == []


def test_nobody_can_restore_the_old_project_while_a_new_one_is_begun(
    server: FilesystemProjectRepository, root: Path
) -> None:
    lock, held = ProjectLock(StateFiles(root)), []

    class Watched(FilesystemProjectRepository):
        def _create_in(self, store: FolderStore, project: Project) -> None:
            held.append((lock.attempt(shared=True), store.files.are_in_folder()))
            super()._create_in(store, project)

    begun = Watched().get_or_create(root, new=True)
    assert held == [(None, False)]
    assert server.get(root).id == begun.id


def test_a_whole_older_copy_is_followed_and_what_it_replaced_is_kept(
    server: FilesystemProjectRepository, root: Path, tmp_path: Path
) -> None:
    copy_of(root, tmp_path / "copy")
    start(server, root, "later")
    the_folder(StateFiles(root))
    put_back(tmp_path / "copy", root)
    with capture_logs() as logs:
        assert names(server, root) == BEFORE
    (told,) = [each for each in logs if each["event"] == "state_forked"]
    assert (told["error_code"], told["log_level"]) == ("E222", "warning")
    ((path, side),) = StateFiles(root).sides().items()
    assert (str(path), side.is_open) == (told["kept"], True)
    assert names(server, root) == BEFORE
    fresh = FilesystemProjectRepository()
    fresh.restore(root, fresh.backup(root, path.name))
    assert names(fresh, root) == [*BEFORE, "later"]


def test_another_history_of_the_same_project_is_followed(
    server: FilesystemProjectRepository, root: Path, tmp_path: Path
) -> None:
    copy_of(root, tmp_path / "copy")
    start(server, root, "here")
    other = FilesystemProjectRepository()
    start(other, tmp_path / "copy", "there")
    the_folder(StateFiles(root))
    put_back(tmp_path / "copy", root)
    assert names(server, root) == [*BEFORE, "there"]
    assert [side.sequence for side in sides(root)] == [15]


def test_a_history_that_went_on_elsewhere_is_followed_without_a_word(
    server: FilesystemProjectRepository, root: Path, tmp_path: Path
) -> None:
    copy_of(root, tmp_path / "copy")
    start(FilesystemProjectRepository(), tmp_path / "copy", "there")
    the_folder(StateFiles(root))
    put_back(tmp_path / "copy", root)
    assert names(server, root) == [*BEFORE, "there"]
    assert kept(root) == []
    assert sides(root) == []


def test_nothing_is_written_into_another_folder_at_the_same_path(
    server: FilesystemProjectRepository, root: Path
) -> None:
    root.rename(root.with_name("moved"))
    root.mkdir()
    with pytest.raises(CDEError) as caught:
        server.get(root)
    assert caught.value.code == "E004"
    assert list(root.iterdir()) == []
    assert names(FilesystemProjectRepository(), root.with_name("moved")) == BEFORE


def read(server: FilesystemProjectRepository, root: Path) -> None:
    with pytest.raises(CDEError) as caught:
        server.get(root)
    assert caught.value.code == "E004"


def change(server: FilesystemProjectRepository, root: Path) -> None:
    with pytest.raises(CDEError) as caught:
        start(server, root, "after")
    assert caught.value.code == "E004"


def end(server: FilesystemProjectRepository, root: Path) -> None:
    server.close()


@pytest.mark.parametrize("use", [read, change, end])
def test_nothing_is_written_into_a_folder_that_was_removed_and_made_again(
    server: FilesystemProjectRepository,
    root: Path,
    use: Callable[[FilesystemProjectRepository, Path], None],
) -> None:
    shutil.rmtree(root)
    root.mkdir()
    (root / "README").write_text("another project")
    use(server, root)
    assert [path.name for path in root.iterdir()] == ["README"]


def test_a_process_that_ends_puts_back_what_it_knows(
    server: FilesystemProjectRepository, root: Path
) -> None:
    the_folder(StateFiles(root))
    server.close()
    assert names(FilesystemProjectRepository(), root) == BEFORE


def sides(root: Path) -> list[SideName]:
    return list(StateFiles(root).sides().values())


def kept(root: Path) -> list[Path]:
    return sorted((root / ".cde" / "quarantine").glob("*-state-*.json"))
