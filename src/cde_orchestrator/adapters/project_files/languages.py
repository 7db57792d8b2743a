"""The languages that a project's files are in, found in a walk within bounds.

A folder that cannot be read is logged and counts as empty; nothing here raises.
"""

from __future__ import annotations

import re
import stat
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.system.tree import entries_of

log = get_logger(__name__)

MAX_ENTRIES = 2_000
# One folder of data must not use up the whole bound before the sources are reached.
MAX_ENTRIES_PER_FOLDER = 500
MAX_DEPTH = 4
# A language without a manifest is named when it has at least one in this many source files.
MINIMUM_SHARE = 10

SKIPPED_FOLDERS = frozenset(
    {"node_modules", "venv", "vendor", "target", "dist", "build", "__pycache__"}
)
SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "Python": (".py", ".pyi"),
    "TypeScript": (".ts", ".tsx", ".mts", ".cts"),
    "JavaScript": (".js", ".jsx", ".mjs", ".cjs"),
    "Rust": (".rs",),
    "Go": (".go",),
    "Java": (".java",),
    "Kotlin": (".kt",),
    "C#": (".cs",),
    "Ruby": (".rb",),
    "PHP": (".php",),
    "Elixir": (".ex", ".exs"),
    "Swift": (".swift",),
    "C++": (".cc", ".cpp", ".cxx", ".hh", ".hpp"),
    "C": (".c",),
    "Scala": (".scala",),
    "Dart": (".dart",),
    "Haskell": (".hs",),
    "Lua": (".lua",),
    "Perl": (".pl", ".pm"),
    "R": (".r", ".R"),
    "Shell": (".sh", ".bash"),
    "Zig": (".zig",),
}
_LANGUAGE_OF = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}
_PYTHON_TEST = re.compile(r"(test_.*|tests?)\.py", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the bounded walk saw: files per language, the first of each, a Python test module."""

    counts: Counter[str]
    first: Mapping[str, str]
    python_test: str | None

    def has_share(self, language: str) -> bool:
        """Return whether enough of the files are in the language to name it without a manifest."""
        count = self.counts[language]
        return count > 0 and count * MINIMUM_SHARE >= self.counts.total()


def count_sources(root: Path) -> Sources:
    """Count the files of each language in a walk that is bounded and follows no link."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    python_test: str | None = None
    for path in _walk(root):
        file = PurePosixPath(path)
        if language := _LANGUAGE_OF.get(file.suffix):
            counts[language] += 1
            first.setdefault(language, path)
            if python_test is None and _PYTHON_TEST.fullmatch(file.name):
                python_test = path
    return Sources(counts, first, python_test)


def _walk(root: Path) -> Iterator[str]:
    """Yield the relative paths of files, the upper folders first, in a stable order."""
    pending = deque([("", 0)])
    left = MAX_ENTRIES
    while pending and left > 0:
        prefix, depth = pending.popleft()
        entries = _entries(root / prefix, min(left, MAX_ENTRIES_PER_FOLDER))
        left -= len(entries)
        for name, is_folder, is_file in entries:
            if is_file:
                yield prefix + name
            elif is_folder and depth < MAX_DEPTH and not _is_skipped(name):
                pending.append((f"{prefix}{name}/", depth + 1))


def _entries(folder: Path, limit: int) -> list[tuple[str, bool, bool]]:
    """Return at most `limit` names in order, each with whether it is a folder or a regular file.

    A link is neither, and an unreadable folder has no entries.
    """
    try:
        entries = entries_of(folder, limit)
        return sorted(
            (name, stat.S_ISDIR(found.st_mode), stat.S_ISREG(found.st_mode))
            for name, found in entries.items()
        )
    except OSError as error:
        log.warning("folder_unreadable", path=printable(str(folder)), reason=error.strerror)
        return []


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED_FOLDERS


def printable(name: str) -> str:
    """Return the name with `?` for each byte that is not UTF-8: JSON could not hold it."""
    return name.encode("utf-8", "replace").decode("utf-8")
