"""Scratch copies of source trees, in which tests are run and functions knocked out.

A copy has no ``.git``: it lies outside of the repository, so that what looks for one upwards finds
none, and what writes to one reaches nobody's.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cde_orchestrator.adapters.proving.scratch import (
    remove_tree,
    scratch_folder,
    temporary_folder,
)
from cde_orchestrator.adapters.proving.untracked import Untracked
from cde_orchestrator.application.ports.proving import SourceTrees
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.infrastructure.system.file_ops import (
    ORDINARY,
    make_ordinary_folder,
    open_new,
    set_times,
    unlink,
)
from cde_orchestrator.infrastructure.system.spans import PROOF, span
from cde_orchestrator.infrastructure.system.tree import guard, kind_of, status_of

Ignored = Callable[[Path], tuple[Path, Sequence[str]]]
"""The top of a folder's repository, and what git ignores in it; raises E136."""
STEP_SECONDS = 2
"""A file that is written again is so much newer: others keep what they made of it by seconds."""


class ScratchCopy:
    """A scratch copy of a source tree.

    Attributes:
        folder: the project's folder in it.
    """

    def __init__(self, top: Path, folder: Path) -> None:
        self._top, self.folder = top, folder
        self._written: dict[Path, int] = {}
        guard(top)

    def put(self, files: Mapping[str, bytes | None]) -> None:
        """Write files, by paths relative to the project; None removes one.

        What is in the place of a file or of its folder gives way, also a link: it is never
        written to what is at the other end.

        Raises:
            OSError: EXDEV, a path leads out of the copy, or what the system says.
        """
        for path, data in files.items():
            place = Path(os.path.normpath(self.folder / path))
            if not place.is_relative_to(self._top) or self.folder.is_relative_to(place):
                raise OSError(errno.EXDEV, "it leads out of the copy", path)
            if data is None:
                self._remove(place)
            else:
                self._write(place, data)

    def _remove(self, place: Path) -> None:
        if kind_of(place) not in {0, stat.S_IFDIR}:
            unlink(place)

    def _write(self, place: Path, data: bytes) -> None:
        for folder in reversed(place.parents[: len(place.relative_to(self._top).parts) - 1]):
            self._remove(folder)
            make_ordinary_folder(folder)
        mode, before = ORDINARY, self._written.get(place, 0)
        with suppress(FileNotFoundError):
            found = status_of(place)
            if stat.S_ISREG(found.st_mode):
                mode, before = stat.S_IMODE(found.st_mode), max(before, int(found.st_mtime))
        if kind_of(place) == stat.S_IFDIR:
            remove_tree(place)
        self._remove(place)
        with open_new(place, mode) as made:
            made.write(data)
        self._written[place] = seconds = max(int(time.time()), before + STEP_SECONDS)
        set_times(place, (seconds * 10**9, seconds * 10**9))


class FolderCopies:
    """Makes scratch copies, in folders that go with them.

    Args:
        trees: source trees of the project, or of the ``worktree``.
        ignored: what git ignores in a folder.
        worktree: a feature's, meant instead of the project; dependencies that it lacks are the
            project's.
    """

    def __init__(self, trees: SourceTrees, ignored: Ignored, worktree: Path | None = None) -> None:
        self._trees, self._ignored, self._worktree = trees, ignored, worktree

    @contextmanager
    def copy(self, root: Path, tree: str) -> Iterator[ScratchCopy]:
        """A copy of the tree; what dependencies the project has, it has too.

        Raises:
            FeatureError: E136, it cannot be made.
        """
        where = self._worktree or root
        with span(PROOF), ExitStack() as made:
            try:
                sources = [Untracked(*self._ignored(each)) for each in dict.fromkeys((where, root))]
                if any(temporary_folder().is_relative_to(each.top.resolve()) for each in sources):
                    raise OSError(f"{temporary_folder()} is in the repository: TMPDIR moves it")
                top = made.enter_context(scratch_folder())
                folder = self._trees.check_out(root, tree, top)
                copy = ScratchCopy(top, folder)
                folder.mkdir(parents=True, exist_ok=True)
                sources[0].bring(top)
                sources[-1].link_dependencies(top)
            except OSError as error:
                raise FeatureError.of("E136", path=str(where), reason=str(error)) from error
            yield copy
