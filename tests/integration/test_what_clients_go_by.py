"""What clients go by beyond the tools' schemas: words, kept lists, proposals, a home page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.types import ResourceTemplateReference

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client_of(root: Path) -> AsyncIterator[Client]:
    served = ServedProject(root, pinned=True)
    served.handle(OnboardProject())
    served.handle(StartFeature(prompt="Add a login page", name="login"))
    async with Client(build_server(served)) as client:
        yield client
    served.close()


async def test_a_client_that_searches_its_tools_finds_the_others_by_words(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        listed = (await client.list_tools()).tools
    words = {tool.name: (tool.meta or {}).get("anthropic/searchHint") for tool in listed}
    assert {name: hint for name, hint in words.items() if hint} == {
        "cde_recoverState": "state history, backups",
        "cde_saveProgress": "save notes",
        "cde_getHealth": "health, alerts",
    }


async def test_every_list_that_never_changes_may_be_kept_for_an_hour(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        fixed: list[Any] = [
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resource_templates(),
        ]
        features: Any = await client.list_resources()
    assert [(each.ttl_ms, each.cache_scope) for each in fixed] == [(3_600_000, "public")] * 3
    assert (features.ttl_ms, features.cache_scope) == (0, "private")


@pytest.mark.parametrize(
    ("uri", "argument", "begun", "proposed"),
    [
        ("cde://features/{name}", "name", "LO", ["login"]),
        ("cde://features/{name}/prompt", "name", "lo", ["login"]),
        ("cde://features/{name}/history", "name", "lo", ["login"]),
        ("cde://workflows/{name}", "name", "le", ["lean"]),
        ("cde://errors/{code}", "code", "e10", [f"E10{number}" for number in range(1, 8)]),
    ],
)
async def test_addresses_of_resources_are_proposed(
    tmp_path: Path, uri: str, argument: str, begun: str, proposed: list[str]
) -> None:
    ref = ResourceTemplateReference(type="ref/resource", uri=uri)
    async with client_of(tmp_path) as client:
        found = await client.complete(ref, {"name": argument, "value": begun})
    assert found.completion.values == proposed


MOMENT = re.compile(
    r"\b(after|before|when|once|for new work|new session|current phase|choose one for|[Ll]ook at"
    r"|will not be)\b"
)


async def test_each_tool_says_when_it_is_used(tmp_path: Path) -> None:
    async with client_of(tmp_path) as client:
        listed = (await client.list_tools()).tools
    assert [
        each.name for each in listed if not MOMENT.search((each.description or "").lower())
    ] == []


@pytest.mark.parametrize(
    ("links", "address"),
    [
        (
            ["Repository, https://a.example/code", "Homepage, https://a.example"],
            "https://a.example",
        ),
        ([], None),
    ],
)
async def test_the_home_page_is_that_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: list[str], address: str | None
) -> None:
    known = Message()
    for each in links:
        known["Project-URL"] = each
    monkeypatch.setattr(metadata, "metadata", lambda name: known)
    async with client_of(tmp_path) as client:
        assert client.server_info is not None
        assert client.server_info.website_url == address
