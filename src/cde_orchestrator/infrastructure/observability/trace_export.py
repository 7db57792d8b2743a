"""Sends spans to a collector, and leaves one alone that does not take them.

The exporter of OpenTelemetry tries again by itself, within its time-out. Around it is the
circuit breaker ``otlp``, which the processes of a project share: ten commands do not wait ten
times for a collector that is gone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

BREAKER = "otlp"
FAILURES = 3
REST_SECONDS = 60.0

log = get_logger(__name__)


class CollectorError(Exception):
    """The collector did not take what was sent."""


class GuardedExporter(SpanExporter):
    """Exports through a circuit breaker, and not for long once the process ends.

    Args:
        patience_seconds: after this from ``end`` on, nothing more is sent.
        clock: seconds by a clock that never goes back.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        breakers: BreakerRegistry,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exporter = exporter
        self._breaker = breakers.get(
            BREAKER, failure_threshold=FAILURES, timeout=REST_SECONDS, failures=CollectorError
        )
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._deadline: float | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them; those that cannot be sent are gone."""
        if self._deadline is not None and self._clock() > self._deadline:
            return _dropped(spans, "the process ends", logging.WARNING)
        try:
            self._breaker.call(self._send, spans)
        except CollectorError:
            return _dropped(spans, "the collector did not take them", logging.WARNING)
        except CircuitBreakerOpenError as error:
            return _dropped(spans, error.code, logging.INFO)
        return SpanExportResult.SUCCESS

    def end(self) -> None:
        """The process ends: what is sent from now on must not take long."""
        self._deadline = self._clock() + self._patience_seconds

    def shutdown(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()

    def _send(self, spans: Sequence[ReadableSpan]) -> None:
        if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise CollectorError


def _dropped(spans: Sequence[ReadableSpan], reason: str, level: int) -> SpanExportResult:
    log.log(level, "spans_dropped", spans=len(spans), reason=reason)
    return SpanExportResult.FAILURE
