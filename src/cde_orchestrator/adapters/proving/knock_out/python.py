"""Python: what changed by its syntax tree, and edits that keep the rest of the text as it is."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from cde_orchestrator.adapters.proving.knock_out.items import Reading, changed_sites
from cde_orchestrator.adapters.proving.knock_out.python_items import reading
from cde_orchestrator.adapters.proving.knock_out.sites import Edit, Lines, edited, knocked_out
from cde_orchestrator.domain.proofs import HowKnockedOut

# What the interpreter warns of is the same for all threads.
_ONE_AT_A_TIME = Lock()
_RAISES = b'raise RuntimeError("knocked out")'


@dataclass(frozen=True, slots=True)
class PythonText:
    """Source code in UTF-8, and how its file has it."""

    text: bytes
    encoding: str

    @classmethod
    def of(cls, content: bytes) -> PythonText:
        """The source code of a file.

        Raises:
            SyntaxError, ValueError: its encoding is unknown, or not that of its bytes.
        """
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return cls(content.decode(encoding).encode(), encoding)

    def content(self, text: bytes) -> bytes:
        """Other source code as the file would have it."""
        return text.decode().encode(self.encoding, "backslashreplace")


class PythonSyntax:
    """Knocks functions of Python out; what is no Python for this interpreter is a ValueError."""

    def __init__(self, before: bytes | None, after: bytes) -> None:
        self._source = PythonText.of(after)
        self._reading = _reading(self._source.text)
        old = None
        if before is not None:
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                old = _reading(PythonText.of(before).text)
        self.sites = changed_sites(old, self._reading, is_valid)

    def knocked_out(self, names: Collection[str], how: HowKnockedOut) -> bytes:
        """The file with the sites of these names knocked out."""
        text = knocked_out(self._source.text, self.sites, names, how, is_valid)
        return self._source.content(text)


def broken(content: bytes) -> bytes:
    """The file, raising an error as soon as it is imported."""
    source = PythonText.of(content)
    body = parsed(source.text).body
    lines = Lines(source.text)
    promises = [
        each for each in body if isinstance(each, ast.ImportFrom) and each.module == "__future__"
    ]
    if promises:
        line, column = promises[-1].end_lineno or 1, promises[-1].end_col_offset or 0
        at = lines.starts[line - 1] + column
        return source.content(edited(source.text, [Edit(at, at, b"; " + _RAISES)]))
    first = min((_first_line(each) for each in body[:1]), default=len(lines.lines) + 1)
    at = lines.starts[first - 1]
    newline = b"" if source.text[:at].endswith((b"\n", b"\r")) or not at else b"\n"
    return source.content(edited(source.text, [Edit(at, at, newline + _RAISES + b"\n")]))


def is_valid(text: bytes) -> bool:
    """Whether this interpreter reads it."""
    try:
        parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def parsed(text: bytes) -> ast.Module:
    """The syntax tree of source code, as this interpreter reads it."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text.decode())


def _reading(text: bytes) -> Reading:
    return reading(text, parsed(text))


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min(node.lineno, *(each.lineno for each in decorators)) if decorators else node.lineno
