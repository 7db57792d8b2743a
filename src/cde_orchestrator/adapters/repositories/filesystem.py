"""Projects in the file system: the embedded default."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.repositories.changes import encoded_without_secrets
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.gitignore import (
    keep_from_git,
    no_project,
    write_gitignore,
)
from cde_orchestrator.adapters.repositories.legacy import migrate
from cde_orchestrator.adapters.repositories.movable import MovableProjects, is_left, left, own_of
from cde_orchestrator.adapters.repositories.salvaged import salvaged
from cde_orchestrator.adapters.repositories.stored_projects import (
    Found,
    StillFits,
    require_sequence,
    whole,
)
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.exceptions import (
    CDEError,
    ProjectError,
    StateError,
    ValidationError,
)
from cde_orchestrator.domain.history import Damage, Salvaged
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.system.file_ops import FileOps, OsFileOps
from cde_orchestrator.infrastructure.system.project_home import home_of
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.retry import retrying_reads
from cde_orchestrator.storage.archive import StateArchive
from cde_orchestrator.storage.condition import condition_of
from cde_orchestrator.storage.forks import close_side, notice
from cde_orchestrator.storage.format.journal import Change, Record
from cde_orchestrator.storage.format.json_patch import Document
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention
from cde_orchestrator.storage.salvage import salvage
from cde_orchestrator.storage.store import StateStore


class FolderStore(StateStore):
    """One project's files, and the index over its features."""

    def __init__(
        self,
        root: Path,
        ops: FileOps | None = None,
        retention: Retention = DEFAULT_RETENTION,
        lock_timeout_seconds: float = 5.0,
    ) -> None:
        self.root = root
        self.index = FeatureIndex()
        self._is_kept_from_git = False
        of_old = partial(migrate, path=str(root))
        super().__init__(root, of_old, self.index.follow, ops, retention, lock_timeout_seconds)

    def append(self, change: Change, still_fits: StillFits) -> Record:
        """Append a change; nobody can have overtaken it, as the lock is held."""
        record = self.commit(change)
        if record.sequence == 1:
            write_gitignore(self.files.home)
        self.keep_from_git()
        return record

    def past(self, work: Callable[[StateArchive], Found], otherwise: Found) -> Found:
        """What ``work`` finds in the past."""
        with self.steady():
            return work(self.archive())

    def keep_from_git(self) -> None:
        """With the first change that this process makes; a project may be older than the lists."""
        if not self._is_kept_from_git:
            self._is_kept_from_git = True
            keep_from_git(self.root, self.files.home)


