"""What keeps the source at moments, and puts files of one moment in the place of another's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from cde_orchestrator.application.ports.proving import SourceTree
from cde_orchestrator.domain.value import Value

PLAIN_MODES = frozenset({"100644", "100755"})
"""As git has them: of a file, and of one that may be executed."""


class Entry(Value):
    """A file in a source tree.

    Attributes:
        mode: as git has it; ``120000`` for a link.
        id: git's id of its bytes.
    """

    mode: str
    id: str

    @property
    def is_plain(self) -> bool:
        """Whether it is a file, and no link."""
        return self.mode in PLAIN_MODES

    @property
    def is_executable(self) -> bool:
        """Whether it may be executed."""
        return self.mode == "100755"


Turn = tuple[Entry | None, Entry | None]
"""A file as it is before and after; None: there is none."""


class KeptSources(Protocol):
    """Keeps source trees of a project's repository; index, HEAD and files are not touched.

    Methods raise ``FeatureError`` E136 where git cannot do it, and say why.
    """

    def now(self, root: Path) -> SourceTree:
        """The source tree now."""

    def pin(self, root: Path, place: str, name: str, trees: Collection[str]) -> None:
        """Keep trees from git's garbage collection, with those that the name has already."""

    def pinned(self, root: Path, place: str, name: str) -> frozenset[str]:
        """The trees that are kept by this name."""

    def let_go(self, root: Path, place: str, names: Collection[str]) -> None:
        """Keep the trees of these names no longer."""

    def differing(self, root: Path, before: str, after: str) -> Mapping[str, Turn]:
        """Files of the project that differ between two trees, by path; none of the product's."""

    def listed(self, root: Path, tree: str) -> Sequence[str]:
        """Paths of the project's files in a tree."""

    def replaced(self, root: Path, tree: str, files: Mapping[str, Entry | None]) -> str:
        """The tree with other files at these paths of the project; None: without one."""

    def blobs(
        self, root: Path, ids: Collection[str], limit_bytes: int | None = None
    ) -> Mapping[str, bytes]:
        """Bytes of files by their ids; refused where they are more than the limit together."""


class SourceFiles(Protocol):
    """Files of a work folder, to be put as they are in a tree; no link is followed.

    Methods raise ``StateError`` E203 or E204 where the system refuses, and ``OutputError`` E112
    where something that is no plain file is in the way.
    """

    def find(self, folder: Path, path: str, like: str) -> Entry | None:
        """The file that is there, its id made as that of ``like`` is; None: nothing is there."""

    def put(self, folder: Path, path: str, turn: Turn, data: bytes | None) -> None:
        """Put a file in the place of another one; without bytes, remove it."""
