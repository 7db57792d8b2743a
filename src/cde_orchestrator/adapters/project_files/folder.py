"""Reads a project's folder within bounds: its manifests, and which languages its files are in.

The folder may be hostile: a manifest may be broken, huge, a folder, a pipe, a link that leads
away or back to itself. Such a file is logged and counts as absent; nothing here raises.
"""

import json
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TypeAlias, TypeVar

import structlog

from cde_orchestrator.adapters.project_files.content_syntax import parse_toml

log = structlog.get_logger(__name__)
T = TypeVar("T")
Strings: TypeAlias = tuple[str, ...]

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_MATCHES_PER_PATTERN = 20
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


class ProjectFolder:
    """The project's top folder; a file that cannot be used is logged once and counts as absent."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._located: dict[str, Path | None] = {}
        self._contents: dict[str, object | None] = {}

    def content(self, name: str) -> object:
        """Return the parsed manifest (a dict for TOML and JSON, else text), or None."""
        return self._once(self._contents, name, self._read)

    def text(self, name: str) -> str:
        """Return the manifest's text; nothing when it cannot be read or is not plain text."""
        content = self.content(name)
        return content if isinstance(content, str) else ""

    def readable(self, *patterns: str) -> Strings:
        """Return the names that match a pattern and can be read and parsed."""
        return tuple(name for name in self._match(patterns) if self.content(name) is not None)

    def present(self, *patterns: str) -> Strings:
        """Return the names that match a pattern and are regular files, whatever they hold."""
        return tuple(name for name in self._match(patterns) if self._location(name) is not None)

    def folders(self, *names: str) -> Strings:
        """Return the names that are folders; none where nobody may look."""
        return tuple(name for name in names if os.path.isdir(self._root / name))  # noqa: PTH112

    def _match(self, patterns: Strings) -> Iterator[str]:
        for pattern in patterns:
            if "*" in pattern:
                matches = sorted(path.name for path in self._root.glob(pattern))
                yield from matches[:MAX_MATCHES_PER_PATTERN]
            else:
                yield pattern

    def _once(self, cache: dict[str, T | None], name: str, get: Callable[[str], T]) -> T | None:
        if name not in cache:
            cache[name] = None
            try:
                cache[name] = get(name)
            except FileNotFoundError:
                pass
            except (OSError, RuntimeError, ValueError) as error:
                # A RuntimeError is too deep a nesting or, before Python 3.13, a loop of links.
                path = printable(str(self._root / name))
                log.warning("manifest_unreadable", path=path, reason=printable(str(error)))
        return cache[name]

    def _location(self, name: str) -> Path | None:
        return self._once(self._located, name, self._locate)

    def _locate(self, name: str) -> Path:
        path = (self._root / name).resolve(strict=True)
        if not path.is_relative_to(self._root):
            raise ValueError("leads out of the project")
        if not path.is_file():  # opening a pipe would wait for ever
            raise ValueError("not a regular file")
        return path

    def _read(self, name: str) -> object:
        path = self._location(name)
        if path is None:
            return None
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        if len(data) > MAX_MANIFEST_BYTES:
            raise ValueError("too large")
        if b"\0" in data:
            raise ValueError("binary")
        parse = _PARSERS.get(name)
        return parse(data.decode("utf-8-sig")) if parse else data.decode("utf-8-sig", "replace")


def _parse_json(text: str) -> object:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


_PARSERS: Mapping[str, Callable[[str], object]] = {
    "pyproject.toml": parse_toml,
    "Pipfile": parse_toml,
    "Cargo.toml": parse_toml,
    "package.json": _parse_json,
    "composer.json": _parse_json,
}


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
        with os.scandir(folder) as entries:
            return sorted(
                (each.name, each.is_dir(follow_symlinks=False), each.is_file(follow_symlinks=False))
                for each in islice(entries, limit)
            )
    except OSError as error:
        log.warning("folder_unreadable", path=printable(str(folder)), reason=error.strerror)
        return []


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED_FOLDERS


def printable(name: str) -> str:
    """Return the name with `?` for each byte that is not UTF-8: JSON could not hold it."""
    return name.encode("utf-8", "replace").decode("utf-8")
