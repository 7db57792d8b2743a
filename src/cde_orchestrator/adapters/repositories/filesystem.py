"""Projects in the file system: the embedded default."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from cde_orchestrator.adapters.repositories.changes import (
    change_made,
    loaded_project,
    new_project,
    patch_without_secrets,
)
from cde_orchestrator.adapters.repositories.codec import (
    FeatureIndex,
    project_changes,
    stored_features,
)
from cde_orchestrator.adapters.repositories.conflicts import require_no_conflict
from cde_orchestrator.adapters.repositories.gitignore import keep_from_git, write_gitignore
from cde_orchestrator.adapters.repositories.legacy import migrate
from cde_orchestrator.adapters.repositories.missing_state import no_project, traces_of_project
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain.clock import Clock, utc_now
from cde_orchestrator.domain.condition import StateCondition
from cde_orchestrator.domain.exceptions import (
    StateError,
)
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry
from cde_orchestrator.domain.project import Project
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.system.file_ops import FileOps, OsFileOps
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.retry import RetryingReads
from cde_orchestrator.infrastructure.system.spans import DOMAIN, span
from cde_orchestrator.storage.condition import condition_of
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff
from cde_orchestrator.storage.retention import DEFAULT_RETENTION, Retention
from cde_orchestrator.storage.store import StateStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _OpenProject:
    """One project's store and the index over its features."""

    store: StateStore
    index: FeatureIndex


