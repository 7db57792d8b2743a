"""The part of a repository of projects that is the same for every kind of store."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from cde_orchestrator.adapters.repositories.changes import encoded_without_secrets
from cde_orchestrator.adapters.repositories.codec import (
    StoredFeatures,
    decode_project,
    encode_feature,
    encode_project,
    require_name,
)
from cde_orchestrator.adapters.repositories.conflicts import features_of, fitting_changes
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.refusing import refusing_unreadable
from cde_orchestrator.adapters.repositories.unforked import Unforked
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import (
    CDEError,
    ConcurrentChangeError,
    ProjectError,
    StateError,
)
from cde_orchestrator.domain.history import Backup, Damage, HistoryEntry, Salvaged
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.subject import name_subject
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.system import acting_files
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.infrastructure.system.spans import DOMAIN, span
from cde_orchestrator.infrastructure.system.viewing import standing_of
from cde_orchestrator.storage.format.journal import Change, Record
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff
from cde_orchestrator.storage.read_only import ReadOnly

log = get_logger(__name__)
Found = TypeVar("Found")
StillFits = Callable[[], None]
"""Raises where a change does not fit the state that it has by now."""


class _Archive(Protocol):
    """A project's past, as ``storage.archive.StateArchive`` documents it."""

    def history(
        self, document: Document, limit: int, feature_id: str | None = None, after: int = 0
    ) -> list[HistoryEntry]: ...
    def state_at(self, sequence: int) -> Document: ...
    def verify(self) -> list[Damage]: ...
    def backups(self) -> list[Backup]: ...
    def backup(self, name: str) -> Document: ...


Work = Callable[[_Archive], Found]


class _ProjectStore(Protocol):
    """One project's state, as ``storage.store.StateStore`` documents it."""

    root: Path
    index: FeatureIndex

    @property
    def document(self) -> Document: ...
    @property
    def sequence(self) -> int: ...
    @property
    def read_only(self) -> ReadOnly | None: ...
    def snapshot(self) -> tuple[int, Document]: ...
    def refresh(self) -> None: ...
    def exclusive(self, *, force: bool = False) -> AbstractContextManager[object]: ...
    def keep_backup(self) -> None: ...
    def keep_from_git(self) -> None: ...
    def append(self, change: Change, still_fits: StillFits) -> Record:
        """Append a change, durably; ``still_fits`` raises where it was overtaken."""

    def past(self, work: Work[Found], otherwise: Found) -> Found:
        """What ``work`` finds in the past, while nobody changes it; ``otherwise`` without one."""


Store = TypeVar("Store", bound=_ProjectStore)


