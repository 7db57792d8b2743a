"""The one mechanism around every use case: correlation, logs, timing, unexpected failures."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cde_orchestrator.application.ports.health import Telemetry
from cde_orchestrator.domain.clock import Stopwatch, utc_now
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.infrastructure.observability.correlation import CallContext, within
from cde_orchestrator.infrastructure.observability.tracing import describe_end, traced
from cde_orchestrator.infrastructure.system.spans import (
    AGENT,
    CHECK,
    Recorder,
    bottleneck,
    recording,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

log = get_logger(__name__)

SLOW_OPERATION_MS = 1_000

Reply = TypeVar("Reply")
Capture = Callable[[CDEError, BaseException], None]
"""Writes a report about an error, given what was raised at first; it never fails."""


@dataclass(frozen=True, slots=True)
class RecentOperation:
    """An operation that ended at an ISO 8601 time, UTC; without an error code it succeeded."""

    name: str
    ended_at: str
    correlation_id: str
    duration_ms: float
    error_code: str | None


_recent = deque[RecentOperation](maxlen=20)


def note(name: str, correlation_id: str, duration_ms: float, error_code: str | None = None) -> None:
    """Remember an operation that ended."""
    ended_at = utc_now().isoformat()
    _recent.append(RecentOperation(name, ended_at, correlation_id, duration_ms, error_code))


def recent_operations() -> list[RecentOperation]:
    """The last operations of this process, oldest first: what led to an error."""
    return list(_recent)


@dataclass(frozen=True)
class Operation:
    """One run of one use case.

    Args:
        name: the use case's name, as ``start_feature``.
        project_path: the project that it is about.
        capture: given each error before it is raised.
        slow_ms: milliseconds above which it counts as slow, asked when it ends.
        telemetry: counts how it ended.
        routine: whether something that watches asks for it again and again: its course is
            logged for debugging only.
    """

    name: str
    project_path: str
    capture: Capture = lambda error, raised: None
    _: KW_ONLY
    slow_ms: Callable[[], float] = lambda: SLOW_OPERATION_MS
    telemetry: Telemetry | None = None
    routine: bool = False

    def run(self, work: Callable[[], Reply]) -> Reply:
        """Do the work, logged from start to finish.

        Raises:
            CDEError: as the work raised it, its context completed; anything else that it
                raised becomes E999.
        """
        with (
            within(self.name) as context,
            naming_subject() as subject,
            traced(self.name, context, self.project_path) as span,
            recording() as recorder,
        ):
            run = _Run(self, context, recorder, span, subject)
            level = logging.DEBUG if self.routine else logging.INFO
            run.log.log(level, "operation_started", actor=context.actor)
            try:
                reply = work()
            except CDEError as error:
                ended = run.failed(error, error)
                event = "operation_failed" if error.is_failure else "operation_refused"
                run.log.warning(event, reason=error.message, **ended)
                raise
            except Exception as error:
                unexpected = CDESystemError.of("E999")
                run.log.exception("operation_failed", **run.failed(unexpected, error))
                raise unexpected from error
            _name_reply(reply)
            run.log.log(level, "operation_finished", **run.ended("ok"))
            return reply


@dataclass(eq=False)
class _Run:
    """What is recorded of one run, and is known of it when it ends."""

    operation: Operation
    context: CallContext
    recorder: Recorder
    span: Span | None
    subject: Mapping[str, str]

    def __post_init__(self) -> None:
        self._watch = Stopwatch()
        self.log = log.bind(
            operation=self.context.operation,
            correlation_id=self.context.correlation_id,
            operation_id=self.context.operation_id,
        )

    def failed(self, error: CDEError, raised: BaseException) -> dict[str, Any]:
        """Complete the error and report it; then as ``ended``."""
        error.context.setdefault("project_path", self.operation.project_path)
        error.correlation_id = error.correlation_id or self.context.correlation_id
        self.operation.capture(error, raised)
        return self.ended("failed" if error.is_failure else "refused", error.code)

    def ended(self, outcome: str, error_code: str | None = None) -> dict[str, Any]:
        """Count and trace the run; what the log line of its end has."""
        duration_ms = self._watch.elapsed_ms
        name = self.operation.name
        note(name, self.context.correlation_id, duration_ms, error_code)
        spans, usage = self.recorder.spans(), self.recorder.usage()
        ended: dict[str, Any] = {"outcome": outcome}
        if error_code is not None:
            ended["error_code"] = error_code
        ended |= {"duration_ms": duration_ms, **usage, "spans": spans}
        if self.span is not None:
            describe_end(self.span, {**self.subject, **ended})
        if self.operation.telemetry is not None:
            # An agent or a check takes as long as it takes: health counts the product's own.
            own_ms = duration_ms - spans.get(AGENT, 0.0) - spans.get(CHECK, 0.0)
            self.operation.telemetry.ended(name, outcome, error_code, own_ms, usage["lock_wait_ms"])
        if duration_ms > self.operation.slow_ms():
            self.log.warning(
                "operation_slow",
                duration_ms=duration_ms,
                bottleneck=bottleneck(spans, duration_ms),
                spans=spans,
            )
        return ended


def _name_reply(reply: object) -> None:
    """Name what the reply is about, where the work itself did not."""
    if not isinstance(reply, Mapping):
        return
    project, feature = reply.get("project"), reply.get("feature")
    if isinstance(project, Mapping) and "id" in project:
        name_subject(project_id=project["id"])
    if isinstance(feature, Mapping) and "id" in feature:
        name_subject(feature_id=feature["id"], feature=feature["name"])
