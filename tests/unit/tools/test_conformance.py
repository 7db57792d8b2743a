"""What the protocol's suites find is compared with the list of exceptions, both ways."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest
from mcp.client.client import Client

from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.conformance.fixtures import add_fixtures
from tools.conformance import EXCEPTIONS, RUNS, problems_with


def test_what_fails_is_listed_and_what_is_listed_fails() -> None:
    found = {"ping": True, "caching": False, "tasks": False}

    assert problems_with(found, {"caching": "not built", "tasks": "not offered"}) == []
    assert problems_with(found, {"caching": "not built"}) == ["tasks fails"]
    stale = problems_with(found, {"caching": "a", "tasks": "b", "ping": "c", "gone": "d"})
    assert [each.partition(" ")[0] for each in stale] == ["gone", "ping"]


def test_every_exception_has_a_reason_and_belongs_to_a_run() -> None:
    listed = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))

    assert set(listed) <= {*RUNS, "inspector"}
    assert all(reason for table in listed.values() for reason in table.values())


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
def test_the_fixtures_are_offered_by_the_products_own_server(tmp_path: Path, mode: str) -> None:
    served = ServedProject(tmp_path, pinned=True)
    server = build_server(served)
    server.add_tools()
    add_fixtures(server)

    async def names() -> set[str]:
        async with Client(server, mode=mode) as client:
            return {each.name for each in (await client.list_tools()).tools}

    assert {"cde_startFeature", "test_simple_text", "test_missing_capability"} <= asyncio.run(
        names()
    )
    served.close()
