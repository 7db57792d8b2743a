"""Who is calling, within which operation: carried along threads, tasks and child processes."""

from __future__ import annotations

import os
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import field, replace
from threading import Event

from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.lease import COMMAND_LINE, LIBRARY
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.value import Value

ENVIRONMENT_VARIABLE = "CDE_CORRELATION_ID"
TRACE_VARIABLE = "TRACEPARENT"
CALL_VARIABLES = (ENVIRONMENT_VARIABLE, TRACE_VARIABLE)
OWN_SECRETS = frozenset({"CDE_HTTP_TOKEN", "CDE_STATE_URL"})
"""Variables that are nobody's business but the orchestrator's."""

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


class CallContext(Value):
    """One call from outside.

    Attributes:
        correlation_id: names the call in logs, journal, reports and reply.
        actor: who calls, as ``cli`` or the MCP client's name.
        operation: the use case that runs.
        operation_id: names this run of it; one call may run several.
        traceparent: the caller's place in a W3C trace; empty when there is none.
        parent_correlation_id: the call that this process works for, where the call has an id of
            its own.
        watch: how long ago the call began.
        logged: set once the course of one of its operations is in the log.
        said: what a person who calls was notified of.
        connection: names the connection that the call came by, where one is kept; else empty.
        tools: those that its client was offered, where it was not all.
        agent: for which agent, as far as a command says it or its environment does; else empty.
        is_command: whether a command makes it, whoever acts in it: it says itself what it did.
    """

    correlation_id: str = ""
    actor: str = LIBRARY
    operation: str = ""
    operation_id: str = ""
    traceparent: str = ""
    parent_correlation_id: str = ""
    watch: Stopwatch = field(default_factory=Stopwatch, compare=False)
    logged: Event = field(default_factory=Event, compare=False)
    said: set[str] = field(default_factory=set, compare=False)
    connection: str = ""
    tools: frozenset[str] | None = None
    is_command: bool = False
    agent: str = ""

    @property
    def doer(self) -> str:
        """Who calls, with the agent that a command is for, as they are named wherever it is kept.

        That is the same name in journal, log, spans, reports and the note of a check, and has no
        secret.
        """
        named = self.agent and self.actor == COMMAND_LINE
        return without_secrets(f"{self.actor} ({self.agent})" if named else self.actor)


_OUTSIDE = CallContext()
_current = ContextVar("cde_call", default=_OUTSIDE)


def call_context() -> CallContext:
    """The call that runs here; an empty one outside of any."""
    return _current.get()


def calling(
    actor: str,
    correlation_id: str | None = None,
    traceparent: str | None = None,
    *,
    connection: str = "",
    agent: str = "",
) -> AbstractContextManager[CallContext]:
    """Begin a call.

    What the caller does not say is taken of the environment: this process may work for a call.

    Args:
        actor: who calls.
        correlation_id: the caller's own; one that is no word of 1 to 128 plain characters, or
            that looks like a secret, is not taken.
        connection: as of ``CallContext``.
        agent: as of ``CallContext``.
        traceparent: a W3C trace context; its trace id names the call where the caller gave no
            correlation id. A malformed one counts as none.
    """
    named, place = _identity(correlation_id, traceparent)
    parent, parent_place = _identity(*map(os.environ.get, CALL_VARIABLES))
    own = named or parent or uuid.uuid4().hex
    other = parent if parent != own else ""
    return _inside(
        CallContext(
            own,
            actor,
            traceparent=place or parent_place,
            parent_correlation_id=other,
            connection=connection,
            is_command=actor == COMMAND_LINE,
            agent=agent,
        )
    )


def within(operation: str) -> AbstractContextManager[CallContext]:
    """Name the operation of the call, making a call where there is none."""
    present = call_context()
    if not present.correlation_id:
        own = CallContext(uuid.uuid4().hex)
        present = replace(own, actor=present.actor, tools=present.tools)
    return _inside(replace(present, operation=operation, operation_id=secrets.token_hex(8)))


def tracing_as(traceparent: str) -> AbstractContextManager[CallContext]:
    """Take another place in the trace: what the call starts from here on hangs from that."""
    return _inside(replace(call_context(), traceparent=traceparent))


def offering(tools: frozenset[str] | None) -> AbstractContextManager[CallContext]:
    """Name these tools alone to the client, from here on in this call; None means all."""
    return _inside(replace(call_context(), tools=tools))


def acting_as(actor: str) -> AbstractContextManager[CallContext]:
    """Name another one who acts, from here on in this call."""
    return _inside(replace(call_context(), actor=actor))


@contextmanager
def _inside(context: CallContext) -> Iterator[CallContext]:
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def child_environment() -> dict[str, str]:
    """This process's environment for a child process that works for the call that runs here."""
    return {**os.environ, **call_environment()}


def command_environment() -> dict[str, str]:
    """The same for a command of the project, which gets none of the orchestrator's secrets."""
    return {name: text for name, text in child_environment().items() if name not in OWN_SECRETS}


def call_environment() -> dict[str, str]:
    """The variables that name to a child process the call that it works for."""
    context = call_context()
    own = {ENVIRONMENT_VARIABLE: context.correlation_id, TRACE_VARIABLE: context.traceparent}
    return {name: value for name, value in own.items() if value}


def _identity(correlation_id: str | None, traceparent: str | None) -> tuple[str, str]:
    """The name that they give a call and its place in a trace; each is empty for none."""
    trace = _TRACEPARENT.fullmatch(traceparent or "")
    given = correlation_id or ""
    if not _ACCEPTABLE.fullmatch(given) or without_secrets(given, strict=True) != given:
        given = trace.group(1) if trace else ""
    return given, trace.group() if trace else ""
