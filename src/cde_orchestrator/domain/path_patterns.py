"""Patterns of paths in a project, as ``src/**`` or ``*.py``."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache


def matches_any(path: str, patterns: Collection[str]) -> bool:
    """Whether a path, relative to the project, is meant by one of the patterns.

    ``*`` is any part of a name, ``**`` any folders; what is in a folder that is meant is meant
    too. A pattern without ``/`` means files and folders of that name wherever they are.
    """
    return any(_expression(pattern).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    words = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.rstrip("/"))
    inner = "".join(words[part] if part in words else re.escape(part) for part in parts)
    anywhere = "" if "/" in pattern.rstrip("/") else "(?:.*/)?"
    return re.compile(f"{anywhere}{inner}(?:/.*)?", re.DOTALL)
