"""Operations as spans of OpenTelemetry, and a collector that is not there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.trace_export import (
    FAILURES,
    REST_SECONDS,
    GuardedExporter,
)
from tests.integration.mcp_client import stdio_agent
from tests.integration.run.stage import Stage
from tests.integration.run.test_run import one_phase
from tests.integration.test_logs import (
    CALLER,
    SECRET,
    TRACE,
    TRACEPARENT,
    assert_logged_whole,
    cde,
)
from tests.integration.test_mcp import http_server
from tests.let_in import bearer, let_in

pytestmark = pytest.mark.anyio
__all__ = ["http_server"]  # a fixture


class Spans(list[Any]):
    """What came to a collector so far."""

    def __init__(self) -> None:
        super().__init__()
        self._came = threading.Condition()

    def add(self, spans: Iterable[Any]) -> None:
        """Take some more."""
        with self._came:
            self.extend(spans)
            self._came.notify_all()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for as many as make it true."""
        with self._came:
            assert self._came.wait_for(holds, 60)


class Collector(BaseHTTPRequestHandler):
    """Takes traces as an OpenTelemetry collector does."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        server: Any = self.server
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                server.spans.add(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def collector() -> Iterator[tuple[str, Spans]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.spans = Spans()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def plain(attributes: Any) -> dict[str, str]:
    """Attributes that are texts."""
    return {each.key: each.value.string_value for each in attributes}


async def test_operations_are_spans_below_the_caller_s(
    project: Path, collector: tuple[str, Spans]
) -> None:
    address, spans = collector
    otel: dict[str, Any] = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
    cde(project, "start", "Add login", "--name", "login", TRACEPARENT=TRACEPARENT, **otel)
    (told,) = [span for span in spans if span.name == "start_feature"]
    (command,) = [span for span in spans if span.name == "cde start"]
    assert told.trace_id.hex() == TRACE
    assert told.parent_span_id == command.span_id
    assert command.parent_span_id.hex() == CALLER
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
        with pytest.raises(MCPError):
            await agent.client.call_tool("cde_noSuchTool", {})
        with pytest.raises(MCPError):
            await agent.client.read_resource("cde://errors/none")
    by_id = {span.span_id: span for span in spans}
    (refused,) = [span for span in spans if span.name == "get_feature_status"]
    outer = by_id[refused.parent_span_id]
    assert outer.name == "tools/call cde_getFeatureStatus"
    assert outer.parent_span_id.hex() == CALLER
    assert refused.status.message == "E102"
    failed = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert len(failed) == 6
    for span in failed:
        assert plain(span.attributes)["error.type"]
        assert [event.name for event in span.events] == ["exception"]


OTHER = "aaaabbbbccccddddaaaabbbbccccdddd"
ELSEWHERE = f"00-{OTHER}-cccc0000dddd1111-01"


def lineage(spans: list[Any], span: Any) -> list[str]:
    """The names of the spans above one, the nearest first, and the id of what is not here."""
    by_id = {each.span_id: each for each in spans}
    names = []
    while span.parent_span_id in by_id:
        span = by_id[span.parent_span_id]
        names.append(span.name)
    return [*names, span.parent_span_id.hex()]


class TracedStage(Stage):
    """A stage whose commands are called from within a trace, and send their own."""

    collector = ""

    @property
    def environment(self) -> dict[str, str]:
        own = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector, "TRACEPARENT": TRACEPARENT}
        return {**super().environment, **own, "CDE_CORRELATION_ID": "outer-1"}


def test_a_run_of_agents_is_one_trace_with_what_their_servers_do(
    tmp_path: Path, collector: tuple[str, Spans]
) -> None:
    stage = TracedStage(tmp_path)
    stage.collector, spans = collector
    one_phase(stage, agent="ask")
    spans.clear()
    assert stage.run("column").code == 0

    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (root,) = [span for span in spans if span.parent_span_id.hex() == CALLER]
    assert root.name == "cde run"
    assert all(lineage(spans, span)[-1] == CALLER for span in spans)
    (agent,) = [span for span in spans if span.name == "run_agent"]
    about = plain(agent.attributes)
    assert about["gen_ai.operation.name"] == "invoke_agent"
    assert about["gen_ai.agent.name"] == "agent"
    (asked,) = [span for span in spans if span.name == "list_features"]
    assert lineage(spans, asked) == ["tools/call cde_listFeatures", "run_agent", "cde run", CALLER]

    answer = json.loads(stage.remembered("answers")[-1])["result"]["structuredContent"]
    assert answer["correlation_id"] == "outer-1"
    of_the_run = stage.cde("logs", "--correlation", "outer-1", "--json").reply["entries"]
    operations = {line["operation"] for line in of_the_run if "operation" in line}
    assert {"run_agent", "submit_work", "list_features"} <= operations
    started = next(line for line in of_the_run if line["event"] == "agent_started")
    assert not [name for name in started if name.startswith("CDE_")]
    assert (started["feature"], started["phase_id"]) == ("column", "write")
    tree = stage.cde("logs", "trace", "outer-1", "--json").reply
    assert "list_features" in {each["operation"] for each in tree["operations"]}


def test_an_agent_that_is_not_let_through_is_named_in_its_span_too(
    tmp_path: Path, collector: tuple[str, Spans]
) -> None:
    stage = TracedStage(tmp_path)
    stage.collector, spans = collector
    one_phase(stage, agent="ask")
    breaker = BreakerRegistry(stage.project).get("agent-agent", failures=OSError)

    def fail() -> None:
        raise OSError

    while breaker.state == "closed":
        with suppress(OSError):
            breaker.call(fail)
    spans.clear()
    stage.run("column")

    (refused,) = [span for span in spans if span.name == "run_agent"]
    about = plain(refused.attributes)
    assert about["error.type"] == "E903"
    assert about["gen_ai.agent.name"] == "agent"


async def test_what_a_server_s_environment_names_is_the_parent_where_a_call_names_none(
    project: Path, collector: tuple[str, Spans]
) -> None:
    address, spans = collector
    outside: dict[str, Any] = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "TRACEPARENT": TRACEPARENT,
        "CDE_CORRELATION_ID": "outer-1",
    }
    async with stdio_agent(project, **outside) as agent:
        silent = await agent.client.call_tool("cde_listFeatures", {})
        meta: Any = {"traceparent": ELSEWHERE, "correlation_id": "inner-1"}
        await agent.client.call_tool("cde_getProjectInfo", {}, meta=meta)
        await agent.client.read_resource("cde://errors/E101")
    assert silent.structured_content is not None
    assert silent.structured_content["correlation_id"] == "outer-1"
    for name, above, trace, caller in (
        ("list_features", "tools/call cde_listFeatures", TRACE, CALLER),
        ("get_project_info", "tools/call cde_getProjectInfo", OTHER, "cccc0000dddd1111"),
        ("mcp_request", "resources/read", TRACE, CALLER),
    ):
        own = [span for span in spans if span.name == name]
        (span,) = [each for each in own if lineage(spans, each)[0] == above]
        assert lineage(spans, span) == [above, caller]
        assert span.trace_id.hex() == trace
    inner = assert_logged_whole(project, "inner-1")
    assert {line["parent_correlation_id"] for line in inner} == {"outer-1"}
    of_the_outer = json.loads(cde(project, "logs", "--correlation", "outer-1", "--json").stdout)
    assert "inner-1" in {line["correlation_id"] for line in of_the_outer["entries"]}


@pytest.fixture
def traced_server(
    collector: tuple[str, Spans],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> str:
    """The address of a server over HTTP that sends its spans."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector[0])
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("TRACEPARENT", TRACEPARENT)
    address: str = request.getfixturevalue("http_server")
    return address


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_over_http_the_header_names_the_parent_and_meta_goes_before_it(
    project: Path, collector: tuple[str, Spans], traced_server: str, mode: str
) -> None:
    _, spans = collector
    own: Any = {"traceparent": TRACEPARENT}
    async with httpx2.AsyncClient(headers={"traceparent": ELSEWHERE, **bearer(project)}) as http:
        transport = streamable_http_client(traced_server, http_client=http)
        async with Client(transport, mode=mode) as client:
            await client.call_tool("cde_listFeatures", {})
            await client.call_tool("cde_getProjectInfo", {}, meta=own)
        await http.get(traced_server.removesuffix("/mcp") + "/errors")
    async with let_in(traced_server, bearer(project), mode=mode) as client:
        await client.call_tool("cde_getFeatureStatus", {"feature_id": "nobody"})
    wanted = {
        "list_features": (["tools/call cde_listFeatures", "cccc0000dddd1111"], OTHER),
        "get_project_info": (["tools/call cde_getProjectInfo", CALLER], TRACE),
        "http_request": (["cccc0000dddd1111"], OTHER),
        "get_feature_status": (["tools/call cde_getFeatureStatus", CALLER], TRACE),
    }
    for name, (above, trace) in wanted.items():

        def is_here(name: str = name) -> bool:
            found = [each for each in spans if each.name == name]
            return bool(found) and lineage(spans, found[0])[-1] in {CALLER, "cccc0000dddd1111"}

        await anyio.to_thread.run_sync(spans.wait_until, is_here)
        found = [each for each in spans if each.name == name]
        assert lineage(spans, found[0]) == above
        assert found[0].trace_id.hex() == trace
    line = assert_logged_whole(project, OTHER)[0]
    assert line["trace_id"] == OTHER


