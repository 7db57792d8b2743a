"""Takes secrets out of what is written down: logs, error reports and the journal's own words.

Two ways lead to a secret: the name that it stands under, and its make; the makes
are those of ``domain.secrets``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from cde_orchestrator.domain.secrets import (
    HINTS,
    REDACTED,
    SECRET_TEXT,
    URL_CREDENTIALS,
    Hints,
    data_without_secrets,
    is_secret_name,
)

__all__ = ["REDACTED", "is_suspicious", "patch_without_secrets", "redacted", "redacted_text"]

_DEPTH = 8

_BEARER = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
# One of these is in every name that ``is_secret_name`` tells, in lower case.
_NAME_HINTS = Hints(
    *("pass", "secret", "token", "key", "auth", "credential", "cookie", "session", "pwd")
)
_ALL_HINTS = Hints(*HINTS.words, *_NAME_HINTS.words)
# The name as code, JSON, a header or an option spells it: {"api_key": "..."}, --password ... .
_ASSIGNED_NAMES = (
    r"password|passwd|passphrase|pwd|secret|token|"
    r"(?:api|access|account|private|ssh|encryption|signing)[-_]?key"
)
_ASSIGNMENT = re.compile(
    rf"\b(\w*(?:{_ASSIGNED_NAMES})\\*[\"']?)(\s*[=:]\s*)"
    r"(\\+\"[^\"\\]+(?:\\+\"|\Z)|\"(?:[^\"\\]|\\.)+(?:\"|\Z)|'(?:[^'\\]|\\.)+(?:'|\Z)|"
    r"[^\s,;&\"']+)",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(
    rf"(--[\w-]{{0,40}}(?:{_ASSIGNED_NAMES})\s+)(\"[^\"]+\"|'[^']+'|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*[\"']?\s*:\s*\\*[\"']?)"
    r"(?!(?:bearer|basic)\s)[^\s\r\n\"'\\][^\r\n\"'\\]*",
    re.IGNORECASE,
)


def redacted(value: Any, name: str = "") -> Any:
    """The value without the secrets in it; ``name`` is what it stands under.

    Mappings and sequences are copied, at most 8 deep; anything that is no JSON becomes text.
    """
    return _redacted(value, name, _DEPTH)


def redacted_text(text: str) -> str:
    """The text with secrets of a known make, and assigned ones, replaced."""
    if not (HINTS.stand_in(text) or _may_assign_secret(text)):
        return text
    text = SECRET_TEXT.sub(REDACTED, text)
    text = _BEARER.sub(rf"\1\2{REDACTED}", text)
    text = URL_CREDENTIALS.sub(rf"\1{REDACTED}@", text)
    text = _HEADER.sub(rf"\1\2{REDACTED}", text)
    text = _OPTION.sub(rf"\1{REDACTED}", text)
    return _ASSIGNMENT.sub(rf"\1\2{REDACTED}", text)


def patch_without_secrets(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes with each secret of a known make replaced, before they are kept for ever.

    Workflows stay as they are: they are code, which would no longer do what it says.
    """
    if not HINTS.stand_in(orjson.dumps(changes).decode()):
        return changes
    return [
        operation
        if operation["path"].startswith("/workflows") or "value" not in operation
        else {**operation, "value": _kept(operation)}
        for operation in changes
    ]


def _kept(operation: dict[str, Any]) -> Any:
    value = operation["value"]
    clean = data_without_secrets(value)
    if operation["path"] == "" and "workflows" in value:
        clean["workflows"] = value["workflows"]
    return clean


def _redacted(value: Any, name: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if name and is_secret_name(name):
        return REDACTED
    if isinstance(value, int | float):
        return value
    if depth and isinstance(value, Mapping):
        return {str(key): _redacted(item, str(key), depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, name, depth - 1) for item in value]
    return redacted_text(str(value))


def is_suspicious(line: str) -> bool:
    """Whether JSON on a line, names of members included, may hold a secret; quick."""
    return _ALL_HINTS.stand_in(line)


def _may_assign_secret(text: str) -> bool:
    return ("=" in text or ":" in text or "--" in text) and _NAME_HINTS.stand_in(text)
