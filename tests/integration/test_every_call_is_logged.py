"""Whatever is asked of the product is in the log from its start to its end, with its id.

Every command, tool, request of MCP and address of the pages has a case here; a new one without
a case fails. Help, versions and completions of the shell ask nothing of the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from starlette.routing import Route

from cde_orchestrator.application.logs.log_query import ENDS
from cde_orchestrator.infrastructure.monitoring.health.metrics import Observation, expose
from cde_orchestrator.infrastructure.monitoring.health.probes import Facts
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.mcp_tools.sdk import protocol_server
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from cde_orchestrator.web.routes import all_routes
from tests.integration.deliverables import deliverable
from tests.integration.mcp_client import StdioServer, stdio_agent
from tests.integration.test_logs import (
    TRACE,
    TRACEPARENT,
    assert_logged_whole,
    cde,
    lines_of,
)
from tests.integration.test_mcp import http_server
from tests.let_in import bearer
from tests.whole_command import whole_command

pytestmark = pytest.mark.anyio
__all__ = ["http_server"]  # a fixture

# What each tool is called with, in this order, and each command, by its words.
TOOLS: dict[str, dict[str, Any]] = {
    "cde_onboardProject": {"path": "."},
    "cde_getProjectInfo": {},
    "cde_setProjectStatus": {"status": "active"},
    "cde_startFeature": {"prompt": "Add a login page", "name": "login"},
    "cde_submitWork": {"feature_id": "login", "phase_id": "define"},
    "cde_getFeatureStatus": {"feature_id": "login"},
    "cde_listFeatures": {},
    "cde_recoverState": {"action": "history"},
    "cde_explainError": {"code": "E101"},
    "cde_getHealth": {},
    "cde_saveProgress": {"feature_id": "login", "phase_id": "decompose", "note": "Half"},
    "cde_resumeFeature": {"feature_id": "login"},
    "cde_rollbackFeature": {"feature_id": "login", "to_phase": "define", "reason": "Again"},
    "cde_closeFeature": {"feature_id": "login", "outcome": "cancelled", "reason": "Enough"},
}
COMMANDS: dict[str, list[str]] = {
    "": [],
    "serve": [],
    "dashboard": ["--stop"],
    "init": [],
    "project info": [],
    "project settings": [],
    "project activate": [],
    "project archive": [],
    "workflow list": [],
    "workflow show": ["standard"],
    "workflow validate": [],
    "state verify": [],
    "state history": [],
    "state diff": ["1"],
    "state show": [],
    "state backups": [],
    "state export": ["--output", "copy.json"],
    "state import": ["copy.json", "--dry-run"],
    "state merge": ["copy.json", "copy.json", "copy.json"],
    "state move": ["--to-database", "--dry-run"],
    "state leave": ["fork-000000000007-1a2b3c4d.json"],
    "state restore": ["--at", "2", "--dry-run"],
    "state salvage": ["--dry-run"],
    "state compact": [],
    "doctor": [],
    "errors list": [],
    "errors show": ["20251110T120000000000-00000000"],
    "explain": ["E101"],
    "logs": [],
    "logs trace": ["a-call-that-was"],
    "logs slow": [],
    "start": ["Add more"],
    "submit": ["login", "define"],
    "status": ["login"],
    "list": [],
    "report": ["login"],
    "finish": ["login", "--yes"],
    "save": ["login", "Half"],
    "resume": ["login"],
    "grow": ["login", "standard-approved"],
    "rollback": ["login", "define", "--reason", "Again", "--dry-run"],
    "approve": ["login"],
    "waive": ["login", "AC1", "--reason", "No"],
    "check": [],
    "check run": [],
    "check set": ["--phase", "none", "--", "true"],
    "verify": [],
    "edit": ["login", "--goal", "Add a login page"],
    "close": ["login", "cancelled", "--reason", "Enough"],
    "reopen": ["login", "--reason", "Wanted"],
    "trust": ["--list"],
    "run": ["login", "--agent", "nobody"],
    "agents list": [],
    "agents test": ["nobody"],
    "agents trust": ["nobody", "--yes"],
    "health": [],
    "alerts": [],
    "alerts test": [],
    "health breakers": [],
    "health reset-breaker": ["git"],
    "connect": ["vscode", "--print"],
}
UNLOGGED = {"hook": "a client calls it again and again, and waits for it"}
"""Commands that leave no line, and why."""
REFUSED = {
    *("start", "submit"),  # the project is archived; no results are given
    *("errors show", "logs trace", "run", "agents test", "agents trust", "health reset-breaker"),
    *("state leave", "state move", "approve", "waive", "verify", "check set", "finish"),
}
"""Commands that end with 1: most ask for what does not exist."""
CURSOR = {"cursor": 5}
# Each request of the protocol: one that is answered and one that is refused.
REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "tools/list": ({}, CURSOR),
    "tools/call": ({"name": "cde_listFeatures"}, {"name": 5}),
    "resources/list": ({}, CURSOR),
    "resources/templates/list": ({}, CURSOR),
    "resources/read": ({"uri": "cde://errors/E101"}, {"uri": "cde://errors/none"}),
    "resources/subscribe": ({"uri": "cde://alerts"}, {"uri": 5}),
    "resources/unsubscribe": ({"uri": "cde://alerts"}, {"uri": 5}),
    "prompts/list": ({}, CURSOR),
    "prompts/get": ({"name": "explain_error", "arguments": {"code": "E101"}}, {"name": 5}),
    "completion/complete": (
        {
            "ref": {"type": "ref/prompt", "name": "next_phase"},
            "argument": {"name": "feature", "value": ""},
        },
        {"ref": 5},
    ),
}
UNASKED = {
    "ping": "a client sends it by itself, to see whether the server lives",
    "server/discover": "a client begins with it, before anybody wants something",
    "subscriptions/listen": "it is open until the client closes it: a test of its own",
}
"""Requests that are logged for debugging only, or not by the moment they are answered."""

# Each resource: one that is read and one that is refused.
RESOURCES: dict[str, tuple[str, str | None]] = {
    "cde://alerts": ("cde://alerts", None),
    "cde://errors/{code}": ("cde://errors/E102", "cde://errors/e"),
    "cde://project": ("cde://project", None),
    "cde://health": ("cde://health", None),
    "cde://workflows/{name}": ("cde://workflows/standard", "cde://workflows/none"),
    "cde://features/{name}": ("cde://features/login", "cde://features/none"),
    "cde://features/{name}/prompt": ("cde://features/login/prompt", "cde://features/no/prompt"),
    "cde://features/{name}/history": ("cde://features/login/history", None),
    "cde://features/{name}/outputs/{id}": ("cde://errors/E101", "cde://features/login/outputs/x"),
}
PROMPTS = {"start_feature", "next_phase", "resume_feature", "review_feature", "explain_error"}

MADE = "/dashboard/data/features/{feature}"
# Each address: one that is answered, and one that is refused where there is any.
PAGES: dict[str, tuple[str, str | None]] = {
    "/errors": ("/errors", None),
    "/errors/{code}": ("/errors/E101", "/errors/none"),
    "/dashboard": ("/dashboard", None),
    "/dashboard/operations": ("/dashboard/operations", None),
    "/dashboard/features/{feature}": ("/dashboard/features/login", None),
    f"{MADE}/outputs/{{output}}": (
        "/dashboard/data/features/login/outputs/spec",
        "/dashboard/data/features/login/outputs/none",
    ),
    f"{MADE}/outputs/{{output}}/text": (
        "/dashboard/data/features/login/outputs/spec/text",
        "/dashboard/data/features/none/outputs/spec/text",
    ),
    f"{MADE}/checks/{{phase}}": ("/dashboard/data/features/login/checks/none", None),
    f"{MADE}/checks/{{phase}}/text": ("/dashboard/data/features/login/checks/no/text", None),
    f"{MADE}/code": ("/dashboard/data/features/login/code", "/dashboard/data/features/none/code"),
    "/dashboard/features/{feature}/report": (
        "/dashboard/features/login/report",
        "/dashboard/features/none/report",
    ),
    "/{path:path}": ("/errors/", "/nothing"),
    "/dashboard/actions": ("/dashboard/actions", None),
    "/dashboard/actions/{action}": ("/dashboard/actions/dance", None),
    "/dashboard/actions/{action}/{about}": ("/dashboard/actions/note/none", None),
}
NOT_ANSWERED = {
    f"{MADE}/checks/{{phase}}",
    f"{MADE}/checks/{{phase}}/text",
    "/{path:path}",
    "/dashboard/actions/{action}",
    "/dashboard/actions/{action}/{about}",
}
POLLED = {
    "/health": ("/health", "a probe"),
    "/health/ready": ("/health/ready", "a probe"),
    "/health/metrics": ("/health/metrics", "a probe"),
    "/metrics": ("/metrics", "a scrape"),
    "/dashboard/data": ("/dashboard/data", "the page asks for it again and again"),
    "/dashboard/data/operations": ("/dashboard/data/operations", "as above"),
    "/dashboard/data/features/{feature}": ("/dashboard/data/features/none", "as above"),
    f"{MADE}/run": ("/dashboard/data/features/login/run", "as above"),
    "/dashboard/data/errors/{report}": ("/dashboard/data/errors/none", "as above"),
    "/dashboard/static/{name}": ("/dashboard/static/charts.js", "a part of a page"),
    "/dashboard/events": ("", "a stream, open as long as the page"),
}
"""Addresses that are logged for debugging only, and why."""


def leaves(command: Any, path: str = "") -> Iterator[str]:
    """Every command that does something by itself, by its words."""
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield path
    for name, each in inner.items():
        yield from leaves(each, f"{path} {name}".strip())


def assert_called(project: Path, correlation_id: str, *, refused: bool = False) -> None:
    """A call left one start and one end for each operation, where nobody asked for more."""
    lines = [
        line
        for line in lines_of(project)
        if line.get("correlation_id") == correlation_id and line["level"] != "debug"
    ]
    starts = [line["operation_id"] for line in lines if line["event"] == "operation_started"]
    ends = [line for line in lines if line["event"] in ENDS]
    assert starts, correlation_id
    assert starts == [line["operation_id"] for line in ends], correlation_id
    assert {line["event"] for line in ends} <= {"operation_finished", "operation_refused"}
    assert all(line["duration_ms"] > 0 for line in ends)
    if refused:
        assert len(ends) == 1
        assert (ends[0]["outcome"], ends[0]["error_code"] != "") == ("refused", True)
    if ends[-1]["operation"] in {"command", "mcp_request", "http_request"}:
        assert len(ends) == 1, "what a use case logs is not logged twice"


async def test_every_tool_logs_its_start_and_end_under_the_id_that_the_client_sent(
    project: Path,
) -> None:
    async with stdio_agent(project) as agent:
        listed = {tool.name for tool in (await agent.client.list_tools()).tools}
        assert listed == set(TOOLS)
        for tool, arguments in TOOLS.items():
            called = dict(arguments)
            if tool == "cde_submitWork":
                status = await agent.call("cde_getFeatureStatus", feature_id="login")
                outputs = status["phase"]["outputs"]
                called["results"] = {output["id"]: deliverable(output) for output in outputs}
            meta: Any = {"correlation_id": f"sent-{tool}"}
            result = await agent.client.call_tool(tool, called, meta=meta)
            assert not result.is_error
            assert result.structured_content is not None
            assert result.structured_content["correlation_id"] == f"sent-{tool}"
            meta = {"correlation_id": f"refused-{tool}"}
            result = await agent.client.call_tool(tool, {"no_such_argument": 1}, meta=meta)
            assert result.is_error
        trace: Any = {"traceparent": TRACEPARENT}
        traced = await agent.client.call_tool("cde_listFeatures", {"limit": 0}, meta=trace)
        own: Any = {"correlation_id": "x1"}
        with pytest.raises(MCPError) as unknown:
            await agent.client.call_tool("cde_noSuchTool", {}, meta=own)
    for tool in TOOLS:
        assert_called(project, f"sent-{tool}")
        assert_called(project, f"refused-{tool}", refused=True)
    for content, correlation_id in (
        (traced.structured_content, TRACE),
        (unknown.value.error.data, "x1"),
    ):
        assert content is not None
        assert content["correlation_id"] == correlation_id
    refused = assert_logged_whole(project, "x1")
    assert [line["operation"] for line in refused] == ["mcp_request"] * 2
    assert (refused[-1]["name"], refused[-1]["error_code"]) == ("cde_noSuchTool", "E309")
    journal = (project / ".cde" / "journal.jsonl").read_text(encoding="utf-8")
    assert '"correlation_id":"sent-cde_startFeature"' in journal
    ended = {line["operation"] for line in lines_of(project) if line["event"] in ENDS}
    assert len(ended) > len(TOOLS)  # what a server does is exposed before its first
    exposed, _ = expose(Observation(Facts(), OperationMeter(), []), "")
    assert [each for each in ended if f'operation="{each}"' not in exposed.decode()] == []


def test_every_command_logs_its_start_and_end_under_one_id(project: Path) -> None:
    found = set(leaves(whole_command()))
    assert found == {*COMMANDS, *UNLOGGED}
    assert cde(project, "start", "Login", "--name", "login").returncode == 0
    for number, (words, arguments) in enumerate(COMMANDS.items()):
        for name, given in (("sent", arguments), ("refused", ["--no-such-option"])):
            called = f"{name}-{number}-{words.replace(' ', '-')}"
            done = cde(project, *words.split(), *given, CDE_CORRELATION_ID=called)
            expected = int(words in REFUSED) if name == "sent" else 2
            assert done.returncode == expected, (words, done.stderr)
            if (name, words) == ("sent", "serve"):
                lines = [line for line in lines_of(project) if line["correlation_id"] == called]
                assert [line["event"] for line in lines] == ["server_started", "server_stopped"]
                assert lines[-1]["duration_ms"] > 0
            else:
                assert_called(project, called, refused=name == "refused")


@pytest.mark.parametrize(
    "words",
    [
        ["submit", "login"],
        ["state", "import", "missing.json"],
        ["state", "restore"],
        ["serve", "--transport", "http", "--token-file", "missing"],
        ["alerts", "--limit", "0"],
        ["nonsense"],
    ],
)
def test_a_command_that_is_refused_before_it_begins_is_logged(
    project: Path, words: list[str]
) -> None:
    elsewhere = project.parent
    at = ["--project", str(project)] if words != ["nonsense"] else []
    done = cde(project if not at else elsewhere, *words, *at, CDE_CORRELATION_ID="lost")
    assert done.returncode in {1, 2}
    assert_called(project, "lost", refused=True)
    shown = cde(project, "logs", "--correlation", "lost").stdout
    assert "operation_refused" in shown


def test_a_server_that_outlives_the_call_which_starts_it_is_no_part_of_it(project: Path) -> None:
    opened = cde(project, "dashboard", "--no-open", CDE_CORRELATION_ID="opener")
    cde(project, "dashboard", "--stop")
    assert opened.returncode == 0
    (started,) = [line for line in lines_of(project) if line["event"] == "server_started"]
    assert "opener" not in {started["correlation_id"], started.get("parent_correlation_id")}


def handled(project: Path) -> set[str]:
    """Every request that a server of the project answers."""
    served = ServedProject(project, pinned=True)
    found = set(protocol_server(build_server(served))._request_handlers)
    served.close()
    return found


def ask(project: Path, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a server over stdio answers to requests, each answered before the next."""
    server = StdioServer(project)
    answers = [server.ask(each["method"], each["params"], each["id"]) for each in requests]
    server.end()
    return answers