class StoredProjects(Unforked, ABC, Generic[Store]):
    """Projects in a store each.

    In addition to what the ports say, reading may raise ``StateError`` E217, and a change E206,
    E216 or E217.

    Args:
        clock: where the time comes from.
    """

    backend: str
    unreadable: ClassVar[frozenset[str]]
    """Codes of a state that cannot be read although its history may be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    def _store(self, root: Path) -> Store:
        """The store of the project at ``root``, one for as long as the process runs."""

    @abstractmethod
    def _prepared(self, root: Path, new: bool) -> Store:
        """The store of a project that is about to be created."""

    def _recorded(self, path: Path | str) -> Store:
        """The store, whatever is wrong with what it holds."""
        return self._store(folder_at(path))

    def _missing(self, root: Path) -> CDEError:
        return ProjectError.of("E004", path=str(root))

    def get_or_create(
        self, path: Path | str, name: str | None = None, *, new: bool = False
    ) -> Project:
        """The project at ``path``; a new one, in status onboarding, when there is none."""
        root = folder_at(path)
        project = self._begun(root, name)
        is_new = self._create(root, project, new=new)
        store = self._store(root)
        if not is_new:
            store.keep_from_git()
        return self._project(store)

    def get(self, path: Path | str) -> Project:
        """The project at ``path``."""
        return self._project(self._existing(path))

    def peek(self, path: Path | str) -> Project:
        """The project as it is stored."""
        return self.get(path)

    def save(self, project: Project, force: bool = False) -> list[str]:
        """Keep what was changed in ``project`` since it was loaded; one never stored is, whole.

        Returns:
            What ``force`` overrode of somebody else's changes, in words.

        Raises:
            ConcurrentChangeError: E207, somebody else changed the same thing.
            FeatureError: E104, a new feature's name was taken meanwhile.
            ProjectError: E007, it was never stored, and the state of an earlier one is gone.
            StateError: E219, another project is stored there.
            ValidationError: E302, E303 or E305, it could not be loaded again.
        """
        if not force:
            project.require_writable()
        root = folder_at(project.path)
        if not isinstance(project.features, StoredFeatures):
            require_name(project)
            if self._create(root, project, force=force):
                return []
            project.path = str(root)
        store = self._store(root)
        with store.exclusive(force=force):
            self._require(store)
            project.read_only_reason = project.read_only_since = None
            features = features_of(project, store.index)
            fitting = partial(self._fitting, project, features, store, force=force)
            changes, overridden = fitting()
            if changes:
                self._commit_of(changes, fitting, store, "save_project")
            features.rebase(changes, store.document, project.workflows)
            project.features = features
            if overridden:
                log.warning("changes_overridden", project_id=project.id, overridden=overridden)
            return overridden

    @contextmanager
    def transaction(self, path: Path | str) -> Iterator[Project]:
        """The project, alone and up to date; committed on success, as it was on an error.

        Raises:
            ConcurrentChangeError: E207, the connection to the database broke, and somebody
                else changed the same thing before it was restored.
        """
        store = self._existing(path)
        with store.exclusive():
            with span(DOMAIN):
                project = self._project(store)
                yield project
                features = features_of(project, store.index)
                fitting = partial(self._fitting, project, features, store)
                changes, _ = fitting()
            if changes:
                self._commit_of(changes, fitting, store, "transaction")

    def history(
        self, path: Path | str, limit: int, feature: str | None = None, after: int = 0
    ) -> list[HistoryEntry]:
        """The newest changes after one, newest first; of one feature (E102, E103) if given."""
        store = self._recorded(path)
        document: Document = {}
        try:
            store.refresh()
            _, document = store.snapshot()
        except StateError as error:
            if feature is not None or error.code not in self.unreadable:
                raise
        found = self.get(path).feature(feature).id if feature is not None else None
        return store.past(lambda archive: archive.history(document, limit, found, after), [])

    def state_at(self, path: Path | str, sequence: int | None = None) -> tuple[int, dict[str, Any]]:
        """A sequence, the present one when None, and the state right after it."""
        store = self._existing(path)
        number, document = store.snapshot()
        if sequence in {None, number}:  # whatever the backups still have
            return number, copy.deepcopy(document)
        return sequence, store.past(lambda archive: archive.state_at(sequence), {})

    def verify(self, path: Path | str) -> list[Damage]:
        """Judge everything that is stored; works on any state, however broken."""
        return self._recorded(path).past(lambda archive: archive.verify(), [])

    def backups(self, path: Path | str) -> list[Backup]:
        """The states that were kept whole, oldest first."""
        return self._recorded(path).past(lambda archive: archive.backups(), [])

    def backup(self, path: Path | str, name: str) -> dict[str, Any]:
        """The state in a backup."""
        return self._recorded(path).past(lambda archive: archive.backup(name), {})

    def salvage(self, path: Path | str) -> Salvaged:
        """The present state: what keeps it repairs itself, or answers nothing at all."""
        sequence, document = self.state_at(path)
        where = [(self.backend, "the state")]
        return Salvaged(document, sequence, None, True, where, [], [], [])

    def checked_state(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document, if it is a whole and valid state."""
        return checked_document(document)

    def restore(
        self, path: Path | str, document: dict[str, Any], expected_sequence: int | None = None
    ) -> int:
        """Make ``document`` the present state, as one change that can itself be undone."""
        root = folder_at(path)
        wanted = {**checked_document(document), "path": str(root)}
        store = self._existing(root)
        with store.exclusive(force=True):
            require_sequence(store, expected_sequence)
            return self._replace(store, wanted)

    def compact(self, path: Path | str) -> None:
        """Keep the present state whole and drop what retention does not keep."""
        store = self._existing(path)
        if store.read_only is not None:
            raise store.read_only.error()
        store.keep_backup()

    def _replace(self, store: Store, wanted: Document, *, always: bool = False) -> int:
        """Make ``wanted`` the present state, and keep a backup of what was; its sequence.

        With ``always`` it is recorded even where it changes nothing.
        """
        store.keep_backup()
        changes = diff(store.document, wanted)
        if always and not changes:
            changes = whole(wanted)
        if changes:
            still_fits = partial(require_sequence, store, store.sequence)
            self._commit(store, changes, "restore_state", still_fits)
        return store.sequence

    def _existing(self, path: Path | str) -> Store:
        store = self._store(folder_at(path))
        store.refresh()
        self._require(store)
        return store

    def _require(self, store: Store) -> Document:
        """The present state, which somebody may have deleted since it was read."""
        document = store.document
        if not document:
            raise self._missing(store.root)
        return document

    def _project(self, store: Store) -> Project:
        return self._decoded(store, self._require(store))

    def _decoded(self, store: Store, document: Document) -> Project:
        """The project of a document, and why it takes no changes if so; logs name it."""
        name_subject(project_id=document["id"])
        with refusing_unreadable(document, "the project"):
            project = decode_project(document, store.index, str(store.root), self._clock)
        if (mode := store.read_only) is not None:
            project.read_only_reason, project.read_only_since = mode.reason, mode.since
            project.read_only_fixes = mode.fixes
        project.trust, project.sequence = standing_of(store.root), store.sequence
        return project

    def _create(
        self, root: Path, project: Project, *, new: bool = False, force: bool = False
    ) -> bool:
        """Store a project whole where there is none; whether it was."""
        store = self._store(root)
        store.refresh()
        if store.document:
            return False
        store = self._prepared(root, new)
        with store.exclusive(force=force):
            if store.document:
                return False
            self._create_in(store, project)
        store.keep_from_git()
        return True

    def _begun(self, root: Path, name: str | None) -> Project:
        """A new project, which is stored nowhere yet."""
        return Project.create(str(root), name or root.name or "project", self._clock)

    def _create_in(self, store: Store, project: Project) -> None:
        """Store a project whole in an empty store, which is held alone."""
        project.path = str(store.root)
        features = features_of(project, store.index)
        encoded = {key: encode_feature(each) for key, each in features.decoded.items()}
        document = {**encode_project(project), "features": encoded}
        self._commit(store, whole(document), "create_project", partial(_require_none, store))
        features.rebase(whole(document), store.document, project.workflows)
        project.features = features
        acting_files.set_up(store.root)
        log.info("project_created", project_id=project.id, path=str(store.root))

    def _fitting(
        self, project: Project, features: StoredFeatures, store: Store, *, force: bool = False
    ) -> tuple[Patch, list[str]]:
        document = self._require(store)
        if document["id"] != project.id:
            found, given = document["id"], project.id
            raise StateError.of("E219", path=str(store.root), stored=found, given=given)
        return fitting_changes(project, features, document, store.index, force=force)

    def _commit_of(
        self,
        changes: Patch,
        fitting: Callable[[], tuple[Patch, list[str]]],
        store: Store,
        operation: str,
    ) -> None:
        def still_fits() -> None:
            if fitting()[0] != changes:
                raise ConcurrentChangeError.of("E207", subject="The project")

        self._commit(store, changes, operation, still_fits)

    def _commit(self, store: Store, changes: Patch, operation: str, still_fits: StillFits) -> None:
        """Record changes without secrets, as ``operation`` where none runs that has a name."""
        context = call_context()
        clean, encoded = encoded_without_secrets(changes)
        change = Change(
            at=self._clock().isoformat(),
            operation=context.operation or operation,
            actor=context.doer,
            correlation_id=context.correlation_id,
            changes=clean,
            encoded=encoded,
        )
        record = store.append(change, still_fits)
        log.info("project_saved", sequence=record.sequence, bytes=len(record.line))


def whole(document: Document) -> Patch:
    """The change that puts a document in the place of whatever there is."""
    return [{"op": "add", "path": "", "value": document}]


def require_sequence(store: _ProjectStore, expected: int | None) -> None:
    """Let nobody restore over a change that was made meanwhile.

    Raises:
        StateError: E211.
    """
    if expected not in {None, store.sequence}:
        raise StateError.of("E211", expected=expected, found=store.sequence)


def _require_none(store: _ProjectStore) -> None:
    """Let nobody make a project over another one.

    Raises:
        ConcurrentChangeError: E207.
    """
    if store.document:
        raise ConcurrentChangeError.of("E207", subject="The project")
