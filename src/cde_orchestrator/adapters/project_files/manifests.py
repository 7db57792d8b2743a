"""The manifests of a project, read within bounds.

The folder may be hostile: a manifest may be broken, huge, a folder, a pipe, a link that leads
away or back to itself. Such a file is logged and counts as absent; nothing here raises.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypeVar

from cde_orchestrator.adapters.project_files.languages import printable
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.text import why_unreadable
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file
from cde_orchestrator.infrastructure.system.toml import parse_toml
from cde_orchestrator.infrastructure.system.tree import guard, list_folder

log = get_logger(__name__)
T = TypeVar("T")
Strings: TypeAlias = tuple[str, ...]

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_MATCHES_PER_PATTERN = 20
HEAD_BYTES = 64 * 1024
"""Bytes that are read of a file that may be of any length."""


class ProjectFolder:
    """The project's top folder; a file that cannot be used is logged once and counts as absent.

    Args:
        root: the folder.
        found: where a program is that is named without a folder; None where it is nowhere.
    """

    def __init__(self, root: Path, found: Callable[[str], str | None]) -> None:
        self._root, self._found = root, found
        guard(root)  # the place of a file is found out before the file is opened
        self._names = self._listed()
        self._folded = {name.casefold() for name in self._names or ()}
        self._located: dict[str, Path | None] = {}
        self._reported: set[str] = set()
        self._contents: dict[str, object | None] = {}
        self._heads: dict[str, str | None] = {}

    def content(self, name: str) -> object:
        """Return the parsed manifest (a dict for TOML and JSON, else text), or None."""
        return self._once(self._contents, name, self._read)

    def text(self, name: str) -> str:
        """Return the manifest's text; nothing when it cannot be read or is not plain text."""
        content = self.content(name)
        return content if isinstance(content, str) else ""

    def head(self, name: str) -> str:
        """Return the beginning of a text, however long it is; nothing when it cannot be read."""
        return self._once(self._heads, name, self._read_head) or ""

    def place(self, name: str) -> Path | None:
        """Return where a file is, links followed; None where it is none of the project's."""
        return self._location(name)

    def readable(self, *patterns: str) -> Strings:
        """Return the names that match a pattern and can be read and parsed."""
        return tuple(name for name in self._match(patterns) if self.content(name) is not None)

    def present(self, *patterns: str) -> Strings:
        """Return the names that match a pattern and are regular files, whatever they hold."""
        return tuple(name for name in self._match(patterns) if self._location(name) is not None)

    def installed(self, *programs: str) -> Strings:
        """Return the programs that can be started here; of the project, by their paths in it."""
        return tuple(name for name in programs if self._starts(name))

    def _starts(self, name: str) -> bool:
        if "/" in name:
            return os.access(self._root / name, os.X_OK)
        return self._found(name) is not None

    def folders(self, *names: str) -> Strings:
        """Return the names that are folders; none where nobody may look."""
        return tuple(name for name in names if os.path.isdir(self._root / name))  # noqa: PTH112

    def _match(self, patterns: Strings) -> Iterator[str]:
        for pattern in patterns:
            if "*" in pattern:
                matches = fnmatch.filter(self._names or (), pattern)
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
                if name in self._reported:
                    return None
                self._reported.add(name)
                path = printable(str(self._root / name))
                log.warning(
                    "manifest_unreadable", path=path, reason=printable(why_unreadable(error))
                )
        return cache[name]

    def _listed(self) -> Sequence[str] | None:
        """The sorted names of what is in the folder; None where it cannot be listed."""
        try:
            return sorted(list_folder(self._root))
        except OSError:
            return None

    def _location(self, name: str) -> Path | None:
        # To see that a file is missing costs ten system calls, and nearly all of them are.
        if self._names is not None and name.partition("/")[0].casefold() not in self._folded:
            return None
        return self._once(self._located, name, self._locate)

    def _locate(self, name: str) -> Path:
        path = (self._root / name).resolve(strict=True)
        if not path.is_relative_to(self._root):
            raise ValueError("leads out of the project")
        if not path.is_file():  # opening a pipe would wait for ever
            raise ValueError("not a regular file")
        return path

    def _read_head(self, name: str) -> str:
        path = self._location(name)
        if path is None:
            return ""
        data, _ = read_regular_file(path, HEAD_BYTES)
        if b"\0" in data:
            raise ValueError("binary")
        return data.decode("utf-8-sig", "replace").replace("\r\n", "\n")

    def _read(self, name: str) -> object:
        path = self._location(name)
        if path is None:
            return None
        data, size = read_regular_file(path, MAX_MANIFEST_BYTES)
        if size > MAX_MANIFEST_BYTES:
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
