"""Filling placeholders with text that nobody can be fooled by."""

from __future__ import annotations

import json
import math
import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from cde_orchestrator.domain.patterns import pattern

VALUE_LIMIT = 300
"""Characters of one context value that a message shows."""

_LIMITS = {"problems": 2_000, "known": 2_000}
"""Values that may be longer: a list is of no use when it is cut."""

PLACEHOLDER = pattern(r"\{([a-z][a-z0-9_]*)(\|shell)?\}")
"""``{name}``; ``{name|shell}`` where a path is a word of a command that a text shows."""


_JOINERS = "\u200c\u200d"
"""Format characters that emoji and several scripts need; paths have them, and fixes must."""

_UNUSUAL = pattern("[^ -~]")
_BEYOND_ASCII = pattern("[^\0-~]")


def placeholders(template: str) -> frozenset[str]:
    """The names that a template wants from the context."""
    return frozenset(match[1] for match in PLACEHOLDER.finditer(template))


def plain(value: object, limit: int = VALUE_LIMIT) -> str:
    """A value as one line of printable text, cut to ``limit`` characters.

    Control, format and surrogate characters become escapes, and those that end lines spaces,
    joiners excepted, so that a hostile path or prompt can neither forge lines nor move a
    terminal's cursor, nor read otherwise than it is.
    """
    try:
        text = str(value)[: limit * 4]
    except ValueError:  # Python writes no integer of more than 4,300 digits in decimals
        text = "?"
    clean = _UNUSUAL.sub(lambda match: _escaped(match[0]), text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def fill(template: str, context: Mapping[str, Any], limit: int = VALUE_LIMIT) -> str:
    """The template with each ``{name}`` replaced; a name that is missing becomes ``?``."""

    def value(match: re.Match[str]) -> str:
        shown_value = plain(context.get(match[1], "?"), max(limit, _LIMITS.get(match[1], 0)))
        return _shell_path(shown_value) if match[2] else shown_value

    return PLACEHOLDER.sub(value, template)


def _shell_path(path: str) -> str:
    """A path as one word of a command, and never taken for an option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def json_escaped(text: str) -> str:
    """JSON as it means, with each such character in it as an escape; line ends of it stay."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _BEYOND_ASCII.sub(
        lambda match: json.dumps(match[0])[1:-1] if _is_unsafe(match[0]) else match[0], text
    )


def storable(value: object) -> str:
    """A value as text that any encoding of Unicode can hold; otherwise as it is."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def shown(value: object) -> str:
    """A value as text that is safe to show, cut to 2,000 characters."""
    return plain(value, 2_000)


def jsonable(
    value: object,
    text: Callable[[object], str] = storable,
    depth: int = 6,
    members: int | None = None,
) -> Any:
    """A value as JSON has a word for it, by way of ``text`` where it has none.

    Mappings and sequences are copied, ``depth`` deep and at most ``members`` of a sequence;
    numbers that are not finite become text.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth and isinstance(value, Mapping):
        inner = {text(key): item for key, item in value.items()}
        return {key: jsonable(item, text, depth - 1, members) for key, item in inner.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item, text, depth - 1, members) for item in list(value)[:members]]
    return text(value)


def _escaped(character: str) -> str:
    if not _is_unsafe(character):
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def _is_unsafe(character: str) -> bool:
    return character not in _JOINERS and (
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
