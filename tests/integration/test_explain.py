"""What a code means is told alike to agents, people, browsers and programs; errors too."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from starlette.testclient import TestClient

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_app, build_server
from tests import command_line
from tests.command_line import in_words
from tests.integration.mcp_client import Agent, text_of
from tests.let_in import TOKEN

pytestmark = pytest.mark.anyio

ERROR_KEYS = {
    "code",
    "title",
    "message",
    "severity",
    "recoverable",
    "context",
    "suggestions",
    "fixes",
    "docs",
    "correlation_id",
    "report_id",
    "timestamp",
}


UNTRUSTED_AGENT = ("run", "--prompt", "Add a login page", "--agent", "claude")


@contextmanager
def browser(project: Path) -> Iterator[TestClient]:
    """A client of the server's HTTP side."""
    served = ServedProject(project, pinned=True)
    app = build_app(served, host="127.0.0.1", address="127.0.0.1", token=TOKEN)
    with TestClient(app, base_url="http://127.0.0.1:8787") as client:
        yield client


def command(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return in_words(command_line.cde(*words, cwd=cwd, environment={**os.environ, **environment}))


async def test_an_agent_can_ask_about_a_code_and_about_all(project: Path) -> None:
    async with Client(build_server(ServedProject(project, pinned=True))) as client:
        agent = Agent(client)
        one = await agent.raw("cde_explainError", {"code": "e101"})
        every = await agent.call("cde_explainError")
        resource = (await client.read_resource("cde://errors/E101")).contents[0]

    assert one.structured_content is not None
    assert one.structured_content["explanation"]["code"] == "E101"
    assert 'cde_setProjectStatus(status="active")' in text_of(one)
    codes = [row["code"] for family in every["families"] for row in family["codes"]]
    assert codes == list(ERROR_MESSAGES)
    assert getattr(resource, "text", "").startswith("# E101: Feature Creation Failed")
    assert resource.mime_type == "text/markdown"


async def test_a_resource_of_an_unknown_code_is_refused_with_a_code(project: Path) -> None:
    async with Client(build_server(ServedProject(project, pinned=True))) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource("cde://errors/E777")

    assert caught.value.error.data["error"]["code"] == "E321"


async def test_every_surface_gives_the_same_object(project: Path) -> None:
    async with Client(build_server(ServedProject(project, pinned=True))) as client:
        over_mcp = await Agent(client).refused("cde_explainError", code="E777")
    told = json.loads(command("explain", "E777", "--json", cwd=project).stdout)["error"]
    with browser(project) as client_of_http:
        over_http: dict[str, Any] = client_of_http.get("/errors/E777").json()["error"]

    assert set(over_mcp) == set(told) == set(over_http) == ERROR_KEYS
    for key in ("code", "title", "message", "fixes", "severity", "docs"):
        assert over_mcp[key] == told[key] == over_http[key]
    assert told["suggestions"] == over_http["suggestions"]
    assert over_mcp["suggestions"][1] == "See all codes: cde_explainError()"


async def test_an_error_names_its_call_and_its_report(project: Path) -> None:
    told = json.loads(
        command(*UNTRUSTED_AGENT, "--json", cwd=project, CDE_CORRELATION_ID="from-outside").stdout
    )["error"]
    shown = json.loads(command("errors", "show", told["report_id"], "--json", cwd=project).stdout)

    assert told["correlation_id"] == "from-outside"
    assert shown["report"]["correlation_id"] == "from-outside"
    assert shown["report"]["code"] == "E912"
    panel = command(*UNTRUSTED_AGENT, cwd=project).stderr
    assert "cde errors show " in panel


async def test_the_same_refusal_is_listed_once_and_found_by_each_of_its_ids(project: Path) -> None:
    ids = [
        json.loads(command(*UNTRUSTED_AGENT, "--json", cwd=project).stdout)["error"]["report_id"]
        for _ in range(3)
    ]
    listed = json.loads(command("errors", "list", "--json", cwd=project).stdout)["reports"]
    assert [(each["id"], each["code"], each["count"]) for each in listed] == [(ids[2], "E912", 3)]
    assert " 3 E912 " in " ".join(command("errors", "list", cwd=project).stdout.split())
    for each in ids:
        shown = command("errors", "show", each, cwd=project).stdout
        assert "3, first at 2" in shown
        assert ids[2] in shown


async def test_an_error_from_before_any_operation_leaves_a_report_too(project: Path) -> None:
    async with Client(build_server(ServedProject(project, pinned=True))) as client:
        error = await Agent(client).refused("cde_onboardProject", path="/nowhere", name="shop")

    assert error["code"] == "E001"
    report = json.loads((project / ".cde" / "errors" / f"{error['report_id']}.json").read_text())
    assert set(report["operation"]["arguments"]) == {"path", "name"}


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("cde_startFeature", {"prompt": ["a"]}, "E305"),
        ("cde_startFeature", {"promt": "a"}, "E305"),
        ("cde_startFeature", {"prompt": ""}, "E301"),
        ("cde_getFeatureStatus", {"feature_id": "nope"}, "E102"),
    ],
)
async def test_a_slip_of_an_agent_leaves_no_report(
    project: Path, tool: str, arguments: dict[str, Any], code: str
) -> None:
    async with Client(build_server(ServedProject(project, pinned=True))) as client:
        agent = Agent(client)
        error = await agent.refused(tool, **arguments)
        text = text_of(await agent.raw(tool, arguments))
        with pytest.raises(MCPError):
            await agent.raw("cde_nothing", {"token": "hunter2"})

    assert (error["code"], error["report_id"]) == (code, None)
    assert "Report:" not in text
    assert json.loads(command("errors", "list", "--json", cwd=project).stdout)["reports"] == []