def test_every_request_of_the_protocol_is_logged(project: Path) -> None:
    assert handled(project) == {*REQUESTS, *UNASKED}
    requests: list[dict[str, Any]] = [
        {"id": f"{name}-{method}", "method": method, "params": {**params, "_meta": meta}}
        for method, pair in [*REQUESTS.items(), ("ping", ({}, None)), ("none", (None, {}))]
        for name, params in zip(("sent", "refused"), pair, strict=True)
        if params is not None
        for meta in [{"correlation_id": f"{name}-{method.replace('/', '-')}"}]
    ]
    answers = ask(project, requests)
    for request, answer in zip(requests, answers, strict=True):
        refused = request["id"].startswith("refused")
        assert ("error" in answer) == refused, answer
        called = request["params"]["_meta"]["correlation_id"]
        if request["method"] not in UNASKED:
            assert_called(project, called, refused=refused)
        else:
            assert [line for line in lines_of(project) if line["correlation_id"] == called] == []


async def test_every_resource_that_is_read_is_logged(project: Path) -> None:
    async with stdio_agent(project) as agent:
        fixed = (await agent.client.list_resources()).resources
        patterns = (await agent.client.list_resource_templates()).resource_templates
        found = {str(each.uri) for each in fixed} | {each.uri_template for each in patterns}
        assert found == set(RESOURCES)
        assert {each.name for each in (await agent.client.list_prompts()).prompts} == PROMPTS
    cde(project, "start", "Login", "--name", "login")
    requests: list[dict[str, Any]] = [
        {"id": uri, "method": "resources/read", "params": {"uri": uri, "_meta": meta}}
        for number, pair in enumerate(RESOURCES.values())
        for name, uri in zip(("sent", "refused"), pair, strict=True)
        if uri is not None
        for meta in [{"correlation_id": f"{name}-{number}"}]
    ]
    for request, answer in zip(requests, ask(project, requests), strict=True):
        called = request["params"]["_meta"]["correlation_id"]
        assert ("error" in answer) == called.startswith("refused")
        assert_called(project, called, refused=called.startswith("refused"))


