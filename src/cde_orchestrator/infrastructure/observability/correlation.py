"""Who is calling, within which operation: carried along threads, tasks and child processes."""

from __future__ import annotations

import os
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from cde_orchestrator.domain.secrets import without_secrets

ENVIRONMENT_VARIABLE = "CDE_CORRELATION_ID"
TRACE_VARIABLE = "TRACEPARENT"

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


@dataclass(frozen=True, slots=True)
class CallContext:
    """One call from outside.

    Attributes:
        correlation_id: names the call in logs, journal, reports and reply.
        actor: who calls, as ``cli`` or the MCP client's name.
        operation: the use case that runs.
        operation_id: names this run of it; one call may run several.
        traceparent: the caller's place in a W3C trace; empty when there is none.
    """

    correlation_id: str = ""
    actor: str = "library"
    operation: str = ""
    operation_id: str = ""
    traceparent: str = ""


_OUTSIDE = CallContext()
_current = ContextVar("cde_call", default=_OUTSIDE)


def call_context() -> CallContext:
    """The call that runs here; an empty one outside of any."""
    return _current.get()


def calling(
    actor: str, correlation_id: str | None = None, traceparent: str | None = None
) -> AbstractContextManager[CallContext]:
    """Begin a call.

    Args:
        actor: who calls.
        correlation_id: the caller's own; one that is no word of 1 to 128 plain characters, or
            that looks like a secret, is not taken.
        traceparent: a W3C trace context; its trace id names the call where the caller gave no
            correlation id. A malformed one counts as none.
    """
    trace = _TRACEPARENT.fullmatch(traceparent or "")
    named = _acceptable(correlation_id) or (trace.group(1) if trace else uuid.uuid4().hex)
    return _inside(CallContext(named, actor, traceparent=trace.group() if trace else ""))


def within(operation: str) -> AbstractContextManager[CallContext]:
    """Name the operation of the call, making a call where there is none."""
    present = call_context()
    if present is _OUTSIDE:
        present = CallContext(uuid.uuid4().hex)
    return _inside(replace(present, operation=operation, operation_id=secrets.token_hex(8)))


def tracing_as(traceparent: str) -> AbstractContextManager[CallContext]:
    """Take another place in the trace: what the call starts from here on hangs from that."""
    return _inside(replace(call_context(), traceparent=traceparent))


@contextmanager
def _inside(context: CallContext) -> Iterator[CallContext]:
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def caller_in_environment() -> tuple[str | None, str | None]:
    """The correlation id and the trace context that the calling program passed, for ``calling``."""
    return os.environ.get(ENVIRONMENT_VARIABLE), os.environ.get(TRACE_VARIABLE)


def child_environment() -> dict[str, str]:
    """This process's environment for a child process that works for the call that runs here."""
    return {**os.environ, **call_environment()}


def call_environment() -> dict[str, str]:
    """The variables that name to a child process the call that it works for."""
    context = call_context()
    own = {ENVIRONMENT_VARIABLE: context.correlation_id, TRACE_VARIABLE: context.traceparent}
    return {name: value for name, value in own.items() if value}


def _acceptable(given: str | None) -> str | None:
    if not given or not _ACCEPTABLE.fullmatch(given):
        return None
    return given if without_secrets(given, strict=True) == given else None
