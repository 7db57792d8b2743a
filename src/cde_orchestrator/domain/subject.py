"""What the running operation is about, named where it becomes known.

The log lines of an operation carry these names; a domain without an operation around it names
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_current: ContextVar[dict[str, str] | None] = ContextVar("cde_subject", default=None)


@contextmanager
def naming_subject() -> Iterator[dict[str, str]]:
    """Collect the names that are given inside."""
    names: dict[str, str] = {}
    token = _current.set(names)
    try:
        yield names
    finally:
        _current.reset(token)


def name_subject(**names: str) -> None:
    """Say what the operation is about: ``project_id``, ``feature_id``, ``feature``, ..."""
    present = _current.get()
    if present is not None:
        present.update(names)


def subject() -> dict[str, str]:
    """The names so far; empty outside of an operation."""
    return _current.get() or {}