class FilesystemProjectRepository(MovableProjects[FolderStore]):
    """Keeps each project's state in the folder ``.cde`` of the project itself.

    Args:
        ops: the file operations; the operating system's own by default.
        clock: where the time comes from.
        lock_timeout_seconds: how long a change waits for another process.
        retention: how many backups are kept.
    """

    backend = "filesystem"
    unreadable = frozenset({"E201", "E202", "E205"})

    def __init__(
        self,
        ops: FileOps | None = None,
        clock: Clock = utc_now,
        lock_timeout_seconds: float = 5.0,
        retention: Retention = DEFAULT_RETENTION,
    ) -> None:
        super().__init__(clock)
        self._ops = retrying_reads(ops or OsFileOps())
        self._new_store = partial(
            FolderStore,
            ops=self._ops,
            retention=retention,
            lock_timeout_seconds=lock_timeout_seconds,
        )
        self._stores: dict[Path, FolderStore] = {}
        self._mutex = threading.Lock()

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one where there is none, or if it is to be new.

        Raises:
            ValidationError: E305, the state that would go is another worktree's.
        """
        store = self._store(folder_at(path))
        if not new or not store.files.exist():
            return super().get_or_create(path, name, new=new)
        if store.files.home != store.files.root:
            reason = f"the state is in {store.files.home}; begin the new one there"
            raise ValidationError.of("E305", argument="new", reason=reason)
        project = self._begun(store.root, name)
        with store.set_aside():
            self._create_in(store, project)
        store.keep_from_git()
        return self._project(store)

    def peek(self, path: Path | str) -> Project:
        """The project read from its files; nothing is repaired."""
        root = folder_at(path)
        store = self._new_store(root)
        document = store.peek()
        if not document:
            raise no_project(root)
        if is_left(document):
            raise left(root, document)
        store.index.follow(document, None)
        return self._decoded(store, document)

    def verify(self, path: Path | str) -> list[Damage]:
        """Judge everything that is stored; waits for whoever writes."""
        store = self._recorded(path)
        with store.steady(wait=True):
            return store.archive().verify()

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup; one that is not kept yet is another side of a fork."""
        try:
            return super().backup(path, name)
        except StateError as error:
            if error.code != "E209" or not Path(name).name.startswith("fork-"):
                raise
        with self._existing(path).exclusive():  # which keeps each side of a fork by itself
            pass
        return super().backup(path, name)

    def fork_base(self, path: Path | str, name: str) -> dict[str, Any] | None:
        """The state that another side of a fork and the present one grew from; None if unknown."""
        return self._recorded(path).past(lambda archive: archive.fork_base(name), None)

    def fork_notice(self, path: Path | str) -> str | None:
        """What a person has to decide about a fork, in a line; None where there is nothing."""
        with suppress(OSError, CDEError):
            return notice(self._store(folder_at(path)).files, self._ops)
        return None

    def close_fork(self, path: Path | str, name: str) -> bool:
        """Report another side of a fork no more; whether there is one of this name."""
        store = self._existing(path)
        with store.exclusive():
            return close_side(store.files, self._ops, name)

    def condition(self, path: Path | str) -> StateCondition:
        """How the files of the state are, however broken; nothing is changed."""
        store = self._store(folder_at(path))
        return condition_of(store.files, self._ops, is_read_only=store.read_only is not None)

    def repair(self, path: Path | str) -> list[str]:
        """Write damaged copies and backups again from what survives; what was done, in words."""
        store = self._existing(path)
        with store.exclusive(force=True):
            return store.scrub()

    def restore(
        self, path: Path | str, document: dict[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Make ``document`` the present state, as one change that can itself be undone."""
        wanted = checked_document(document)
        try:
            store = self._existing(path)
        except (ProjectError, StateError) as error:
            if error.code in {"E201", "E007"} and expected_sequence is None:
                return self._restore_unreadable(path, wanted)
            raise
        with store.exclusive(force=True, uncertain=True):
            self._require(store)
            require_sequence(store, expected_sequence)
            restarted = store.read_only is not None
            if restarted:
                store.restart()
            # A history that begins records why it does, even where the state stays the same.
            return self._replace(store, wanted, always=restarted)

    def _restore_unreadable(self, path: Path | str, wanted: Document) -> int:
        """Begin a new history where the present state cannot be read."""
        store = self._store(folder_at(path))
        first, _ = encoded_without_secrets(whole(own_of(wanted)))
        with store.started_over(first[0]["value"]):
            self._commit(store, first, "restore_state", lambda: None)
            return store.sequence

    def salvage(self, path: Path | str) -> Salvaged:
        """The best state that whole records and checkpoints give; nothing is changed."""
        store = self._store(folder_at(path))
        with store.steady(wait=True):
            found = salvage(store.files, self._ops)
        if found is None:
            missing = no_project(store.root)
            if not store.files.exist() and missing.code != "E007":
                raise missing
            raise StateError.of("E224", path=str(store.root))
        return salvaged(found, store.files, self._clock)

    def compact(self, path: Path | str) -> None:
        """Seal the journal's active part and drop what retention does not keep."""
        store = self._existing(path)
        with store.exclusive(full=True):
            self._require(store)
            store.compact()

    def place(self, root: Path) -> str:
        """The machine, and the folder whose ``.cde`` has the state."""
        return f"{socket.gethostname()}:{self._store(root).files.home}"

    def name_of(self, root: Path) -> str:
        """None in files."""
        return ""

    def named(self, root: Path, name: str) -> FolderStore:
        """The project's own store."""
        return self._store(root)

    def receiving(self, root: Path, name: str) -> AbstractContextManager[FolderStore]:
        """The project's store, for which nothing is to be set up."""
        return nullcontext(self._store(root))

    def let_go(self, root: Path, *, dry_run: bool = False) -> None:
        """No setting says that the state is in files."""

    def close(self) -> None:
        """Renew the checkpoints that lag behind; never fails."""
        with self._mutex:
            stores = list(self._stores.values())
        for store in stores:
            store.close()

    def _store(self, root: Path) -> FolderStore:
        with self._mutex:
            known = self._stores.get(root)
            gone = known is not None and not known.files.are_in_folder()
            # The worktree that had the state is gone, or there is one that has it by now.
            if known is None or (gone and home_of(root) != known.files.home):
                known = self._stores[root] = self._new_store(root)
            return known

    def _prepared(self, root: Path, new: bool) -> FolderStore:
        if not new and (missing := no_project(root)).code != "E004":
            raise missing
        return self._store(root)

    def _recorded(self, path: Path | str) -> FolderStore:
        """The project with at least one file of a state, whatever is wrong with it."""
        store = super()._recorded(path)
        if not store.files.exist():
            raise no_project(store.root)
        return store

    def _missing(self, root: Path) -> ProjectError:
        return no_project(root)
