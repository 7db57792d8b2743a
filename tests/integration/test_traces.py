"""Operations as spans of OpenTelemetry, and a collector that is not there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.trace_export import (
    FAILURES,
    REST_SECONDS,
    GuardedExporter,
)
from tests.integration.mcp_client import stdio_agent
from tests.integration.test_logs import CALLER, TRACE, TRACEPARENT, assert_logged_whole, cde

pytestmark = pytest.mark.anyio


class Collector(BaseHTTPRequestHandler):
    """Takes traces as an OpenTelemetry collector does."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        server: Any = self.server
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                server.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.spans = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_operations_are_spans_below_the_caller_s(
    project: Path, collector: tuple[str, list[Any]]
) -> None:
    address, spans = collector
    otel: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
    cde(project, "start", "Add login", "--name", "login", TRACEPARENT=TRACEPARENT, **otel)
    (told,) = [span for span in spans if span.name == "start_feature"]
    assert told.trace_id.hex() == TRACE
    assert told.parent_span_id.hex() == CALLER
    attributes = {each.key: each.value for each in told.attributes}
    assert attributes["cde.outcome"].string_value == "ok"
    assert attributes["cde.feature"].string_value == "login"
    assert attributes["cde.correlation_id"].string_value == TRACE
    assert attributes["cde.duration_ms"].double_value > 0
    assert "cde.spans.journal" in attributes
    line = assert_logged_whole(project, TRACE)[-1]
    assert (line["trace_id"], line["span_id"]) == (TRACE, told.span_id.hex())

    async with stdio_agent(project, **otel) as agent:
        meta: Any = {"traceparent": TRACEPARENT}
        await agent.client.call_tool("cde_getFeatureStatus", {"feature_id": "nobody"}, meta=meta)
    by_id = {span.span_id: span for span in spans}
    (refused,) = [span for span in spans if span.name == "get_feature_status"]
    outer = by_id[refused.parent_span_id]
    assert outer.name == "tools/call cde_getFeatureStatus"
    assert outer.parent_span_id.hex() == CALLER
    assert refused.status.message == "E102"


def test_a_child_process_hangs_from_the_operation_that_started_it(
    project: Path, collector: tuple[str, list[Any]]
) -> None:
    address, spans = collector
    script = (
        "from cde_orchestrator.infrastructure.observability import correlation, operations\n"
        "calling, child_environment = correlation.calling, correlation.child_environment\n"
        "Operation = operations.Operation\n"
        f"with calling('test', traceparent='{TRACEPARENT}'):\n"
        "    Operation('outer', '.').run(lambda: print(child_environment()['TRACEPARENT']))\n"
        "    print(child_environment()['TRACEPARENT'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address, "CDE_LOG_LEVEL": "ERROR"},
        check=True,
        capture_output=True,
        text=True,
    )
    (told,) = spans
    assert f"00-{TRACE}-{told.span_id.hex()}-01" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == TRACEPARENT


def test_without_its_variables_nothing_of_opentelemetry_is_imported(project: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from cde_orchestrator.bootstrap import build_application\n"
        "from cde_orchestrator.application.features.list_features import ListFeatures\n"
        "build_application(Path('.').resolve()).handle(ListFeatures())\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=project, check=False)
    assert done.returncode == 0


@pytest.fixture
def hanging() -> Iterator[str]:
    """A receiver that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def breaker(project: Path) -> Any:
    done = cde(project, "health", "breakers", "--json")
    return next(each for each in json.loads(done.stdout)["breakers"] if each["name"] == "otlp")


def test_a_collector_that_is_gone_is_left_alone_by_every_process(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for number in range(FAILURES + 1):
        done = cde(project, "list", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=dead)
        assert (done.returncode, json.loads(done.stdout)["total"]) == (0, 0)
        assert ("spans_dropped" in done.stderr) == (number < FAILURES)
        assert "Traceback" not in done.stderr
    assert breaker(project)["state"] == "open"


def test_a_collector_that_hangs_keeps_no_command_from_its_end_for_long(
    project: Path, hanging: str
) -> None:
    done = cde(project, "list", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=hanging)
    assert (done.returncode, json.loads(done.stdout)["total"]) == (0, 0)
    assert breaker(project)["failures"] == 1


async def test_a_collector_that_hangs_makes_no_call_wait(project: Path, hanging: str) -> None:
    # Sent after each span, and not answered for as long as the test may take.
    otel: dict[str, Any] = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": hanging,
        "OTEL_BSP_SCHEDULE_DELAY": "1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "600",
    }
    async with stdio_agent(project, **otel) as agent:
        for _ in range(5):
            await agent.call("cde_listFeatures")


class Collectors(SpanExporter):
    """A collector that comes and goes."""

    def __init__(self) -> None:
        self.there = False
        self.asked = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked += 1
        return SpanExportResult.SUCCESS if self.there else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.asked = -1


def test_a_collector_that_comes_back_is_sent_to_again(project: Path) -> None:
    now = [0.0]
    collector = Collectors()
    breakers = BreakerRegistry(project, clock=lambda: now[0])
    exporter = GuardedExporter(collector, breakers, 2.0, clock=lambda: now[0])
    for _ in range(FAILURES + 5):
        assert exporter.export([]) is SpanExportResult.FAILURE
    assert collector.asked == FAILURES

    collector.there = True
    assert exporter.export([]) is SpanExportResult.FAILURE
    now[0] += REST_SECONDS
    assert exporter.export([]) is SpanExportResult.SUCCESS
    assert exporter.export([]) is SpanExportResult.SUCCESS
    assert breaker(project)["state"] == "closed"


def test_a_process_that_ends_sends_for_a_moment_only(project: Path) -> None:
    now = [0.0]
    collector = Collectors()
    collector.there = True
    breakers = BreakerRegistry(project, clock=lambda: now[0])
    exporter = GuardedExporter(collector, breakers, 2.0, clock=lambda: now[0])
    exporter.end()
    now[0] = 1.9
    assert exporter.export([]) is SpanExportResult.SUCCESS
    now[0] = 2.1
    assert exporter.export([]) is SpanExportResult.FAILURE
    assert collector.asked == 1
    exporter.shutdown()
    assert collector.asked == -1


def test_traces_without_the_extra_are_a_warning(project: Path) -> None:
    script = (
        "import sys\nsys.modules['opentelemetry.sdk.trace'] = None\n"
        "from cde_orchestrator.__main__ import main\nsys.argv = ['cde', 'list']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "otlp"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "tracing_not_installed" in done.stderr
