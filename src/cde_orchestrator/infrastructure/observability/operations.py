"""The one mechanism around every use case: correlation, logs, timing, unexpected failures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar

import structlog

from cde_orchestrator.application.ports.health import Telemetry
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.infrastructure.observability import recent_operations
from cde_orchestrator.infrastructure.observability.correlation import CallContext, within
from cde_orchestrator.infrastructure.observability.tracing import TracedOperation, traced
from cde_orchestrator.infrastructure.system.spans import (
    AGENT,
    CHECK,
    Recorder,
    bottleneck,
    recording,
)

log = structlog.get_logger(__name__)

SLOW_OPERATION_MS = 1_000

Reply = TypeVar("Reply")
Capture = Callable[[CDEError, BaseException], None]
"""Writes a report about an error, given what was raised at first; it never fails."""


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

    def __init__(
        self,
        name: str,
        project_path: str,
        capture: Capture = lambda error, raised: None,
        *,
        slow_ms: Callable[[], float] = lambda: SLOW_OPERATION_MS,
        telemetry: Telemetry | None = None,
        routine: bool = False,
    ) -> None:
        self._name = name
        self._project_path = project_path
        self._capture = capture
        self._slow_ms = slow_ms
        self._telemetry = telemetry
        self._routine = routine

    def run(self, work: Callable[[], Reply]) -> Reply:
        """Do the work, logged from start to finish.

        Raises:
            CDEError: as the work raised it, its context completed; anything else that it
                raised becomes E999.
        """
        with ExitStack() as around:
            context = around.enter_context(within(self._name))
            subject = around.enter_context(naming_subject())
            span = around.enter_context(traced(self._name, context, self._project_path))
            run = _Run(self, context, around.enter_context(recording()), span, subject)
            run.began()
            try:
                reply = work()
            except CDEError as error:
                self._complete(error, error, context.correlation_id, run)
                run.ended_by(error)
                raise
            except Exception as error:
                unexpected = CDESystemError.of("E999")
                self._complete(unexpected, error, context.correlation_id, run)
                run.ended_unforeseen(unexpected)
                raise unexpected from error
            _name_reply(reply)
            recent_operations.note(self._name, context.correlation_id, run.elapsed_ms)
            run.succeeded()
            return reply

    def is_slow(self, duration_ms: float) -> bool:
        """Whether a run of it that took so long counts as slow."""
        return duration_ms > self._slow_ms()

    def record(
        self, outcome: str, error_code: str | None, duration_ms: float, wait_ms: float
    ) -> None:
        """Count a run of it."""
        if self._telemetry is not None:
            self._telemetry.ended(self._name, outcome, error_code, duration_ms, wait_ms)

    @property
    def course_level(self) -> int:
        """How severe its beginning and its success are, in terms of ``logging``."""
        return logging.DEBUG if self._routine else logging.INFO

    def _complete(
        self, error: CDEError, raised: BaseException, correlation_id: str, run: _Run
    ) -> None:
        error.context.setdefault("project_path", self._project_path)
        error.correlation_id = error.correlation_id or correlation_id
        self._capture(error, raised)
        recent_operations.note(self._name, correlation_id, run.elapsed_ms, error.code)


class _Run:
    """Logs and traces how one run began and ended."""

    def __init__(
        self,
        operation: Operation,
        context: CallContext,
        recorder: Recorder,
        span: TracedOperation,
        subject: Mapping[str, str],
    ) -> None:
        self._operation = operation
        self._watch = Stopwatch()
        self._recorder = recorder
        self._span = span
        self._subject = subject
        self._actor = context.actor
        self._log = log.bind(
            operation=context.operation,
            correlation_id=context.correlation_id,
            operation_id=context.operation_id,
        )

    @property
    def elapsed_ms(self) -> float:
        return self._watch.elapsed_ms

    def began(self) -> None:
        self._log.log(self._operation.course_level, "operation_started", actor=self._actor)

    def succeeded(self) -> None:
        self._log.log(self._operation.course_level, "operation_finished", **self._ended("ok"))

    def ended_by(self, error: CDEError) -> None:
        outcome = "failed" if error.is_failure else "refused"
        event = "operation_failed" if error.is_failure else "operation_refused"
        self._log.warning(event, reason=error.message, **self._ended(outcome, error.code))

    def ended_unforeseen(self, error: CDEError) -> None:
        self._log.exception("operation_failed", **self._ended("failed", error.code))

    def _ended(self, outcome: str, error_code: str | None = None) -> dict[str, Any]:
        duration_ms = self.elapsed_ms
        spans = self._recorder.spans()
        ended: dict[str, Any] = {"outcome": outcome}
        if error_code is not None:
            ended["error_code"] = error_code
        usage = self._recorder.usage()
        ended |= {"duration_ms": duration_ms, **usage, "spans": spans}
        self._span.finish({**self._subject, **ended})
        # An agent or a check takes as long as it takes: health counts the product's own.
        own_ms = duration_ms - spans.get(AGENT, 0.0) - spans.get(CHECK, 0.0)
        self._operation.record(outcome, error_code, own_ms, usage["lock_wait_ms"])
        if self._operation.is_slow(duration_ms):
            self._log.warning(
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
