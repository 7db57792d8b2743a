"""The state of a project moves from its files to a database, and back.

Where it was, the last change says where it went. In files that is in the journal and its copies,
so that no branch, shell or machine goes on with the state that was left there.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.repositories.stored_projects import (
    Store,
    StoredProjects,
    require_sequence,
    whole,
)
from cde_orchestrator.domain.exceptions import CDEError, StateError, ValidationError
from cde_orchestrator.domain.history import Move
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.project_path import folder_at
from cde_orchestrator.storage.format.feature_texts import plain
from cde_orchestrator.storage.format.json_patch import Document, Patch, diff

log = get_logger(__name__)

MOVED = "moved"
"""The member of a state that was moved: ``count``, how often, ``from`` where, and ``sequence``,
the number of the last change there. What was left behind has ``to`` where it went, ``at`` what
time, and as what ``project`` of a database."""


class MovableProjects(StoredProjects[Store]):
    """Projects whose state can be moved into a store of another kind."""

    @abstractmethod
    def place(self, root: Path) -> str:
        """Where the state of the project is kept, in words that no other place has."""

    @abstractmethod
    def name_of(self, root: Path) -> str:
        """The project's name in a database; empty in files, and while it has none."""

    @abstractmethod
    def named(self, root: Path, name: str) -> Store:
        """The store of the project with this name, if it is not empty."""

    @abstractmethod
    def receiving(self, root: Path, name: str) -> AbstractContextManager[Store]:
        """The store that a state is moved into; an error takes back what was set up for it."""

    @abstractmethod
    def let_go(self, root: Path, *, dry_run: bool = False) -> None:
        """Let the settings no longer say that the state is here.

        Raises:
            ValidationError: E314, only a person can change them.
        """

    def move_to(
        self,
        other: MovableProjects[Any],
        path: Path | str,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> Move:
        """Move the state there; a move that was cut short is completed.

        ``force``: also what went elsewhere, and in place of another state of the project, which
        is kept as a backup.

        Raises:
            ProjectError: E004, there is none.
            StateError: E211, it was changed meanwhile; E219, another project is there; E228, it
                went elsewhere.
            ValidationError: E305, both places have one; E314, the settings cannot be changed.
        """
        root = folder_at(path)
        move = self._planned(other, root, force=force)
        self.let_go(root, dry_run=True)
        if dry_run:
            return move
        source = self.named(root, move.project)
        with other.receiving(root, move.project) as target:
            if move.revives:
                other.stay(target)
            if move.leaves:
                left = {"to": other.place(root), "project": other.name_of(root)}
                self.leave(source, left, move.sequence)
            if move.brings:
                try:
                    other.take_in(target, self._brought(source, move), force=force)
                except CDEError as error:
                    if move.leaves and error.code != "E216":
                        self.stay(source)
                    raise
        self.let_go(root)
        log.info("state_moved", source=move.source, target=move.target, sequence=move.sequence)
        return move

    def leave(self, store: Store, left: Mapping[str, str], expected_sequence: int) -> None:
        """Say that the state went elsewhere; nobody works on it here from then on."""
        with store.exclusive(force=True):
            require_sequence(store, expected_sequence)
            moved = {**_moved(store.document), **left, "at": self._clock().isoformat()}
            self._record(store, [{"op": "add", "path": f"/{MOVED}", "value": moved}])

    def stay(self, store: Store) -> None:
        """Take back that the state went elsewhere."""
        with store.exclusive(force=True):
            if is_left(store.document):
                kept = {key: _moved(store.document)[key] for key in ("count", "from", "sequence")}
                self._record(store, [{"op": "add", "path": f"/{MOVED}", "value": kept}])

    def take_in(self, store: Store, document: Document, *, force: bool) -> None:
        """Make a state that comes from elsewhere the present one."""
        with store.exclusive(force=True):
            present, moved = store.document, document[MOVED]
            if present:
                _require_same(store.root, present, document)
                if not force and {**_moved(present), "count": 0} == {**moved, "count": 0}:
                    return  # another process has completed the move, and may have gone on
                if not force and not is_left(present):
                    raise StateError.of("E211", expected="none", found=store.sequence)
                store.keep_backup()
            count = max(moved["count"], _moved(present)["count"]) + 1
            document = {**document, MOVED: {**moved, "count": count}}
            self._record(store, diff(present, document) if present else whole(document))
        store.keep_from_git()

    def _require(self, store: Store) -> Document:
        document = super()._require(store)
        if is_left(document):
            raise left(store.root, document)
        return document

    def _replace(self, store: Store, wanted: Document, *, always: bool = False) -> int:
        kept = {key: value for key, value in store.document.items() if key == MOVED}
        return super()._replace(store, {**own_of(wanted), **kept}, always=always)

    def _record(self, store: Store, changes: Patch) -> None:
        self._commit(store, changes, "move_state", partial(require_sequence, store, store.sequence))

    def _brought(self, source: Store, move: Move) -> Document:
        """The state as it is to be at the target, whose copies share nothing with this one."""
        moved = _moved(source.document)
        moved = {"count": moved["count"], "from": move.source, "sequence": move.sequence}
        return {
            **copy.deepcopy(plain(own_of(source.document))),
            "path": str(source.root),
            MOVED: moved,
        }

    def _planned(self, other: MovableProjects[Any], root: Path, *, force: bool) -> Move:
        """What there is to do, as the two places are now."""
        name = self.name_of(root) or other.name_of(root)
        sequence, mine = _stored(self.named(root, name))
        name = _moved(mine).get("project") or name
        there, theirs = _stored(other.named(root, name))
        if not mine and not theirs:
            raise self._missing(root)
        if mine and theirs:
            _require_same(root, theirs, mine)
        move = partial(
            Move,
            self.place(root),
            other.place(root),
            sequence - is_left(mine),
            len((mine or theirs)["features"]),
            name,
        )
        if theirs and not is_left(theirs):
            if not mine or is_left(mine):
                return move()
            if own_of(mine) == {**own_of(theirs), "path": mine["path"]}:
                return move(leaves=True)
            if not force:
                reason = (
                    f"{other.place(root)} has another state of this project, at change {there}; "
                    "with --force this one replaces it, and that one is kept as a backup"
                )
                raise ValidationError.of("E305", argument="to", reason=reason)
        elif theirs and (not mine or _is_newer(theirs, mine)):
            if not force and theirs[MOVED]["to"] != self.place(root):
                raise left(root, theirs)
            return move(revives=True)
        elif is_left(mine) and not force and mine[MOVED]["to"] != other.place(root):
            raise left(root, mine)
        return move(leaves=not is_left(mine), brings=True)


def is_left(document: Document) -> bool:
    """Whether the state went elsewhere."""
    return "to" in document.get(MOVED, {})


def left(root: Path, document: Document) -> StateError:
    """E228, the state of a project went elsewhere."""
    moved = _moved(document)
    name = f", as '{moved['project']}'" if moved.get("project") else ""
    where = f"{moved['to']}{name}"
    return StateError.of("E228", path=str(root), place=where, at=moved.get("at", ""))


def _moved(document: Document) -> Document:
    first: Document = {"count": 0, "from": "", "sequence": 0}
    return {**first, **document.get(MOVED, {})}


def _is_newer(left_there: Document, mine: Document) -> bool:
    """Whether a state that went from there is newer than what is here, and nothing came of it."""
    return is_left(mine) and bool(_moved(left_there)["count"] > _moved(mine)["count"])


def own_of(document: Document) -> Document:
    """The state without where it was and went."""
    return {key: value for key, value in document.items() if key != MOVED}


def _stored(store: Any) -> tuple[int, Document]:
    store.refresh()
    return store.sequence, store.document


def _require_same(root: Path, stored: Document, given: Document) -> None:
    if stored["id"] != given["id"]:
        raise StateError.of("E219", path=str(root), stored=stored["id"], given=given["id"])
