"""Knocks out what changed in a file: by its syntax, or by its lines where none is known."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Protocol

from cde_orchestrator.adapters.proving.knock_out import (
    grammar_names,
    grammars,
    hunks,
    python,
    python_names,
)
from cde_orchestrator.adapters.proving.knock_out.sites import Site
from cde_orchestrator.application.ports.proving import ChangedFile, Place
from cde_orchestrator.domain.proofs import HowKnockedOut

_PYTHON = frozenset({".py", ".pyw"})
_OF_PYTHON = re.compile(rb"#![^\r\n]*\bpython")
_TYPES_ALONE = (".pyi", ".d.ts", ".d.mts", ".d.cts")
_NOT_READ = (SyntaxError, ValueError, RecursionError, MemoryError)


class _Syntax(Protocol):
    @property
    def sites(self) -> list[Site]: ...

    def knocked_out(self, names: Collection[str], how: HowKnockedOut) -> bytes: ...


class SourceKnockOuts:
    """Port KnockOuts, for files of any kind."""

    def places(self, file: ChangedFile) -> Sequence[Place]:
        """What changed in the file beyond comments and blank lines, functions where possible."""
        if file.after is None or file.path.endswith(_TYPES_ALONE):
            return []
        sites = _read(file.path, file.before, file.after).sites
        return [Place(file.path, site.name, site.kind, site.is_last_resort) for site in sites]

    def knocked_out(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes:
        """The file as it is now, with these of its places knocked out."""
        if file.after is None:
            return b""
        names = {place.name for place in places if place.path == file.path}
        return _read(file.path, file.before, file.after).knocked_out(names, how)

    def broken(self, file: ChangedFile) -> bytes:
        """The file as it is now, but failing as soon as it is loaded."""
        content = file.after or b""
        if _is_python(file.path, content):
            with suppress(*_NOT_READ):
                return python.broken(content)
        found = grammars.broken(file.path, content)
        return hunks.broken(content) if found is None else found

    def supplied(
        self, file: ChangedFile, places: Collection[Place], how: HowKnockedOut
    ) -> bytes | None:
        """The file as it was, with what is new in it added, these of its places knocked out."""
        if file.after is None:
            return None
        if file.before is None:
            is_read = not isinstance(_read(file.path, None, file.after), hunks.Hunks)
            return self.knocked_out(file, places, how) if is_read else None
        later = self.knocked_out(file, places, how)
        with suppress(*_NOT_READ):
            if _is_python(file.path, file.after):
                return python_names.supplied(file.before, later)
            if PurePosixPath(file.path).suffix.lower() in grammars.SUFFIXES:
                return grammar_names.supplied(file.path, file.before, later)
        return None


def _read(path: str, before: bytes | None, after: bytes) -> _Syntax:
    if _is_python(path, after):
        with suppress(*_NOT_READ):
            return python.PythonSyntax(before, after)
    if PurePosixPath(path).suffix.lower() in grammars.SUFFIXES:
        with suppress(*_NOT_READ):
            return grammars.GrammarSyntax(path, before, after)
    return hunks.Hunks(path, before, after)


def _is_python(path: str, content: bytes) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    return suffix in _PYTHON or (not suffix and _OF_PYTHON.match(content) is not None)
