"""How a tool is made: with what it does to the project, which clients go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial, wraps
from types import MethodType
from typing import Any

from mcp.server import MCPServer
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations

from cde_orchestrator.mcp_tools._boundary import Service, add_notice
from cde_orchestrator.mcp_tools._fitting import REPLY_LIMIT


def _hints(**hints: bool) -> ToolAnnotations:
    return ToolAnnotations.model_validate({"open_world_hint": False, **hints})


LOOP = {"anthropic/alwaysLoad": True, "anthropic/maxResultSizeChars": REPLY_LIMIT}
"""Of a tool of every session: a client that searches its tools keeps it in view all the same."""


def found_by(words: str) -> dict[str, Any]:
    """Of a tool that a client which searches its tools finds by these words."""
    return {"anthropic/searchHint": words}


class Effect(Enum):
    """What a tool does to the project, in the protocol's words; none reaches outside of it.

    What a tool leaves out, clients take for destructive and open to the world: they ask a
    person before such a call, and refuse it where there is none.
    """

    READS = _hints(read_only_hint=True)
    ADDS = _hints(destructive_hint=False)
    SETS = _hints(destructive_hint=False, idempotent_hint=True)
    TAKES_BACK = _hints(destructive_hint=True, idempotent_hint=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, with the name, the docstring and the arguments of a function but its first.

    Attributes:
        effect: what it does to the project.
        title: what clients show people for its name.
        meta: what clients do with it beyond the protocol.
        function: what runs.
    """

    effect: Effect
    title: str
    meta: dict[str, Any] | None
    function: Callable[..., CallToolResult | InputRequiredResult]

    @property
    def name(self) -> str:
        """Its name, which is the function's."""
        return self.function.__name__

    def add_to(self, server: MCPServer, service: Service) -> None:
        """Offer the tool; ``service`` is the function's first argument."""
        function = MethodType(self.function, service)

        @wraps(function)
        def noticed(*arguments: Any, **named: Any) -> CallToolResult | InputRequiredResult:
            result: CallToolResult | InputRequiredResult = function(*arguments, **named)
            if isinstance(result, CallToolResult):
                add_notice(result, service)  # in this thread: another one would take as long again
            return result

        server.add_tool(
            noticed,
            description=" ".join((self.function.__doc__ or "").split()),
            annotations=self.effect.value.model_copy(update={"title": self.title}),
            meta=self.meta,
            structured_output=False,
        )


def tool(
    effect: Effect, title: str, meta: dict[str, Any] | None = None
) -> Callable[[Callable[..., CallToolResult | InputRequiredResult]], Tool]:
    """Make a tool of the decorated function; clients read its docstring."""
    return partial(Tool, effect, title, meta)
