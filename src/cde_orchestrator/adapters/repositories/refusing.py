"""Refuses what is stored and cannot be read, and what cannot be stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cde_orchestrator.domain.exceptions import StateError, ValidationError
from cde_orchestrator.storage.format.json_patch import Document


@contextmanager
def refusing_unreadable(own: Document, what: str) -> Iterator[None]:
    """Refuse what somebody edited until nothing can be made of it.

    Args:
        own: the project's own members.
        what: is read.

    Raises:
        StateError: E201.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"{what}: {type(error).__name__}: {error}"
        raise StateError.of("E201", path=str(own.get("path", ".")), reason=reason) from error


@contextmanager
def refusing_unstorable() -> Iterator[None]:
    """Refuse what no file could be made of, or what could not be read from one again.

    Raises:
        ValidationError: E305.
    """
    try:
        yield
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        reason = f"it cannot be stored: {type(error).__name__}: {error}"
        raise ValidationError.of("E305", argument="project", reason=reason) from error
