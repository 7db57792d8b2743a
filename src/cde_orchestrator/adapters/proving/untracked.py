"""What a project needs to run and git ignores: a copy is given it.

Folders with dependencies are links to the person's: to copy them would take longer than the
tests. Of ``node_modules`` each package is linked, so that what tools write next to them stays in
the copy, and a package of the project itself is the copy's. Other files are copied, for their
owner alone, within bounds: also those like ``.env``, without which tests may not run; they go
with the copy. Caches are not: what was kept in one would hide what is changed in the copy.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import (
    make_ordinary_folder,
    open_new,
    read_bounded,
)
from cde_orchestrator.infrastructure.system.tree import (
    entries_of,
    guard,
    is_file,
    is_folder,
    kind_of,
)

log = get_logger(__name__)

FILES_LIMIT = 1_000
"""Folders count too."""
BYTES_LIMIT = 16 * 1024 * 1024
MODULES = "node_modules"
ENVIRONMENTS = frozenset({".venv", "venv", "env"})
VENDORED = "vendor"
CACHES = frozenset(
    {
        *("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox"),
        *(".nox", ".eggs", "build", "dist", "target", "htmlcov", "coverage", ".nyc_output"),
        *(".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", ".cache", ".vite"),
        *(".vitest", ".vite-temp", ".gradle", ".idea", ".vscode", ".git", FOLDER, MODULES),
    }
)
"""Names of folders that are never copied."""
CACHES_OF_MODULES = frozenset({".cache", ".vite", ".vitest", ".vite-temp"})
LEFT_OUT = ("*.pyc", "*.pyo", ".coverage", ".coverage.*", "coverage.xml", "*.log", "*.tmp")
"""Files that are not copied either."""
_BROUGHT = frozenset({stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR})


@dataclass(frozen=True, slots=True)
class Untracked:
    """What git ignores in one repository.

    Attributes:
        top: the repository's folder.
        names: relative to it, each folder as a whole and with a slash at its end.
    """

    top: Path
    names: Iterable[str]

    def bring(self, copy: Path) -> None:
        """Give it to a copy of the repository, which lacks it; raises as the system says."""
        guard(self.top)
        guard(copy)
        self.link_dependencies(copy)
        budget = _Budget()
        others = [name for name in sorted(self.names) if not self._is_dependency(name)]
        for name in sorted(others, key=lambda each: each.endswith("/")):  # files come first
            inner = name.rstrip("/")
            if Path(inner).name in CACHES:
                continue
            files = list(self._files(inner, budget))
            if budget.admits(files):
                for path in files:
                    with suppress(OSError):  # it went meanwhile, or cannot be read
                        self._bring(copy, path)
            else:
                log.info("untracked_not_copied", name=name)

    def link_dependencies(self, copy: Path) -> None:
        """Link the folders with dependencies, where the copy has the folder around them."""
        for name in sorted(filter(self._is_dependency, self.names)):
            inner = name.rstrip("/")
            place = copy / inner
            if kind_of(place):
                continue
            with suppress(OSError):
                if place.name == MODULES and is_folder(self.top / inner):
                    self._link_modules(copy, inner)
                else:
                    _make_link(place, Path(os.path.realpath(self.top / inner)))

    def _is_dependency(self, name: str) -> bool:
        path = self.top / name.rstrip("/")
        if path.name == MODULES:
            return is_file(path.parent / "package.json")
        if path.name in ENVIRONMENTS:
            return (path / "pyvenv.cfg").is_file()
        return path.name == VENDORED and path.is_dir()

    def _link_modules(self, copy: Path, inner: str) -> None:
        make_ordinary_folder(copy / inner)
        for name, found in entries_of(self.top / inner).items():
            path = f"{inner}/{name}"
            if name.startswith("@") and stat.S_ISDIR(found.st_mode):
                self._link_modules(copy, path)
            elif stat.S_ISLNK(found.st_mode):
                self._link(copy, path)
            elif name not in CACHES_OF_MODULES:
                _make_link(copy / path, self.top / path)

    def _link(self, copy: Path, path: str) -> None:
        """A link to the same place, which is in the copy where it is a file of the project."""
        place = Path(os.path.realpath(self.top / path))
        top = Path(os.path.realpath(self.top))
        if place.is_relative_to(top) and MODULES not in place.relative_to(top).parts:
            place = copy / place.relative_to(top)
        _make_link(copy / path, place)

    def _files(self, inner: str, budget: _Budget) -> Iterator[tuple[str, os.stat_result]]:
        """What is at a name, and below it: at most one more than may be copied."""
        waiting, number = [inner], 0
        while waiting and number <= budget.files:
            path = waiting.pop()
            with suppress(OSError):
                found = os.lstat(self.top / path)
                if stat.S_ISDIR(found.st_mode):
                    names = entries_of(self.top / path, budget.files + 2)
                    waiting += [f"{path}/{each}" for each in names if each not in CACHES]
                if _is_brought(path, found.st_mode):
                    number += 1
                    yield path, found

    def _bring(self, copy: Path, file: tuple[str, os.stat_result]) -> None:
        path, found = file
        if kind_of(copy / path):
            return
        missing = [copy / path] if stat.S_ISDIR(found.st_mode) else []
        for folder in (copy / path).parents:
            if folder == copy or kind_of(folder):
                break
            missing.append(folder)
        for folder in reversed(missing):
            make_ordinary_folder(folder)
        if stat.S_ISLNK(found.st_mode):
            self._link(copy, path)
        elif stat.S_ISREG(found.st_mode):
            data = read_bounded(self.top / path, BYTES_LIMIT)
            with open_new(copy / path, stat.S_IMODE(found.st_mode) & 0o700) as made:
                made.write(data)


def _make_link(path: Path, target: Path) -> None:
    """Make a link in a folder of the copy, which is no link itself."""
    if not is_folder(path.parent):
        raise NotADirectoryError(path.parent)
    path.symlink_to(target)


class _Budget:
    """What may still be copied."""

    def __init__(self) -> None:
        self.files, self.bytes = FILES_LIMIT, BYTES_LIMIT

    def admits(self, found: Iterable[tuple[str, os.stat_result]]) -> bool:
        """Whether all of them may be; they are taken off then."""
        sizes = [0 if stat.S_ISDIR(each.st_mode) else each.st_size for _, each in found]
        if len(sizes) > self.files or sum(sizes) > self.bytes:
            return False
        self.files -= len(sizes)
        self.bytes -= sum(sizes)
        return True


def _is_brought(path: str, mode: int) -> bool:
    name = path.rpartition("/")[2]
    return stat.S_IFMT(mode) in _BROUGHT and not any(fnmatch(name, each) for each in LEFT_OUT)
