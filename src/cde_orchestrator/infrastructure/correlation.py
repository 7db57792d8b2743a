"""Who is calling, within which operation: carried along threads and tasks."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
ENVIRONMENT_VARIABLE = "CDE_CORRELATION_ID"


@dataclass(frozen=True, slots=True)
class CallContext:
    """One call from outside.

    Attributes:
        correlation_id: names the call in logs, journal, reports and reply.
        actor: who calls, as ``cli`` or the MCP client's name.
        operation: the use case that runs.
    """

    correlation_id: str = ""
    actor: str = "library"
    operation: str = ""


_current: ContextVar[CallContext | None] = ContextVar("cde_call", default=None)
_OUTSIDE = CallContext()


def call_context() -> CallContext:
    """The call that runs here; an empty one outside of any."""
    return _current.get() or _OUTSIDE


@contextmanager
def calling(actor: str, correlation_id: str | None = None) -> Iterator[CallContext]:
    """Begin a call; an id that is no word of 1 to 128 plain characters is replaced."""
    context = CallContext(_acceptable(correlation_id) or new_correlation_id(), actor)
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def within(operation: str) -> Iterator[CallContext]:
    """Name the operation of the call, making a call where there is none."""
    present = _current.get() or CallContext(new_correlation_id())
    token = _current.set(replace(present, operation=operation))
    try:
        yield call_context()
    finally:
        _current.reset(token)


def correlation_id_from_environment() -> str | None:
    """The id that the calling program passed in ``CDE_CORRELATION_ID``, if acceptable."""
    return _acceptable(os.environ.get(ENVIRONMENT_VARIABLE))


def new_correlation_id() -> str:
    """A new id, unique in the world."""
    return uuid.uuid4().hex


def _acceptable(correlation_id: str | None) -> str | None:
    return correlation_id if correlation_id and _ACCEPTABLE.fullmatch(correlation_id) else None
