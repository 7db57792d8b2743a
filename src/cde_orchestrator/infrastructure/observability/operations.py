"""The one mechanism around every use case: correlation, logs, timing, unexpected failures."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from cde_orchestrator.application.ports.health import Telemetry
from cde_orchestrator.domain.clock import Stopwatch, utc_now
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.subject import name_subject, naming_subject
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.observability.correlation import (
    CallContext,
    call_context,
    within,
)
from cde_orchestrator.infrastructure.observability.tracing import describe_end, traced
from cde_orchestrator.infrastructure.system.installation import unexpected
from cde_orchestrator.infrastructure.system.spans import (
    Recorder,
    bottleneck,
    recording,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

COMMAND, MCP_REQUEST, HTTP_REQUEST = CALLS = ("command", "mcp_request", "http_request")
"""The operations as which calls are logged in which no use case begins, however many there are."""
EXPLAIN_ERROR = "explain_error"
"""It needs no project, and so is no use case."""

log = get_logger(__name__)

SLOW_OPERATION_MS = 1_000
_AT_ONCE_MS = 1.0
"""A start that is logged later has the time at which it was."""

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


class Operation(Value):
    """One run of one use case.

    Args:
        name: the use case's name, as ``start_feature``.
        project_path: the project that it is about.
        capture: given each error before it is raised.
        explain: what an accident comes from, where that is known; asked when there is one.
        slow_ms: milliseconds above which it counts as slow, asked when it ends.
        telemetry: counts how it ended.
        routine: whether something that watches asks for it again and again: its course is
            logged for debugging only, unless it fails, and it is no span.
        about: what its log lines and its span have in addition.
    """

    name: str
    project_path: str
    capture: Capture = lambda error, raised: None
    _: KW_ONLY
    explain: Callable[[], CDEError | None] = lambda: None
    slow_ms: Callable[[], float] = lambda: SLOW_OPERATION_MS
    telemetry: Telemetry | None = None
    routine: bool = False
    about: Mapping[str, str] = field(default_factory=dict)

    def end_call(self, raised: BaseException | None = None) -> CDEError | None:
        """Log the call that runs here at its end, unless its operations did.

        Returns:
            The error that it ends with.
        """
        call = call_context()
        if isinstance(raised, CDEError) and raised.correlation_id is not None:
            return raised  # which an operation logged
        if raised is None and call.logged.is_set():
            return None

        def work() -> None:
            if raised is not None:
                raise raised

        # Its operations are counted by themselves, also one that outlives the call.
        alone = replace(self, telemetry=None) if call.logged.is_set() else self
        try:
            alone.run(work, call.watch)
        except CDEError as error:
            return error
        return None

    def _explained(self) -> CDEError | None:
        try:
            return self.explain()
        except Exception:  # noqa: BLE001 - then the accident is all that is known
            return None

    def run(self, work: Callable[[], Reply], watch: Stopwatch | None = None) -> Reply:
        """Do the work, logged from start to finish; ``watch`` runs if it began earlier.

        Raises:
            CDEError: as the work raised it, its context completed; anything else that it
                raised becomes what explains it, E931 or E999.
        """
        watch = watch or Stopwatch()
        with (
            within(self.name) as context,
            naming_subject() as subject,
            nullcontext()
            if self.routine
            else traced(self.name, context, self.project_path, watch) as span,
            recording() as recorder,
        ):
            name_subject(**self.about)
            run = _Run(self, context, recorder, span, subject, watch)
            level = logging.DEBUG if self.routine else logging.INFO
            if not self.routine:
                run.started(level)
            try:
                reply = work()
            except CDEError as error:
                ended = run.failed(error, error)
                event = "operation_failed" if error.is_failure else "operation_refused"
                run.log.warning(event, reason=error.message, **ended)
                raise
            except Exception as error:
                accident = self._explained() or unexpected(error)
                run.log.exception("operation_failed", **run.failed(accident, error))
                raise accident from error
            except BaseException as interrupt:
                if self.routine:
                    run.started(level)
                ended = run.ended("interrupted", raised=interrupt)
                run.log.log(level, "operation_interrupted", **ended)
                raise
            _name_reply(reply)
            if self.routine:
                run.started(level)
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
    watch: Stopwatch

    def __post_init__(self) -> None:
        self.log = log.bind(
            operation=self.context.operation,
            correlation_id=self.context.correlation_id,
            operation_id=self.context.operation_id,
        )

    def started(self, level: int) -> None:
        """Log the start; once it can be seen, the call's boundary need not log the call."""
        if level >= logging.INFO:
            self.context.logged.set()
        ago_ms = self.watch.elapsed_ms
        late = {"seconds_ago": ago_ms / 1000} if ago_ms > _AT_ONCE_MS else {}
        self.log.log(level, "operation_started", actor=self.context.doer, **late)

    def failed(self, error: CDEError, raised: BaseException) -> dict[str, Any]:
        """Complete the error and report it; then as ``ended``."""
        if self.operation.routine:
            self.started(logging.INFO)
        error.context.setdefault("project_path", self.operation.project_path)
        error.correlation_id = error.correlation_id or self.context.correlation_id
        self.operation.capture(error, raised)
        outcome = "failed" if error.is_failure else "refused"
        return self.ended(outcome, error.code, raised)

    def ended(
        self, outcome: str, error_code: str | None = None, raised: BaseException | None = None
    ) -> dict[str, Any]:
        """Count and trace the run; what the log line of its end has."""
        duration_ms = self.watch.elapsed_ms
        name = self.operation.name
        note(name, self.context.correlation_id, duration_ms, error_code)
        spans, usage = self.recorder.spans(), self.recorder.usage()
        ended: dict[str, Any] = {"outcome": outcome}
        if error_code is not None:
            ended["error_code"] = error_code
        ended |= {"duration_ms": duration_ms, **usage, "spans": spans}
        if self.span is not None:
            describe_end(self.span, {**self.subject, **ended}, raised)
        if self.operation.telemetry is not None and outcome != "interrupted":
            # An agent, a check or a proof takes as long as it takes: health counts our own.
            own_ms = duration_ms - self.recorder.others_seconds * 1000
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
