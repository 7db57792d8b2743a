"""The source of a project in memory, kept at moments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.ports.sources import Entry, Turn
from cde_orchestrator.domain.exceptions import FeatureError, OutputError, StateError
from tests.proof_world import WorkingTrees

PLAIN = "100644"


class MemorySources:
    """Trees of the files of a world, and those files.

    Attributes:
        refusal: why git refuses to keep anything.
        asked: how often the tree was asked for.
        kept: trees by name.
        modes: of files that are not plain, by path.
        full: paths that cannot be written.
    """

    def __init__(self, trees: WorkingTrees, commit: Callable[[], str | None]) -> None:
        self._trees, self._commit = trees, commit
        self.refusal: str | None = None
        self.asked = 0
        self.kept: dict[str, dict[str, None]] = {}
        self.modes: dict[str, str] = {}
        self.full: set[str] = set()
        self._blobs: dict[str, bytes] = {}

    def now(self, root: Path) -> SourceTree:
        """The files now; refused where there is no commit."""
        commit = self._commit()
        refusal = self.refusal or self._trees.refusal
        if commit is None or refusal is not None:
            reason = refusal or "the project is in no git repository"
            raise FeatureError.of("E136", path=str(root), reason=reason)
        files = {path: data.decode() for path, data in self._trees.files().items()}
        tree = self._trees.add(files)
        self.asked += 1
        self._trees.names.setdefault(commit, tree.id)
        return replace(tree, commit=commit)

    def pin(self, root: Path, place: str, name: str, trees: Collection[str]) -> None:
        """Keep trees."""
        if self.refusal is not None:
            raise FeatureError.of("E136", path=str(root), reason=self.refusal)
        self.kept.setdefault(name, {}).update(dict.fromkeys(trees))

    def pinned(self, root: Path, place: str, name: str) -> frozenset[str]:
        """The trees of a name."""
        return frozenset(self.kept.get(name, {}))

    def let_go(self, root: Path, place: str, names: Collection[str]) -> None:
        """Forget names."""
        if self.refusal is not None:
            raise FeatureError.of("E136", path=str(root), reason=self.refusal)
        for name in names:
            self.kept.pop(name, None)

    def differing(self, root: Path, before: str, after: str) -> Mapping[str, Turn]:
        """What differs."""
        for tree in (before, after):
            if tree not in self._trees.trees:
                raise FeatureError.of("E136", path=str(root), reason=f"{tree} is gone")
        old, new = self._trees.trees[before], self._trees.trees[after]
        return {
            path: (self._entry(path, old.get(path)), self._entry(path, new.get(path)))
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)
        }

    def listed(self, root: Path, tree: str) -> Sequence[str]:
        """Paths of a tree."""
        return sorted(self._trees.trees[tree])

    def replaced(self, root: Path, tree: str, files: Mapping[str, Entry | None]) -> str:
        """Another tree."""
        kept = dict(self._trees.trees[tree])
        for path, entry in files.items():
            kept.pop(path, None)
            if entry is not None:
                kept[path] = self._blobs[entry.id]
        return self._trees.add({path: data.decode() for path, data in kept.items()}).id

    def blobs(
        self, root: Path, ids: Collection[str], limit_bytes: int | None = None
    ) -> Mapping[str, bytes]:
        """Bytes by their ids."""
        found = {each: self._blobs[each] for each in ids}
        if limit_bytes is not None and sum(map(len, found.values())) > limit_bytes:
            raise FeatureError.of("E136", path=str(root), reason="too much differs")
        return found

    def find(self, folder: Path, path: str, like: str) -> Entry | None:
        """What is there."""
        if self.modes.get(path, PLAIN) == "120000":
            raise OutputError.of("E112", output="", path=path, reason="a link is in its place")
        return self._entry(path, self._trees.files().get(path))

    def put(self, folder: Path, path: str, turn: Turn, data: bytes | None) -> None:
        """Change the world's file."""
        if path in self.full:
            raise StateError.of("E204", path=path)
        self._trees.change(path, data)

    def _entry(self, path: str, data: bytes | None) -> Entry | None:
        if data is None:
            return None
        name = hashlib.sha1(data).hexdigest()
        self._blobs[name] = data
        return Entry(self.modes.get(path, PLAIN), name)
