"""TOML of strangers, read within bounds of time, memory and depth."""

from __future__ import annotations

from typing import Any

# The standard library's parser takes time and memory quadratic in the parts of a dotted key, and
# walks the parts of a table's name again for each line of the table: this takes a second or so.
_COST_LIMIT = 10_000_000


def parse_toml(text: str, levels: int | None = None) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        text: what is in the file.
        levels: of tables and lists, at most; any number that the parser can read when None.

    Raises:
        ValueError: it is none, is nested too deep, or would take too long to read.
    """
    import tomllib

    dots = [line.count(".") + 1 for line in text.split("\n")]
    if sum(dots) * max(dots) > _COST_LIMIT:
        raise ValueError("it has keys of too many parts")
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    inner: list[Any] = [document]
    for _ in range(levels or 0):
        inner = [member for each in inner for member in _members(each)]
    if levels is not None and inner:
        raise ValueError(f"it is nested deeper than {levels} levels")
    return document


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