def test_each_command_is_one_trace(project: Path, collector: tuple[str, Spans]) -> None:
    address, spans = collector
    for words in (["status"], [], ["list"], ["submit", "nobody"]):
        spans.clear()
        cde(project, *words, OTEL_EXPORTER_OTLP_ENDPOINT=address)
        (root,) = [span for span in spans if not span.parent_span_id]
        assert root.name == " ".join(["cde", *words[:1]])
        assert {lineage(spans, span)[-1] for span in spans} == {""}


def test_a_span_that_failed_bears_its_kind_and_the_exception(
    project: Path, collector: tuple[str, Spans]
) -> None:
    address, spans = collector
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
    cde(project, "status", f"nobody-{SECRET}", **otel)
    cde(project, "waive", "nobody", **otel)
    (project / ".cde" / "config.toml").write_text("log_level = 5", encoding="utf-8")
    cde(project, "list", **otel)
    broken = (
        "import sys\nfrom cde_orchestrator.application.features import list_features\n"
        "list_features.ListFeatures.__call__ = lambda self: 1 / 0\n"
        "from cde_orchestrator.__main__ import main\nsys.argv = ['cde', 'list']\nmain()\n"
    )
    (project / ".cde" / "config.toml").unlink()
    subprocess.run(
        [sys.executable, "-c", broken],
        cwd=project,
        env={**os.environ, **otel},
        check=False,
        capture_output=True,
    )
    for name, code, kind in (
        ("get_feature_status", "E102", "FeatureError"),
        ("cde status", "E102", "FeatureError"),
        ("command", "E323", "ValidationError"),
        ("cde waive", "E323", "ValidationError"),
        ("list_features", "E314", "ValidationError"),
        ("list_features", "E999", "ZeroDivisionError"),
        ("cde list", "E999", "CDESystemError"),
    ):
        (span,) = [
            each
            for each in spans
            if each.name == name and plain(each.attributes).get("error.type") == code
        ]
        assert span.status.message == code
        (event,) = span.events
        told = plain(event.attributes)
        assert event.name == "exception"
        assert told["exception.type"].rpartition(".")[2] == kind
        assert told["exception.message"]
        assert "Traceback" in told["exception.stacktrace"]
    assert SECRET not in repr(spans)


