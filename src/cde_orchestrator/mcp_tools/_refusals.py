"""How prompts and resources refuse, which have no results that could be errors."""

from __future__ import annotations

from typing import Any

from mcp.shared.exceptions import MCPError

from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.mcp_tools._offered import offered


def protocol_error(error: CDEError, code: int, **about: Any) -> MCPError:
    """The error as one of the protocol: the words of the catalogue, and the object as its data."""
    payload = ErrorFormatter.payload(error, Reader.AGENT, offered())
    text = ErrorFormatter.format(error, Reader.AGENT, offered())
    return MCPError(code, text, {**about, "error": payload})
