"""Any file: what changed by its lines, and edits that put the old lines in their place."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from cde_orchestrator.adapters.proving.knock_out.sites import (
    Edit,
    Edits,
    Lines,
    Site,
    knocked_out,
    one_by_one,
    replaced,
    with_unique_names,
)
from cde_orchestrator.domain.proofs import HowKnockedOut

_HASH = "py pyw pyi rb pl pm sh bash zsh fish r ex exs nix jl ps1 tcl cr nim"
_SLASHES = (
    "js mjs cjs jsx ts mts cts tsx java kt kts c h cc cpp cxx hh hpp cs go rs swift scala dart php "
    "zig proto groovy m mm v sol"
)
_DASHES = "lua hs elm adb ads"
CODE = {
    suffix: marker
    for marker, suffixes in (("#", _HASH), ("//", _SLASHES), ("--", _DASHES))
    for suffix in suffixes.split()
}
"""How a comment of a line begins, by the suffix of a file of source code."""
_DATA = {
    suffix: marker
    for marker, suffixes in (("#", "yaml yml toml cfg conf tf"), (";", "ini"), ("--", "sql"))
    for suffix in suffixes.split()
}
_LOCKS = re.compile(
    r"(.*[-.]lock(\.json|\.yaml)?|.*-lock\.(json|yaml)|.*\.lockb?|go\.(mod|sum)|Cargo\.toml"
    r"|npm-shrinkwrap\.json|requirements[^/]*\.txt)"
)
"""Files that name what is installed: as they were, nothing could be loaded."""
_LINES_COMPARED = 20_000


def _toml(text: bytes) -> object:
    return tomllib.loads(text.decode())


_PARSERS: Mapping[str, Callable[[bytes], object]] = {"json": json.loads, "toml": _toml}


class Hunks:
    """Knocks changed lines out, in a file of any kind."""

    def __init__(self, path: str, before: bytes | None, after: bytes) -> None:
        self._after = after
        self._suffix = PurePosixPath(path).suffix.lower().lstrip(".")
        self.sites = self._sites(path, before, after)

    def knocked_out(self, names: Collection[str], how: HowKnockedOut) -> bytes:
        """The file with the hunks of these names as they were."""
        return knocked_out(self._after, self.sites, names, how, self._is_valid)

    def _sites(self, path: str, before: bytes | None, after: bytes) -> list[Site]:
        if _LOCKS.fullmatch(PurePosixPath(path).name) or before == after:
            return []
        if b"\0" in after or (before and b"\0" in before):
            edits = replaced(0, len(after), before or b"")
            return [] if before is None else [Site("the whole file", "hunk", edits)]
        if before is None:
            return self._of_a_new_file(after)
        hunks = [
            Site(Lines(after).named(start, end), "hunk", {**edits, "control": self._control()})
            for start, end, edits in self._changes(before, after)
        ]
        return one_by_one(after, with_unique_names(hunks), self._is_valid)

    def _of_a_new_file(self, after: bytes) -> list[Site]:
        if not any(self._tokens(line) for line in after.splitlines()):
            return []
        empty = b""
        if self._suffix == "json":
            empty = b"[]\n" if after.lstrip().startswith(b"[") else b"{}\n"
        edits: Edits = {**replaced(0, len(after), empty), "control": self._control()}
        return [Site(Lines(after).named(0, len(after)), "hunk", edits)]

    def _changes(self, before: bytes, after: bytes) -> Iterator[tuple[int, int, Edits]]:
        """Changed lines with more than comments and space in them."""
        old, new = Lines(before), Lines(after)
        left, right = old.lines, new.lines
        if len(left) + len(right) > _LINES_COMPARED:
            yield 0, len(after), replaced(0, len(after), before)
            return
        matcher = SequenceMatcher(None, left, right)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            was = [words for line in left[i1:i2] if (words := self._tokens(line))]
            now = [words for line in right[j1:j2] if (words := self._tokens(line))]
            if tag != "equal" and was != now:
                start, end = new.starts[j1], new.starts[j2]
                yield start, end, replaced(start, end, before[old.starts[i1] : old.starts[i2]])

    def _tokens(self, line: bytes) -> bytes:
        """What of a line counts; nothing of a comment."""
        marker = CODE.get(self._suffix) or _DATA.get(self._suffix)
        text = b" ".join(line.split()) if marker == "//" else line.rstrip()
        return b"" if marker and text.lstrip().startswith(marker.encode()) else text

    def _control(self) -> tuple[Edit, ...]:
        """A comment at the end of source code; data stays as it is."""
        marker, end = CODE.get(self._suffix), len(self._after)
        if marker is None:
            return ()
        newline = "" if self._after.endswith(b"\n") else "\n"
        return (Edit(end, end, f"{newline}{marker} return\n".encode()),)

    def _is_valid(self, text: bytes) -> bool:
        """Whether the format allows for it, where that is known and it holds for the file."""
        parse = _PARSERS.get(self._suffix)
        if parse is None:
            return True
        with suppress(ValueError, RecursionError):
            parse(self._after)
            try:
                parse(text)
            except (ValueError, RecursionError):
                return False
        return True


def broken(content: bytes) -> bytes:
    """The file, so that whatever reads it fails."""
    return b'}}{%[<("knocked out\n' + content
