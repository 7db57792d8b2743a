"""How tests are let in by servers over HTTP, which ask for a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from cde_orchestrator.adapters.runners.server_file import kept_token

TOKEN = "0123456789abcdef"
"""For servers that a test gives a token."""
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def bearer(root: Path) -> dict[str, str]:
    """The header for servers of the project that make their token themselves."""
    return {"Authorization": f"Bearer {kept_token(root)[0]}"}


@asynccontextmanager
async def let_in(url: str, headers: Mapping[str, str], **options: Any) -> AsyncIterator[Client]:
    """A client of MCP over HTTP that sends these headers."""
    async with (
        httpx2.AsyncClient(headers=dict(headers), timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), **options) as client,
    ):
        yield client
