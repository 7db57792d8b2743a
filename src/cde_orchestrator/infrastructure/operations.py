"""The one mechanism around every use case: correlation, logs, timing, unexpected failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import structlog

from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure.correlation import within

log = structlog.get_logger(__name__)

Reply = TypeVar("Reply")


class Operation:
    """One run of one use case.

    Args:
        name: the use case's name, as ``start_feature``.
        project_path: the project that it is about.
    """

    def __init__(self, name: str, project_path: str) -> None:
        self._name = name
        self._project_path = project_path

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
                self._complete(error, context.correlation_id)
                bound.warning(
                    "operation_refused",
                    outcome="refused",
                    error_code=error.code,
                    reason=error.message,
                    duration_ms=watch.elapsed_ms,
                )
                raise
            except Exception as error:
                unexpected = CDESystemError.of("E999", correlation_id=context.correlation_id)
                self._complete(unexpected, context.correlation_id)
                bound.exception(
                    "operation_failed",
                    outcome="failed",
                    error_code=unexpected.code,
                    duration_ms=watch.elapsed_ms,
                )
                raise unexpected from error
            bound.info("operation_finished", outcome="ok", duration_ms=watch.elapsed_ms)
            return reply

    def _complete(self, error: CDEError, correlation_id: str) -> None:
        error.context.setdefault("project_path", self._project_path)
        error.context.setdefault("correlation_id", correlation_id)