async def test_a_stream_of_changes_is_logged_when_it_ends(project: Path) -> None:
    async with stdio_agent(project, mode="2026-07-28", CDE_LOG_LEVEL="DEBUG") as agent:
        async with agent.client.listen(resource_subscriptions=["cde://alerts"]):
            pass
        await agent.call("cde_listFeatures")
    of = [line for line in lines_of(project) if line.get("method") == "subscriptions/listen"]
    assert [line["event"] for line in of][-1] in ENDS


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The address of a server that logs for debugging."""
    monkeypatch.setenv("CDE_LOG_LEVEL", "DEBUG")
    address: str = request.getfixturevalue("http_server")
    return address.removesuffix("/mcp")


async def test_every_page_is_logged_and_what_polls_is_quiet(project: Path, pages: str) -> None:
    cde(project, "start", "Login", "--name", "login")
    served = ServedProject(project, pinned=True)
    routes = all_routes(served)
    served.close()
    assert {route.path for route in routes if isinstance(route, Route)} == {*PAGES, *POLLED}
    assert all(isinstance(route, Route) for route in routes)
    async with httpx2.AsyncClient(base_url=pages, headers=bearer(project)) as http:
        for number, pair in enumerate(PAGES.values()):
            for name, address in zip(("sent", "refused"), pair, strict=True):
                if address is not None:
                    await http.get(address, headers={"X-Correlation-ID": f"{name}-{number}"})
        for number, (address, _) in enumerate(POLLED.values()):
            if address:
                await http.get(address, headers={"X-Correlation-ID": f"polled-{number}"})
        await http.get(
            "/dashboard/data/operations?span=never", headers={"X-Correlation-ID": "bad-span"}
        )
        await http.get("/health/metrics?format=x", headers={"X-Correlation-ID": "bad-format"})
        await http.put("/mcp", headers={"X-Correlation-ID": "bad-method"})
        await http.post("/metrics", headers={"X-Correlation-ID": "bad-probe"})
        json_only = {"Content-Type": "application/json", "X-Correlation-ID": "bad-message"}
        await http.post("/mcp", content=b"{broken", headers=json_only)
        answer = await http.get("/nope", headers={"X-Correlation-ID": "no-page"})
        await http.get("/health")  # by now the line of the one before is written
    assert answer.json()["error"]["correlation_id"] == "no-page"
    for number, (path, (_, refused)) in enumerate(PAGES.items()):
        assert_called(project, f"sent-{number}", refused=path in NOT_ANSWERED)
        if refused is not None:
            assert_called(project, f"refused-{number}", refused=True)
    for called in ("bad-span", "bad-format", "bad-method", "bad-probe", "bad-message"):
        assert_called(project, called, refused=True)
    for number, (address, _) in enumerate(POLLED.values()):
        lines = [line for line in lines_of(project) if line["correlation_id"] == f"polled-{number}"]
        if address.endswith("/none"):  # a refusal is worth a line, whoever asks
            assert [(line["level"], line["event"]) for line in lines] == [
                ("info", "operation_started"),
                ("warning", "operation_refused"),
            ], address
        elif address:
            assert {line["level"] for line in lines} == {"debug"}, address
            assert {"operation_started", "operation_finished"} <= {each["event"] for each in lines}
