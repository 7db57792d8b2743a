"""Operations as spans of OpenTelemetry, where the environment asks for them.

Configured by the standard ``OTEL_*`` variables; needs the extra ``otel``. Without a variable
that names an exporter, nothing of OpenTelemetry is imported here.
"""

from __future__ import annotations

import atexit
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator import __version__
from cde_orchestrator.domain.clock import Stopwatch
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.observability.correlation import CallContext, tracing_as

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

SERVICE = "cde-orchestrator"
PREFIX = "cde."
"""Before the name of an attribute, which is otherwise that of the log line."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_REMEDY = (
    "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and the port of OTLP over HTTP, 4318; "
    "or for grpc: pip install opentelemetry-exporter-otlp-proto-grpc"
)
_PATIENCE_SECONDS = 2

log = get_logger(__name__)


class _Tracing:
    """Whether traces are made; decided once, when the first operation begins."""

    decided = False
    tracer: Tracer | None = None


@contextmanager
def traced(
    operation: str, context: CallContext, project: str, watch: Stopwatch | None = None
) -> Iterator[Span | None]:
    """Make the operation a span: below the one that runs here, else below the caller's.

    It began when ``watch`` did.
    """
    tracer = start_tracing(project)
    if tracer is None:
        yield None
        return
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    is_first = not trace.get_current_span().get_span_context().is_valid
    parent = _extracted(context.traceparent) if context.traceparent and is_first else None
    with tracer.start_as_current_span(
        operation,
        context=parent,
        start_time=time.time_ns() - int(watch.elapsed_ms * 1e6) if watch is not None else None,
        attributes={
            PREFIX + "operation": operation,
            PREFIX + "operation_id": context.operation_id,
            PREFIX + "correlation_id": context.correlation_id,
            PREFIX + "actor": context.doer,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        here: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(here)
        with tracing_as(here.get("traceparent", context.traceparent)):
            yield span


@contextmanager
def below(traceparent: str) -> Iterator[None]:
    """Make the caller's span, if traces are made, the parent of those that begin here."""
    if _Tracing.tracer is None or not traceparent:
        yield
        return
    from opentelemetry import trace

    with trace.use_span(trace.get_current_span(_extracted(traceparent))):
        yield


def describe_agent(name: str) -> None:
    """Say of the span that runs here that it is an agent's run, in the standard's words."""
    if _Tracing.tracer is not None:
        from opentelemetry import trace

        about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        trace.get_current_span().set_attributes(about)


def describe_failure(raised: BaseException) -> None:
    """Give the span that runs here the exception that it ends with, without secrets."""
    if _Tracing.tracer is not None:
        from opentelemetry import trace

        lines = "".join(traceback.format_exception(raised))
        texts = {"exception.message": str(raised), "exception.stacktrace": lines}
        clean = {name: without_secrets(text, strict=True) for name, text in texts.items()}
        trace.get_current_span().record_exception(raised, attributes=clean)


def describe_end(
    span: Span, attributes: Mapping[str, Any], raised: BaseException | None = None
) -> None:
    """Give the span of an operation what the log line of its end has, and what it failed with."""
    from opentelemetry.trace import Status, StatusCode

    for name, value in attributes.items():
        if isinstance(value, Mapping):
            for inner, number in value.items():
                span.set_attribute(f"{PREFIX}{name}.{inner}", number)
        elif value is not None:
            text = without_secrets(value, strict=True)[:1_000] if isinstance(value, str) else value
            span.set_attribute(PREFIX + name, text)
    if attributes["outcome"] != "ok":
        reason = attributes.get("error_code", attributes["outcome"])
        span.set_status(Status(StatusCode.ERROR, reason))
        span.set_attribute("error.type", reason)
    if raised is not None:
        describe_failure(raised)


def _extracted(traceparent: str) -> Context:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


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
        exporter = _exporter()
        if exporter is None:
            return None
        provider = _provider(root, exporter)
        trace.set_tracer_provider(provider)
    return provider.get_tracer(SERVICE, __version__)


def _exporter() -> SpanExporter | None:
    """What sends spans by the protocol that the environment names; None where it is not here."""
    named = (os.environ.get(variable, "").strip().lower() for variable in _PROTOCOLS)
    protocol = next(filter(None, named), "http/protobuf")
    # A collector that does not answer must not keep a command from ending for long.
    patience = None if any(map(os.environ.get, _TIMEOUTS)) else _PATIENCE_SECONDS
    try:
        kind = {"http/protobuf": "http", "grpc": "grpc"}[protocol]
        module = import_module(f"opentelemetry.exporter.otlp.proto.{kind}.trace_exporter")
    except (ImportError, KeyError):
        log.warning("tracing_protocol_not_installed", protocol=protocol, remedy=_REMEDY)
        return None
    exporter: SpanExporter = module.OTLPSpanExporter(timeout=patience)
    return exporter


def _provider(root: Path, sender: SpanExporter) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
    from cde_orchestrator.infrastructure.observability.trace_export import GuardedExporter

    own = {"service.version": __version__}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        own["service.name"] = SERVICE
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    exporter = GuardedExporter(sender, BreakerRegistry(root), _PATIENCE_SECONDS)
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
