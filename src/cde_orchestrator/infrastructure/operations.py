"""The one mechanism around every use case: correlation, logs, timing, unexpected failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure import recent_operations
from cde_orchestrator.infrastructure.correlation import within

log = structlog.get_logger(__name__)

Reply = TypeVar("Reply")
Capture = Callable[[CDEError, BaseException], None]
"""Writes a report about an error, given what was raised at first; it never fails."""


class Operation:
    """One run of one use case.

    Args:
        name: the use case's name, as ``start_feature``.
        project_path: the project that it is about.
        capture: told each error before it is raised.
    """

    def __init__(
        self, name: str, project_path: str, capture: Capture = lambda error, raised: None
    ) -> None:
        self._name = name
        self._project_path = project_path
        self._capture = capture

    def run(self, work: Callable[[], Reply]) -> Reply:
        """Do the work, logged from start to finish.

        Raises:
            CDEError: as the work raised it, its context completed; anything else that it
                raised becomes E999.
        """
        watch = Stopwatch()
        with within(self._name) as context:
            bound = log.bind(operation=self._name, correlation_id=context.correlation_id)
            bound.debug("operation_started")
            try:
                reply = work()
            except CDEError as error:
                self._complete(error, error, context.correlation_id, watch)
                bound.warning(
                    "operation_refused",
                    outcome="refused",
                    error_code=error.code,
                    reason=error.message,
                    duration_ms=watch.elapsed_ms,
                )
                raise
            except Exception as error:
                unexpected = CDESystemError.of("E999")
                self._complete(unexpected, error, context.correlation_id, watch)
                bound.exception(
                    "operation_failed",
                    outcome="failed",
                    error_code=unexpected.code,
                    duration_ms=watch.elapsed_ms,
                )
                raise unexpected from error
            recent_operations.note(self._name, context.correlation_id, watch.elapsed_ms)
            bound.info("operation_finished", outcome="ok", duration_ms=watch.elapsed_ms)
            return reply

    def _complete(
        self, error: CDEError, raised: BaseException, correlation_id: str, watch: Stopwatch
    ) -> None:
        error.context.setdefault("project_path", self._project_path)
        error.correlation_id = error.correlation_id or correlation_id
        self._capture(error, raised)
        recent_operations.note(self._name, correlation_id, watch.elapsed_ms, error.code)