class FilesystemProjectRepository:
    """Keeps each project's state in the folder ``.cde`` of the project itself.

    Args:
        ops: the file operations; the operating system's own by default.
        clock: where the time comes from.
        lock_timeout_seconds: how long a change waits for another process.
        retention: how many backups are kept.
    """

    backend = "filesystem"

    def __init__(
        self,
        ops: FileOps | None = None,
        clock: Clock = utc_now,
        lock_timeout_seconds: float = 5.0,
        retention: Retention = DEFAULT_RETENTION,
    ) -> None:
        self._ops = RetryingReads(ops or OsFileOps())
        self._clock = clock
        self._lock_timeout_seconds = lock_timeout_seconds
        self._retention = retention
        self._shelves: dict[Path, _OpenProject] = {}
        self._kept_from_git: set[Path] = set()
        self._mutex = threading.Lock()

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one, in status onboarding, when there is none.

        Args:
            path: the project's folder.
            name: its name; the folder's when None.
            new: begin one also where the state of an earlier one is gone.

        Raises:
            ProjectError: E001, E002 or E003, the path is no usable folder; E007, the state of a
                project is gone.
            StateError: E201 to E205.
        """
        root = folder_at(path)
        shelf = self._shelf(root)
        shelf.store.refresh()
        if not shelf.store.document:
            if not new and traces_of_project(root):
                raise no_project(root)
            with shelf.store.exclusive():
                if not shelf.store.document:
                    project, whole = new_project(root, name, self._clock)
                    self._commit(shelf, whole, "create_project")
                    write_gitignore(root)
                    log.info("project_created", project_id=project.id, path=str(root))
        self._keep_from_git(root)
        return self._project(shelf)

    def get(self, path: Path | str) -> Project:
        """The project at ``path``.

        Raises:
            ProjectError: E001, E002, E003, or E004 when there is no project.
            StateError: E201, E202 or E205.
        """
        return self._project(self._existing(path))

    def save(self, project: Project, force: bool = False) -> None:
        """Keep what was changed in ``project`` since it was loaded.

        Args:
            project: a project that this repository gave.
            force: try the disk at once, even in read-only mode.

        Raises:
            ConcurrentChangeError: E207, somebody else changed the same thing.
            FeatureError: E104, a new feature's name was taken meanwhile.
            StateError: E201 to E205.
        """
        if not force:
            project.require_writable()
        shelf = self._shelf(folder_at(project.path))
        with shelf.store.exclusive(force=force):
            project.read_only_reason = project.read_only_since = None
            _require_state(shelf)
            changes = project_changes(project)
            require_no_conflict(project, changes, shelf.store.document, shelf.index)
            if changes:
                self._commit(shelf, changes, "save_project")
            stored_features(project).rebase(shelf.store.document)

    @contextmanager
    def transaction(self, path: Path | str) -> Iterator[Project]:
        """The project, alone and up to date; committed on success, as it was on an error.

        Raises:
            ProjectError: E001, E002, E003, or E004 when there is no project.
            StateError: E201 to E205.
        """
        shelf = self._existing(path)
        with shelf.store.exclusive():
            with span(DOMAIN):
                project = self._project(shelf)
                yield project
                changes = project_changes(project)
            if changes:
                self._commit(shelf, changes, call_context().operation or "transaction")

    def history(
        self, path: Path | str, limit: int, feature: str | None = None
    ) -> list[HistoryEntry]:
        """The newest changes first; those about one feature when its reference is given.

        Raises:
            FeatureError: E102 or E103, no such feature.
        """
        shelf = self._recorded(path)
        document: Document = {}
        try:
            shelf.store.refresh()
            _, document = shelf.store.snapshot()
        except StateError:
            if feature is not None:
                raise
        found = self.get(path).feature(feature).id if feature is not None else None
        with shelf.store.steady():
            return shelf.store.archive().history(document, limit, found)

    def state_at(self, path: Path | str, sequence: int | None = None) -> tuple[int, dict[str, Any]]:
        """A sequence, the present one when None, and the state right after it.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E208, the history does not reach there.
        """
        shelf = self._existing(path)
        if sequence is None:
            number, document = shelf.store.snapshot()
            return number, copy.deepcopy(document)
        with shelf.store.steady():
            return sequence, shelf.store.archive().state_at(sequence)

    def verify(self, path: Path | str) -> list[Damage]:
        """Judge everything that is stored; works on any state, however broken."""
        store = self._recorded(path).store
        with store.steady(wait=True):
            return store.archive().verify()

    def condition(self, path: Path | str) -> StateCondition:
        """How the files of the state are, however broken; nothing is changed.

        Raises:
            ProjectError: E001, E002 or E003, the path is no usable folder.
        """
        store = self._shelf(folder_at(path)).store
        return condition_of(store.files, self._ops, is_read_only=store.read_only is not None)

    def peek(self, path: Path | str) -> Project:
        """The project as its files tell it; nothing is mended.

        Raises:
            ProjectError: E001 to E004.
            StateError: E201 or E202.
        """
        root = folder_at(path)
        store, index = StateStore(root, migrate=_migration(root), ops=self._ops), FeatureIndex()
        document = store.peek()
        if not document:
            raise no_project(root)
        index.follow(document, None)
        return loaded_project(document, index, root, self._clock, store.read_only)

    def repair(self, path: Path | str) -> list[str]:
        """Write damaged copies and backups anew from what survives; what was done, in words.

        Raises:
            StateError: E201 to E206.
        """
        store = self._existing(path).store
        with store.exclusive(force=True):
            return store.scrub()

    def backups(self, path: Path | str) -> list[Backup]:
        """The checkpoints that were kept, oldest first."""
        store = self._recorded(path).store
        with store.steady():
            return store.archive().backups()

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup.

        Raises:
            StateError: E209, there is no such backup, or it is damaged.
        """
        store = self._recorded(path).store
        with store.steady():
            return store.archive().backup(name)

    def checked_state(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document, if it is a whole and valid state.

        Raises:
            StateError: E210, it is not.
        """
        return checked_document(document)

    def restore(
        self, path: Path | str, document: dict[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Make ``document`` the present state, as one change that can itself be undone.

        Raises:
            ProjectError: E004, there is no project.
            StateError: E203, E204, E206, E210, or E211 when the state is another by now.
        """
        wanted = checked_document(document)
        try:
            shelf = self._existing(path)
        except StateError as error:
            if error.code == "E201" and expected_sequence is None:
                return self._restore_anew(path, wanted)
            raise
        store = shelf.store
        with store.exclusive(force=True, uncertain=True):
            _require_state(shelf)
            if expected_sequence not in (None, store.sequence):
                raise StateError.of("E211", expected=expected_sequence, found=store.sequence)
            restarted = store.read_only is not None
            if restarted:
                store.restart()
            store.keep_backup()
            changes = diff(store.document, wanted)
            if restarted and not changes:  # a history that begins tells why it does
                changes = [{"op": "add", "path": "", "value": wanted}]
            if changes:
                self._commit(shelf, changes, "restore_state")
            return store.sequence

    def _restore_anew(self, path: Path | str, wanted: Document) -> int:
        """Begin a new history where the present state cannot be read."""
        shelf = self._recorded(path)
        whole = patch_without_secrets([{"op": "add", "path": "", "value": wanted}])
        with shelf.store.begun_anew(whole[0]["value"]):
            self._commit(shelf, whole, "restore_state")
            return shelf.store.sequence

    def compact(self, path: Path | str) -> list[str]:
        """Seal the journal's active part and drop what retention does not keep."""
        shelf = self._existing(path)
        store = shelf.store
        with store.exclusive():
            _require_state(shelf)
            store.compact()
        return [backup.file for backup in store.archive().backups()]

    def close(self) -> None:
        """Renew the checkpoints that lag behind; never fails."""
        with self._mutex:
            shelves = list(self._shelves.values())
        for shelf in shelves:
            shelf.store.close()

    def _shelf(self, root: Path) -> _OpenProject:
        with self._mutex:
            if root not in self._shelves:
                index = FeatureIndex()
                store = StateStore(
                    root,
                    migrate=_migration(root),
                    on_change=index.follow,
                    ops=self._ops,
                    retention=self._retention,
                    lock_timeout_seconds=self._lock_timeout_seconds,
                )
                self._shelves[root] = _OpenProject(store, index)
            return self._shelves[root]

    def _recorded(self, path: Path | str) -> _OpenProject:
        """The project whose files are there, whatever is wrong with them.

        Raises:
            ProjectError: E001, E002, E003, or E004 when there is not one file of a state.
        """
        shelf = self._shelf(folder_at(path))
        if not shelf.store.files.exist():
            raise no_project(shelf.store.files.root)
        return shelf

    def _existing(self, path: Path | str) -> _OpenProject:
        root = folder_at(path)
        shelf = self._shelf(root)
        shelf.store.refresh()
        _require_state(shelf)
        return shelf

    def _project(self, shelf: _OpenProject) -> Project:
        document, store = _require_state(shelf), shelf.store
        return loaded_project(document, shelf.index, store.files.root, self._clock, store.read_only)

    def _commit(self, shelf: _OpenProject, changes: Patch, operation: str) -> None:
        record = shelf.store.commit(change_made(changes, operation, self._clock))
        log.info("project_saved", sequence=record.sequence, bytes=len(record.line))
        self._keep_from_git(shelf.store.files.root)

    def _keep_from_git(self, root: Path) -> None:
        """With the first change that this process makes; a project may be older than the lists."""
        if root not in self._kept_from_git:
            self._kept_from_git.add(root)
            keep_from_git(root)


def _require_state(shelf: _OpenProject) -> Document:
    """The present state, which somebody may have deleted since the last look.

    Raises:
        ProjectError: E004.
    """
    document = shelf.store.document
    if not document:
        raise no_project(shelf.store.files.root)
    return document


def _migration(root: Path) -> Callable[[dict[str, Any]], Document]:
    return lambda content: migrate(content, str(root))
