"""TOML, changed by position: every byte that is not the entry stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from cde_orchestrator.domain.clients import Entry
from cde_orchestrator.infrastructure.system.toml import parse_toml

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[^\"'\#\[\]{}\n]+|.",
    re.DOTALL | re.VERBOSE,
)


def parsed(text: str) -> dict[str, Any]:
    """The content.

    Raises:
        ValueError: it is not TOML.
    """
    return parse_toml(text)


def with_entry(text: str, section: str, name: str, entry: Entry, own: Collection[str]) -> str:
    """The text with the entry; an entry of that name keeps its members that are not in ``own``.

    Raises:
        ValueError: it is not TOML, or has the entry in a form that is not changed here.
    """
    line = "\r\n" if "\r\n" in text else "\n"
    if name not in parsed(text).get(section, {}):
        lines = [f"[{section}.{name}]", *(_assigned(key, entry[key]) for key in entry)]
        block = line.join(lines)
        if text and not text.endswith("\n"):
            return text + line + line + block
        return text + (line if text else "") + block + line
    parts = [*_statements(text)]
    head, last = _table(parts, section, name)
    for key in sorted({*own} - {*entry}):
        places = [at for at in range(head + 1, last + 1) if key in _keys(parts[at])]
        for at in places:
            parts[at] = ""
    for key, value in entry.items():
        at = next((n for n in range(head + 1, last + 1) if key in _keys(parts[n])), -1)
        if at < 0:
            ended = parts[last].endswith("\n")
            parts[last] += ("" if ended else line) + _assigned(key, value) + (line if ended else "")
        elif _keys(parts[at])[key] != value:
            end = parts[at][len(parts[at].rstrip("\r\n")) :]
            parts[at] = _assigned(key, value) + end
    return "".join(parts)


def without_entry(text: str, section: str, name: str) -> str:
    """The text without the entry, which it has, and without the empty line before it.

    Raises:
        ValueError: the entry is in a form that is not changed here.
    """
    parts = [*_statements(text)]
    _table(parts, section, name)  # which refuses what has no table of its own
    inside, first, last = False, -1, -1
    doomed: list[int] = []
    for at, part in enumerate(parts):
        if part.lstrip().startswith("["):
            inside = _path(part)[:2] == [section, name]
        if inside and (part.lstrip().startswith("[") or _keys(part)):
            first, last = (at if first < 0 else first), at
            doomed.append(at)
    for at in doomed:
        parts[at] = ""
    if first > 0 and not parts[first - 1].strip():
        parts[first - 1] = ""
    kept = "".join(parts)
    if last == len(parts) - 1 and not text.endswith("\n"):
        return kept.removesuffix("\n").removesuffix("\r")
    return kept


def _table(parts: list[str], section: str, name: str) -> tuple[int, int]:
    """The numbers of the statement that begins the entry's table, and of its last one."""
    for at, part in enumerate(parts):
        if part.lstrip().startswith("[") and _path(part) == [section, name]:
            last = at
            for number in range(at + 1, len(parts)):
                if parts[number].lstrip().startswith("["):
                    break
                if _keys(parts[number]):
                    last = number
            return at, last
    raise ValueError(f"its entry {name} is not a table [{section}.{name}] of its own")


def _statements(text: str) -> Iterator[str]:
    """The text in parts: a header, an assignment, a comment or an empty line each."""
    level, start = 0, 0
    for token in _TOKEN.finditer(text):
        if token.group() in "[{":
            level += 1
        elif token.group() in "]}":
            level -= 1
        elif token.group() == "\n" and level <= 0:
            yield text[start : token.end()]
            start = token.end()
    if start < len(text):
        yield text[start:]


def _path(header: str) -> list[str]:
    """The keys of a table's header; of one of a list of tables, and a key more."""
    inner: Any = parse_toml(header)
    path: list[str] = []
    while isinstance(inner, dict) and inner:
        ((key, inner),) = inner.items()
        path.append(key)
    return path if isinstance(inner, dict) else [*path, "[]"]


def _keys(statement: str) -> dict[str, Any]:
    """What an assignment assigns; nothing for any other statement."""
    return {} if statement.lstrip().startswith("[") else parse_toml(statement)


def _assigned(key: str, value: Any) -> str:
    # What JSON escapes TOML does too; it wants one character more escaped.
    return f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
