"""What a command is given to read: standard input, files, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import typer

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import why_unreadable

LIMIT_BYTES = 16 * 1024 * 1024
"""The most bytes that are read: much more than any use case accepts."""
EXPORT_LIMIT_BYTES = 512 * 1024 * 1024
"""The most bytes that are read of a state export, which has no limit of its own."""

STDIN = "-"
_PART_BYTES = 65_536


def text_from_stdin(field: str, limit_bytes: int | None = None) -> str:
    """All of standard input; bytes that are not UTF-8 are kept as lone surrogates.

    Raises:
        ValidationError: E315, it is too much.
    """
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        typer.echo("Reading what you type; end with Ctrl-D on an empty line.", err=True)
    return _text(cast("BufferedIOBase", sys.stdin.buffer), field, limit_bytes)


def text_or_stdin(text: str, field: str) -> str:
    """The text itself, or for ``-`` all of standard input, as `text_from_stdin` gives it."""
    return text_from_stdin(field) if text == STDIN else text


def text_from(path: str, field: str, limit_bytes: int | None = None) -> str:
    """All of a file, or of standard input for ``-``; not UTF-8 as ``text_from_stdin``.

    Raises:
        ValidationError: E305, it cannot be read; E315, it is too large.
    """
    if path == STDIN:
        return text_from_stdin(field, limit_bytes)
    try:
        with Path(path).open("rb") as file:
            return _text(file, field, limit_bytes)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        reason = f"cannot read {path}: {words}"
        raise ValidationError.of("E305", argument=field, reason=reason) from error


def json_from(text: str, field: str) -> Any:
    """A JSON value.

    Raises:
        ValidationError: E307, it is not JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"{error.msg} (line {error.lineno}, column {error.colno})"
        raise ValidationError.of("E307", field=field, reason=reason) from error
    except (ValueError, RecursionError) as error:
        raise ValidationError.of("E307", field=field, reason=why_unreadable(error)) from error


def results_given(
    inline: str | None, file: str | None, outputs: list[str] | None
) -> dict[str, str]:
    """Texts by output id: of an object in JSON, inline or in a file, and of ``ID=PATH`` each.

    Raises:
        typer.BadParameter: a pair is malformed, or an id is given twice.
        ValidationError: E307, it is not JSON; E305, it is not an object of texts, or a file
            cannot be read; E315, it is too large.
    """
    if inline is not None and file is not None:
        raise typer.BadParameter("give one of --results and --results-file")
    given = _results_from_files(outputs or [])
    if file is not None:
        named = _results_from_json(text_from(file, "--results-file"), "--results-file")
    else:
        named = _results_from_json(inline, "--results") if inline is not None else {}
    twice = given.keys() & named.keys()
    if twice:
        reason = f"{', '.join(sorted(twice))} is also given in the results"
        raise typer.BadParameter(reason, param_hint="'--output'")
    return named | given


def _results_from_json(text: str, field: str) -> dict[str, str]:
    value = json_from(text, field)
    if not isinstance(value, dict):
        reason = f"it is {_kind(value)}, not an object that maps output ids to text"
        raise ValidationError.of("E305", argument=field, reason=reason)
    for output_id, content in value.items():
        if not isinstance(content, str):
            reason = f"what it has for {output_id!r} is {_kind(content)}, not text"
            raise ValidationError.of("E305", argument=field, reason=reason)
    return value


def _results_from_files(pairs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        output_id, separator, path = pair.partition("=")
        if not (separator and output_id and path):
            raise typer.BadParameter(f"{pair!r} is not ID=PATH", param_hint="'--output'")
        if output_id in found:
            raise typer.BadParameter(f"{output_id!r} is given twice", param_hint="'--output'")
        found[output_id] = text_from(path, f"--output {output_id}")
    return found


def _text(file: BufferedIOBase, field: str, limit_bytes: int | None) -> str:
    limit = LIMIT_BYTES if limit_bytes is None else limit_bytes
    data = bytearray()
    # Part by part: one long read would not notice Ctrl-C between its system calls.
    while len(data) <= limit and (part := file.read1(_PART_BYTES)):
        data += part
    if len(data) > limit:
        too_much = f"more than {limit}"
        raise ValidationError.of("E315", field=field, size_bytes=too_much, limit_bytes=limit)
    return data.decode("utf-8-sig", "surrogateescape")


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")
