"""What proves criteria of a project that is in memory, for its use cases."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.exceptions import FeatureError
from tests.proving_fakes import (
    MemoryCopies,
    MemoryTrees,
    Test,
    TinyKnockOuts,
    TinyRunner,
    TinyRunners,
)


class WorkingTrees(MemoryTrees):
    """Trees of a work folder.

    Attributes:
        files: what is in the folder now.
        change: changes one of them.
        kept: trees that are kept, by name.
        refusal: why git refuses.
        asked: how often the tree was asked for.
        meanwhile: what happens whenever it was.
    """

    def __init__(
        self,
        files: Callable[[], dict[str, bytes]],
        change: Callable[[str, bytes | None], None],
    ) -> None:
        super().__init__()
        self.files, self.change = files, change
        self.kept: dict[str, SourceTree] = {}
        self.refusal: str | None = None
        self.asked = 0
        self.meanwhile: Callable[[int], None] | None = None

    def now(self, root: Path) -> SourceTree:
        """The files now."""
        if self.refusal is not None:
            raise FeatureError.of("E136", path=str(root), reason=self.refusal)
        tree = self.add({path: data.decode() for path, data in self.files().items()})
        self.asked += 1
        if self.meanwhile is not None:
            self.meanwhile(self.asked)
        return tree

    def keep(self, root: Path, place: str, name: str, tree: str, among: Collection[str]) -> None:
        """Keep a tree, and of the others those of names ``among`` these."""
        self.kept = {each: found for each, found in self.kept.items() if each in among}
        self.kept[name] = SourceTree(id=tree, commit=tree)


@dataclass
class ProofWorld:
    """Source code next to a project's records, and tests of it.

    Attributes:
        source: files by path, which are not records.
        records: the project's own files.
        tests: by id.
        in_worktree: whether the work folder is a feature's worktree.
    """

    records: dict[str, bytes]
    clock: Clock
    source: dict[str, str] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)
    in_worktree: bool = False

    def __post_init__(self) -> None:
        """Make trees of the files, and a runner of the tests."""
        self.trees = WorkingTrees(self._files, self._change)
        self.copies = MemoryCopies(self.trees)
        self.runner = TinyRunner(self.copies, self.tests)
        commands = TinyRunner(self.copies, self.tests, name="command", command=())
        self.runners = TinyRunners([self.runner], commands)

    def _files(self) -> dict[str, bytes]:
        code = {path: text.encode() for path, text in self.source.items()}
        return {**self.records, **code}

    def _change(self, path: str, data: bytes | None) -> None:
        self.source.pop(path, None)
        if data is not None:
            self.source[path] = data.decode()

    @property
    def proving(self) -> Proving:
        """All of it, for use cases."""
        return Proving(
            Path("/home/shop"),
            self.trees,
            self.copies,
            TinyKnockOuts(),
            self.runners,
            read_document,
            self.clock,
            in_worktree=self.in_worktree,
        )
