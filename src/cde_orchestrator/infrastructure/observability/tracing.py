"""Operations as spans of OpenTelemetry, where the environment asks for them.

Configured by the standard ``OTEL_*`` variables; needs the extra ``otel``. Without a variable
that names an exporter, nothing of OpenTelemetry is imported here.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator import __version__
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import CallContext, tracing_as

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

SERVICE = "cde-orchestrator"
PREFIX = "cde."
"""Before the name of an attribute, which is otherwise that of the log line."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
_PATIENCE_SECONDS = 2

log = get_logger(__name__)


class _Tracing:
    """Whether traces are made; decided once, when the first operation begins."""

    decided = False
    tracer: Tracer | None = None


@contextmanager
def traced(operation: str, context: CallContext, project: str) -> Iterator[Span | None]:
    """Make the operation a span: below the one that runs here, else below the caller's."""
    tracer = start_tracing(project)
    if tracer is None:
        yield None
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = None
    if context.traceparent and not trace.get_current_span().get_span_context().is_valid:
        parent = TraceContextTextMapPropagator().extract({"traceparent": context.traceparent})
    with tracer.start_as_current_span(
        operation,
        context=parent,
        attributes={
            PREFIX + "operation": operation,
            PREFIX + "operation_id": context.operation_id,
            PREFIX + "correlation_id": context.correlation_id,
            PREFIX + "actor": context.actor,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        here: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(here)
        with tracing_as(here.get("traceparent", context.traceparent)):
            yield span


def describe_end(span: Span, attributes: Mapping[str, Any]) -> None:
    """Give the span of an operation what the log line of its end has."""
    from opentelemetry.trace import Status, StatusCode

    for name, value in attributes.items():
        if isinstance(value, Mapping):
            for inner, number in value.items():
                span.set_attribute(f"{PREFIX}{name}.{inner}", number)
        elif value is not None:
            span.set_attribute(PREFIX + name, value)
    if attributes["outcome"] != "ok":
        span.set_status(Status(StatusCode.ERROR, attributes["error_code"]))


def current_ids() -> dict[str, str]:
    """``trace_id`` and ``span_id`` of the span that runs here, for its log lines."""
    if _Tracing.tracer is None:
        return {}
    from opentelemetry import trace

    present = trace.get_current_span().get_span_context()
    if not present.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(present.trace_id),
        "span_id": trace.format_span_id(present.span_id),
    }


def start_tracing(project: str) -> Tracer | None:
    """The tracer; None when nobody asked for traces, or the extra is not installed.

    The first ``project`` is the one whose processes learn together whether the collector
    answers.
    """
    if not _Tracing.decided:
        _Tracing.decided = True
        _Tracing.tracer = _tracer(Path(project)) if _is_wanted() else None
    return _Tracing.tracer


def _tracer(root: Path) -> Tracer | None:
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        log.warning("tracing_not_installed", remedy="pip install 'cde-orchestrator[otel]'")
        return None
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):  # else whoever embeds us has set one up
        provider = _provider(root)
        trace.set_tracer_provider(provider)
    return provider.get_tracer(SERVICE, __version__)


def _provider(root: Path) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
    from cde_orchestrator.infrastructure.observability.trace_export import GuardedExporter

    own = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        own["service.name"] = SERVICE
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    # A collector that does not answer must not keep a command from ending for long.
    patience = None if any(map(os.environ.get, _TIMEOUTS)) else _PATIENCE_SECONDS
    exporter = GuardedExporter(
        OTLPSpanExporter(timeout=patience), BreakerRegistry(root), _PATIENCE_SECONDS
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    atexit.register(provider.shutdown)
    atexit.register(exporter.end)  # called before the one above
    return provider


def _is_wanted() -> bool:
    environment = os.environ
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    named = any(environment.get(variable, "").strip() for variable in _ENDPOINTS)
    return exporter == "otlp" or (named and not exporter)
