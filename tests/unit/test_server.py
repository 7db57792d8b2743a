"""Which project a server serves, and by which names it may be asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult
from structlog.testing import capture_logs

from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.domain.exceptions import CDEError, ProjectError
from cde_orchestrator.mcp_tools import all_tools
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from cde_orchestrator.web.guards import names_of


def test_an_onboarding_that_fails_does_not_change_what_is_served(tmp_path: Path) -> None:
    home = tmp_path / "home"
    broken, good = home / "broken", home / "good"
    for folder in (home, broken / ".cde", good):
        folder.mkdir(parents=True)
    (broken / ".cde" / "workflow.yml").write_text("[")
    served = ServedProject(home, pinned=False)

    with pytest.raises(CDEError) as failed:
        served.onboard(str(broken), OnboardProject())
    assert failed.value.code == "E310"
    assert served.application.root == home

    served.onboard(str(good), OnboardProject())
    assert served.application.root == good
    with pytest.raises(ProjectError) as refused:
        served.onboard(str(home), OnboardProject())
    assert refused.value.code == "E006"
    served.close()


@pytest.mark.parametrize(
    ("host", "address", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2"),
        ("LOCALHOST", "127.0.0.1", "localhost"),
        ("ip6-localhost", "::1", "::1"),
        ("here", "::ffff:127.0.0.1", "here"),
    ],
)
def test_a_local_server_is_guarded_whatever_it_is_called(
    host: str, address: str, name: str
) -> None:
    names = names_of(host, address)

    assert names.know(name)
    assert not names.any_number
    assert not names.know("some.host")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_a_server_on_a_network_is_guarded_too(address: str) -> None:
    names = names_of("some.host", address, ["Other.host"])

    assert all(names.know(each) for each in ("some.host", "other.host", "192.0.2.7"))
    assert not names.know("evil.example")


def test_tools_that_cannot_be_imported_are_an_answer_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object) -> None:
        raise ImportError("No module named 'lost'")

    server = build_server(ServedProject(tmp_path, pinned=True))
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(all_tools, "register_all", lacking)
        refused = asyncio.run(server.call_tool("cde_listFeatures", {}))
        with pytest.raises(CDEError) as caught:
            asyncio.run(server.list_tools())
    assert isinstance(refused, CallToolResult)
    assert refused.structured_content is not None
    assert refused.structured_content["error"]["code"] == "E999"
    assert caught.value.code == "E999"
    assert [each["event"] for each in logs].count("tools_not_loaded") == 2

    assert len(asyncio.run(server.list_tools())) > 10


@pytest.mark.anyio
async def test_a_call_that_its_schema_refuses_counts_as_a_refusal_whatever_its_name(
    tmp_path: Path,
) -> None:
    served = ServedProject(tmp_path, pinned=True)
    server = build_server(served)
    for name, arguments in (
        ("cde_listFeatures", {"no_such_argument": 1}),
        ("cde_listFeatures", {"limit": "many"}),
        ("cde_saveProgress", {}),
    ):
        refused = await server.call_tool(name, dict(arguments))
        assert isinstance(refused, CallToolResult)
        assert refused.is_error
    async with Client(server) as client:
        for name in ("cde_noSuchTool", "another"):
            with pytest.raises(MCPError):
                await client.call_tool(name, {})
    totals, _ = served.application._meter.totals()
    assert {name: dict(each.outcomes) for name, each in totals.items()} == {
        "mcp_request": {("refused", "E305"): 3, ("refused", "E309"): 2}
    }
    served.close()
