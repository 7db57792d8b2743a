"""Where a project's backups are: outside its work tree, and found again by whoever needs them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage.format.files import StateFiles
from cde_orchestrator.storage.project_lock import ProjectLock
from tests.nobody import as_nobody
from tests.repository import git

Kind = Callable[[Path], Path]


def in_repository(root: Path) -> Path:
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return root / ".git" / "cde"


def without_repository(root: Path) -> Path:
    return Path(os.environ["XDG_STATE_HOME"], "cde-orchestrator", "projects")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture(params=[in_repository, without_repository])
def shelf(request: pytest.FixtureRequest, root: Path) -> Path:
    kind: Kind = request.param
    return kind(root)


def onboard(root: Path, *features: str) -> str:
    repository = FilesystemProjectRepository()
    made = repository.get_or_create(root)
    with repository.transaction(root) as project:
        project.activate()
    for name in features:
        start(root, name)
    return made.id


def start(root: Path, name: str, repository: FilesystemProjectRepository | None = None) -> None:
    with (repository or FilesystemProjectRepository()).transaction(root) as project:
        project.start_feature("Do it", name=name)


def names(root: Path) -> list[str]:
    return [feature.name for feature in FilesystemProjectRepository().get(root).features]


def is_intact(root: Path) -> bool:
    return FilesystemProjectRepository().verify(root) == []


def as_an_earlier_release_left_it(root: Path) -> None:
    """Move the backups into ``.cde``, and remove the vault."""
    files = StateFiles(root)
    local = root / ".cde" / "backups"
    local.mkdir()
    for path in files.backups.iterdir():
        if path.name != "project.json":
            place = local.parent if path.name == "judged.json" else local
            shutil.move(path, place / path.name)
    shutil.rmtree(files.backups)
    (local / ".gitignore").write_text("*\n")


def test_a_new_project_has_its_backups_in_a_vault_that_only_its_owner_may_enter(
    root: Path, shelf: Path
) -> None:
    project_id = onboard(root, "one")
    vault = shelf / project_id
    assert StateFiles(root).backups == vault
    assert list(vault.glob("journal-*.jsonl"))
    assert vault.stat().st_mode & 0o777 == 0o700
    passport = orjson.loads((vault / "project.json").read_bytes())
    assert (passport["id"], passport["home"]) == (project_id, str(root))
    assert not (root / ".cde" / "backups").exists()


def test_a_project_whose_folder_is_gone_is_restored_and_that_is_logged(
    root: Path, shelf: Path
) -> None:
    onboard(root, "one", "two")
    FilesystemProjectRepository().compact(root)
    start(root, "three")
    shutil.rmtree(root / ".cde")
    with capture_logs() as logs:
        assert names(root) == ["one", "two", "three"]
    (said,) = [each for each in logs if each["event"] == "state_restored"]
    assert (said["error_code"], said["log_level"]) == ("E212", "warning")
    assert is_intact(root)
    assert len(FilesystemProjectRepository().history(root, 10)) == 5


def test_backups_of_an_earlier_release_are_moved_at_the_first_use(root: Path, shelf: Path) -> None:
    project_id = onboard(root, "one")
    FilesystemProjectRepository().compact(root)
    start(root, "two")
    as_an_earlier_release_left_it(root)
    before = {path.name: path.read_bytes() for path in (root / ".cde" / "backups").iterdir()}
    with capture_logs() as logs:
        assert names(root) == ["one", "two"]
    assert {"state_damaged", "backup_damaged"}.isdisjoint(each["event"] for each in logs)
    moved = {path.name: path.read_bytes() for path in (shelf / project_id).iterdir()}
    assert moved.items() >= {k: v for k, v in before.items() if "-0" in k}.items()
    assert not (root / ".cde" / "backups").exists()
    assert not (root / ".cde" / "quarantine").exists()
    assert len(FilesystemProjectRepository().history(root, 10)) == 4
    assert is_intact(root)


def test_a_move_that_is_cut_short_leaves_everything_readable(
    root: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onboard(root, "one")
    FilesystemProjectRepository().compact(root)
    start(root, "two")
    as_an_earlier_release_left_it(root)
    files, unlink = StateFiles(root), OsFileOps.unlink
    left = len(list((root / ".cde" / "backups").glob("*-0*")))
    for number in range(left + 1):
        budget = [number]

        def cut_short(ops: OsFileOps, path: Path, budget: list[int] = budget) -> None:
            budget[0] -= 1
            if budget[0] < 0:
                raise KeyboardInterrupt
            unlink(ops, path)

        monkeypatch.setattr(OsFileOps, "unlink", cut_short)
        with suppress(KeyboardInterrupt):
            files.settle(OsFileOps())
        monkeypatch.setattr(OsFileOps, "unlink", unlink)
        assert len(FilesystemProjectRepository().peek(root).features) == 2
        is_left = bool(list((root / ".cde" / "backups").glob("*-0*")))
        assert StateFiles(root).is_unsettled == is_left
    assert names(root) == ["one", "two"]
    assert is_intact(root)


def test_a_process_of_the_earlier_release_at_the_same_time_loses_nothing(
    root: Path, shelf: Path
) -> None:
    """It keeps its second copy in ``.cde``; what it appended is taken from there."""
    onboard(root, "one")
    as_an_earlier_release_left_it(root)
    earlier = FilesystemProjectRepository()
    store = earlier._store(root)
    store.files._backups = store.files.local_backups
    store.files.settle = lambda *_: False  # type: ignore[method-assign]
    store.files.resolve = lambda: store.files.local_backups  # type: ignore[method-assign]
    for number in range(3):
        store.files.local_backups.mkdir(exist_ok=True)
        start(root, f"earlier-{number}", earlier)
        start(root, f"now-{number}")
    wanted = ["one", *(f"{who}-{n}" for n in range(3) for who in ("earlier", "now"))]
    assert names(root) == wanted
    assert is_intact(root)


def test_changes_are_taken_where_no_vault_can_be_written_and_moved_out_later(
    root: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, opened = OsFileOps.make_folder, os.open

    def refused(ops: OsFileOps, path: Path) -> None:
        if shelf in (path, *path.parents) or "projects" in path.parts:
            raise PermissionError(13, os.strerror(13), str(path))
        make(ops, path)

    def sandboxed(path: str | Path, flags: int, *rest: int, **more: int) -> int:
        if Path(path).name == "project.json" and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, os.strerror(13), str(path))
        return opened(path, flags, *rest, **more)

    with monkeypatch.context() as sandbox:
        sandbox.setattr(OsFileOps, "make_folder", refused)
        project_id = onboard(root, "one")
        assert StateFiles(root).is_local
        assert list((root / ".cde" / "backups").glob("journal-*"))
        assert is_intact(root)
    start(root, "two")
    FilesystemProjectRepository().compact(root)
    assert not StateFiles(root).is_local
    assert not (root / ".cde" / "backups").exists()
    with monkeypatch.context() as sandbox, capture_logs() as logs:
        sandbox.setattr(os, "open", sandboxed)
        start(root, "three")
        assert StateFiles(root).is_local
        FilesystemProjectRepository().compact(root)
        start(root, "four")
        assert {each["log_level"] for each in logs} <= {"debug", "info"}
        assert is_intact(root)
    assert names(root) == ["one", "two", "three", "four"]
    assert StateFiles(root).backups == shelf / project_id
    assert is_intact(root)
    assert len(FilesystemProjectRepository().history(root, 10)) == 6


def test_a_server_in_a_sandbox_and_one_outside_take_turns(
    root: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onboard(root)
    inside, outside = FilesystemProjectRepository(), FilesystemProjectRepository()
    opened = os.open

    def sandboxed(path: str | Path, flags: int, *rest: int, **more: int) -> int:
        if Path(path).name == "project.json" and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(13, os.strerror(13), str(path))
        return opened(path, flags, *rest, **more)

    for number in range(4):
        with monkeypatch.context() as sandbox:
            sandbox.setattr(os, "open", sandboxed)
            start(root, f"inside-{number}", inside)
        start(root, f"outside-{number}", outside)
    wanted = [f"{who}-{n}" for n in range(4) for who in ("inside", "outside")]
    assert names(root) == wanted
    assert is_intact(root)


def test_a_copy_of_a_project_has_a_vault_of_its_own(root: Path, shelf: Path) -> None:
    onboard(root, "one")
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    start(copy, "there")
    start(root, "here")
    assert names(root) == ["one", "here"]
    assert names(copy) == ["one", "there"]
    assert StateFiles(copy).backups != StateFiles(root).backups
    for each in (root, copy):
        shutil.rmtree(each / ".cde")
    assert names(root) == ["one", "here"]
    assert names(copy) == ["one", "there"]
    assert is_intact(root)
    assert is_intact(copy)


def test_a_project_that_was_moved_keeps_its_vault(root: Path, shelf: Path) -> None:
    onboard(root, "one")
    FilesystemProjectRepository().compact(root)
    moved = root.rename(root.with_name("moved"))
    start(moved, "two")
    assert len(FilesystemProjectRepository().history(moved, 10)) == 4
    shutil.rmtree(moved / ".cde")
    assert names(moved) == ["one", "two"]
    assert is_intact(moved)


def test_the_state_of_another_project_that_was_put_there_is_followed(
    root: Path, shelf: Path
) -> None:
    onboard(root, "one")
    other = root.with_name("other")
    other.mkdir()
    onboard(other, "two")
    shutil.rmtree(root / ".cde")
    shutil.copytree(other / ".cde", root / ".cde")
    assert names(root) == ["two"]
    start(root, "three")
    assert names(other) == ["two"]
    assert names(root) == ["two", "three"]


def test_an_older_copy_of_the_folder_is_completed_from_the_vault(root: Path, shelf: Path) -> None:
    onboard(root, "one")
    shutil.copytree(root / ".cde", root.with_name("older"))
    start(root, "two")
    FilesystemProjectRepository().compact(root)
    start(root, "three")
    shutil.rmtree(root / ".cde")
    shutil.copytree(root.with_name("older"), root / ".cde")
    assert names(root) == ["one", "two", "three"]
    assert is_intact(root)


def test_links_in_the_way_to_a_vault_are_not_followed(root: Path) -> None:
    shelf, elsewhere = in_repository(root), root.with_name("elsewhere")
    elsewhere.mkdir()
    shelf.symlink_to(elsewhere, target_is_directory=True)
    onboard(root, "one")
    assert list(elsewhere.iterdir()) == []
    assert names(root) == ["one"]
    assert is_intact(root)


def test_a_damaged_note_or_passport_costs_nothing_while_the_folder_is_there(
    root: Path, shelf: Path
) -> None:
    project_id = onboard(root, "one")
    (shelf / project_id / "project.json").write_bytes(b"\0")
    for path in (shelf / "by-path").iterdir():
        path.write_bytes(b"\0" * 40)
    start(root, "two")
    shutil.rmtree(root / ".cde")
    assert names(root) == ["one", "two"]


class CountingOps(OsFileOps):
    """Counts what is written, by kind of operation."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def create(self, path: Path) -> int:
        self.done["create"] += 1
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> int:
        self.done["write"] += 1
        return super().write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        self.done["sync"] += 1
        super().fdatasync(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self.done["replace"] += 1
        super().replace(source, target)

    def sync_folder(self, path: Path) -> None:
        self.done["sync folder"] += 1
        super().sync_folder(path)


@pytest.mark.parametrize("is_new", [False, True])
def test_a_change_and_a_seal_write_no_more_than_with_backups_in_the_folder(
    root: Path, shelf: Path, is_new: bool
) -> None:
    onboard(root)
    ops = CountingOps()
    repository = FilesystemProjectRepository(ops)
    if not is_new:
        repository.get(root)
    start(root, "one", repository)
    assert ops.done == {"write": 2, "sync": 1}
    ops.done.clear()
    repository.compact(root)
    kinds = ("create", "write", "sync", "replace", "sync folder")
    assert ops.done == dict.fromkeys(kinds, 5)


def test_processes_with_different_folders_of_one_project_exclude_each_other(
    root: Path, shelf: Path
) -> None:
    onboard(root)
    lock, other = ProjectLock(StateFiles(root)), ProjectLock(StateFiles(root), 0.0)
    with lock.exclusive():
        assert lock.is_current()
        shutil.rmtree(root / ".cde")
        (root / ".cde").mkdir()
        assert not lock.is_current()
        assert other.attempt() is None
    held = other.attempt()
    assert held is not None
    held.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_vault_of_another_user_does_not_keep_a_project_from_being_read(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    project = FilesystemProjectRepository().get_or_create(root)
    assert StateFiles(root).backups.is_relative_to(root / ".git")
    for path in (root / ".cde").iterdir():  # which its owner has to allow
        path.chmod(0o644)
    with as_nobody(root / ".cde"):
        other = FilesystemProjectRepository()
        assert other.get(root).id == project.id
        other.condition(root)
        other.verify(root)


def test_a_new_project_is_not_begun_where_the_state_is_another_worktrees(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(linked))
    project = FilesystemProjectRepository().get_or_create(main)

    with pytest.raises(ValidationError) as caught:
        FilesystemProjectRepository().get_or_create(linked, new=True)

    assert caught.value.code == "E305"
    assert str(main) in caught.value.message
    assert FilesystemProjectRepository().get(main).id == project.id


def test_a_worktree_that_had_the_state_may_go_while_somebody_works_on_it(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(linked))
    project = FilesystemProjectRepository().get_or_create(linked)
    server = FilesystemProjectRepository()
    assert server.get(main).id == project.id
    shutil.rmtree(linked)
    git(main, "worktree", "prune")

    with server.transaction(main) as found:
        found.metadata["kept"] = True
    assert FilesystemProjectRepository().get(main).metadata == {"kept": True}


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_worktree_that_was_moved_by_hand_goes_on_with_what_was_done_in_another(
    tmp_path: Path, is_gone: bool
) -> None:
    main, linked, moved = (tmp_path / name for name in ("main", "linked", "moved"))
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(linked))
    onboard(linked, "one")
    linked.rename(moved)
    start(main, "two")
    FilesystemProjectRepository().compact(main)
    git(main, "worktree", "repair", str(moved))
    if is_gone:
        shutil.rmtree(main / ".cde")

    start(moved, "three")

    assert names(main) == names(moved) == ["one", "two", "three"]
    assert StateFiles(moved).home == main
    assert is_intact(moved)


def test_a_worktree_that_git_moved_stays_the_home(tmp_path: Path) -> None:
    main, linked, moved = (tmp_path / name for name in ("main", "linked", "moved"))
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(linked))
    onboard(linked, "one")
    git(main, "worktree", "move", str(linked), str(moved))

    start(main, "two")
    start(moved, "three")

    assert names(main) == names(moved) == ["one", "two", "three"]
    assert StateFiles(main).home == StateFiles(moved).home == moved
    assert is_intact(moved)


def test_a_project_that_is_reached_by_another_path_is_its_own_home(tmp_path: Path) -> None:
    root, alias = tmp_path / "root", tmp_path / "alias"
    root.mkdir()
    git(root, "init", "-q")
    onboard(root, "one")
    alias.symlink_to(root)

    assert StateFiles(alias).home == alias
    start(alias, "two")
    assert names(root) == names(alias) == ["one", "two"]


@pytest.mark.parametrize("journal", ["of its own", "empty", "missing"])
def test_a_worktree_with_a_history_of_its_own_keeps_it(tmp_path: Path, journal: str) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(linked))
    onboard(main, "one")
    shutil.copytree(main / ".cde", tmp_path / "copy")
    start(main, "two")
    other = tmp_path / "other"
    shutil.copytree(tmp_path / "copy", other / ".cde")
    start(other, "own")
    shutil.copytree(other / ".cde", linked / ".cde", dirs_exist_ok=True)
    if journal == "missing":
        (linked / ".cde" / "journal.jsonl").unlink()
    if journal == "empty":
        (linked / ".cde" / "journal.jsonl").write_text("")

    assert StateFiles(linked).home == linked