def test_a_child_process_hangs_from_the_operation_that_started_it(
    project: Path, collector: tuple[str, Spans]
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


GRPC = "opentelemetry/exporter/otlp/proto/grpc/trace_exporter"
EXPORTER = """
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
class OTLPSpanExporter(SpanExporter):
    def __init__(self, timeout):
        self.file = open("sent", "w")
    def export(self, spans):
        self.file.write("".join(span.name + "\\n" for span in spans))
        self.file.flush()
        return SpanExportResult.SUCCESS
    def shutdown(self):
        self.file.close()
"""


@pytest.mark.parametrize(
    ("variable", "protocol"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
    ],
)
def test_a_protocol_that_is_not_installed_is_one_warning_and_nothing_is_sent(
    project: Path, collector: tuple[str, Spans], variable: str, protocol: str
) -> None:
    address, spans = collector
    done = cde(project, "list", **{"OTEL_EXPORTER_OTLP_ENDPOINT": address, variable: protocol})
    assert done.returncode == 0
    assert done.stderr.count("tracing_protocol_not_installed") == 1
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in done.stderr
    assert "opentelemetry-exporter-otlp-proto-grpc" in done.stderr
    assert "tracing" not in done.stdout
    assert spans == []


def test_an_exporter_by_grpc_is_used_where_it_is_installed(project: Path, tmp_path: Path) -> None:
    module = tmp_path / "installed" / f"{GRPC}.py"
    module.parent.mkdir(parents=True)
    module.write_text(EXPORTER, encoding="utf-8")
    done = cde(
        project,
        "list",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4317",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        PYTHONPATH=str(tmp_path / "installed"),
    )
    assert (done.returncode, "spans_dropped" in done.stderr) == (0, False)
    assert (project / "sent").read_text().split("\n")[:2] == ["list_features", "cde list"]


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