async def test_a_code_has_a_page_that_runs_nothing(project: Path) -> None:
    with browser(project) as client:
        page = client.get("/errors/E101", headers={"Accept": "text/html"})
        index = client.get("/errors", headers={"Accept": "text/html"})
        unknown = client.get("/errors/<script>", headers={"Accept": "text/html"})

    assert (page.status_code, index.status_code, unknown.status_code) == (200, 200, 404)
    assert "Feature Creation Failed" in page.text
    assert all(f'href="/errors/{code}"' in index.text for code in ERROR_MESSAGES)
    for answer in (page, index, unknown):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example:8787"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Origin": "http://127.0.0.1:8787"}, 200),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
async def test_no_page_of_another_host_reaches_a_local_server(
    project: Path, headers: dict[str, str], status: int
) -> None:
    with browser(project) as client:
        answers = [client.get(path, headers=headers) for path in ("/errors", "/errors/E101")]

    assert [answer.status_code for answer in answers] == [status, status]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
    ],
)
@pytest.mark.parametrize("path", ["/errorsx", "/mcp", "/nothing"])
async def test_without_the_token_nothing_is_answered(
    project: Path, headers: dict[str, str], path: str
) -> None:
    with browser(project) as client:
        answer = client.get(path, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="cde"'
    assert answer.json()["error"]["code"] == "E902"
    assert TOKEN not in answer.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}"}])
async def test_what_a_code_means_is_answered_to_anybody(
    project: Path, headers: dict[str, str]
) -> None:
    with browser(project) as client:
        every = client.get("/errors", headers=headers)
        one = client.get("/errors/E921", headers={**headers, "Accept": "text/html"})
        unknown = client.get("/errors/E777", headers=headers)

    assert (every.status_code, one.status_code, unknown.status_code) == (200, 200, 404)
    assert str(project) not in every.text + one.text + unknown.text


async def test_with_the_token_everything_is_answered(project: Path) -> None:
    with browser(project) as client:
        answer = client.get("/errors/E101", headers={"authorization": f"bearer {TOKEN}"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "words",
    [
        ["explain"],
        ["explain", "E101"],
        ["errors", "list"],
        ["project", "settings"],
    ],
)
async def test_people_are_told_in_words_and_programs_in_json(
    project: Path, words: list[str]
) -> None:
    for_people = command(*words, cwd=project)
    for_programs = command(*words, "--json", cwd=project)

    assert for_people.returncode == for_programs.returncode == 0
    assert for_people.stdout
    assert json.loads(for_programs.stdout)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["statusx"], "E323"),
        (["list", "--limit", "many"], "E323"),
        (["start"], "E323"),
        (["--nothing"], "E323"),
    ],
)
async def test_what_the_parser_does_not_understand_is_refused_and_leaves_no_report(
    project: Path, words: list[str], code: str
) -> None:
    refused = command(*words, "--json", cwd=project)
    told = command(*words, cwd=project)

    assert (refused.returncode, told.returncode) == (2, 2)
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == code
    assert error["report_id"] is None
    assert code in told.stderr
    assert not (project / ".cde" / "errors").exists()


@pytest.mark.parametrize("words", [["help"], ["help", "start"], ["--help"], ["start", "--help"]])
async def test_help_is_no_error(project: Path, words: list[str]) -> None:
    shown = command(*words, cwd=project)

    assert "E323" not in shown.stdout + shown.stderr
    assert "Usage" in shown.stdout + shown.stderr
    assert not (project / ".cde" / "errors").exists()


async def test_a_bad_setting_of_the_environment_is_told(project: Path) -> None:
    refused = command("list", "--json", cwd=project, CDE_LOG_LEVEL="LOUD")

    error = json.loads(refused.stdout)["error"]
    assert (error["code"], error["context"]["setting"]) == ("E314", "CDE_LOG_LEVEL")
    shown = command("project", "settings", cwd=project, CDE_LOG_LEVEL="LOUD")
    assert "LOUD" in shown.stdout
