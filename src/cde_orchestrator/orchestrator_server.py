"""What answers clients: tools, their boundary, prompts; a failure is a code with fixes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from anyio import CancelScope, move_on_after, to_thread
from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolResult,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    Tool,
)
from pydantic.networks import AnyUrl

from cde_orchestrator.domain.exceptions import CDEError, CDESystemError, ValidationError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.observability.correlation import (
    CallContext,
    calling,
    offering,
)
from cde_orchestrator.infrastructure.observability.operations import MCP_REQUEST
from cde_orchestrator.infrastructure.system.cancellation import cancellable
from cde_orchestrator.infrastructure.system.installation import unexpected
from cde_orchestrator.mcp_tools._answered_input import AnsweredInput
from cde_orchestrator.mcp_tools._boundary import add_notice, as_cde_error, error_result, text_of
from cde_orchestrator.mcp_tools._refusals import protocol_error
from cde_orchestrator.mcp_tools.pipes import standard_pipes
from cde_orchestrator.mcp_tools.resources import refusal
from cde_orchestrator.mcp_tools.sdk import input_schema, protocol_server
from cde_orchestrator.served_project import ServedProject

GRACE_SECONDS = 3
"""How long a change may take that is being written when its call is cancelled."""

NOTICE_SECONDS = 5
"""After which a refusal goes without what a person has to decide."""

log = get_logger(__name__)


class OrchestratorServer(MCPServer[None]):
    """An MCP server whose every tool answers a failure with a code and fixes.

    Args:
        served: the project served.
        core: whether only the tools of the loop are listed; the others can be called, too, but no
            answer names them.
        options: as of ``MCPServer``.
    """

    def __init__(self, served: ServedProject, *, core: bool = False, **options: Any) -> None:
        super().__init__("cde-orchestrator", **options)
        self._served = served
        self._core = core
        self._late: set[asyncio.Task[Any]] = set()
        self._has_tools = False
        self._has_prompts = False

    def add_tools(self) -> None:
        """Import and add all tools, unless they are there; a session begins without them.

        Raises:
            CDESystemError: E931 or E999, the installation lacks something that they import.
        """
        if self._has_tools:
            return
        try:
            from cde_orchestrator.mcp_tools.all_tools import register_all

            register_all(self, self._served)
        except Exception as error:
            log.exception("tools_not_loaded")
            raise unexpected(error) from error
        self._has_tools = True

    async def list_tools(self) -> list[Tool]:
        """All tools, or those of the loop."""
        self.add_tools()
        from cde_orchestrator.mcp_tools.all_tools import core_of

        tools = await super().list_tools()
        return core_of(tools) if self._core else tools

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[None, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Run a tool; errors of the product are results, but for a tool that does not exist.

        Raises:
            MCPError: E309, with the error as its data.
        """
        try:
            self.add_tools()
            with self._offering():
                result = await self._in_time(name, self._stated(name, arguments), context)
        except (ToolError, CDEError) as raised:
            result = self._refusal(raised, name, arguments)
            with move_on_after(NOTICE_SECONDS):
                await to_thread.run_sync(add_notice, result, self._served, abandon_on_cancel=True)
        return result

    def _offering(self) -> AbstractContextManager[CallContext]:
        """What answers to a call may name."""
        if not self._core:
            return offering(None)
        from cde_orchestrator.mcp_tools.all_tools import CORE

        return offering(CORE)

    async def list_prompts(self) -> list[Prompt]:
        """All prompts, which are made when somebody asks for them."""
        if not self._has_prompts:
            from cde_orchestrator.mcp_tools import prompts

            prompts.register(self, self._served)
            self._has_prompts = True
        return await super().list_prompts()

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[None, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Fill in a prompt.

        Raises:
            MCPError: there is no such prompt or argument; or an error of the product, as its data.
        """
        listed = await self.list_prompts()
        from cde_orchestrator.mcp_tools.prompts import stated

        given = stated(listed, name, arguments)
        with self._offering():
            try:
                return await super().get_prompt(name, given, context)
            except ValueError as raised:
                error = as_cde_error(raised)
                if error is None:
                    raise
                code = INTERNAL_ERROR if error.is_failure else INVALID_PARAMS
                raise protocol_error(error, code, prompt=name) from error

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[None, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource.

        Raises:
            MCPError: there is none, in the words of the client's revision; or an error of the
                product, as its data.
        """
        with self._offering():
            try:
                return await super().read_resource(uri, context)
            except ResourceError as raised:
                refused = refusal(raised, str(uri), context.protocol_version if context else None)
                if refused is None:
                    raise
                raise refused from raised

    async def run_stdio_async(self) -> None:
        """Serve over standard input and output; a call that is no JSON is answered, too."""
        with standard_pipes() as pipes:
            async with stdio_server(*pipes) as (incoming, outgoing):
                server = protocol_server(self)
                answered = AnsweredInput(incoming, outgoing, self._refuse_unreadable)
                await server.run(answered, outgoing, server.create_initialization_options())

    def _refuse_unreadable(self, name: str, reason: str) -> CallToolResult:
        with calling("mcp"):
            error = ValidationError.of("E305", argument="arguments", reason=reason)
            return self._refusal(error, name, {})

    def _refusal(
        self, raised: Exception, name: str, arguments: Mapping[str, Any]
    ) -> CallToolResult:
        about = {"method": "tools/call", "name": name}
        ended = self._served.end_call(MCP_REQUEST, as_cde_error(raised) or raised, about, arguments)
        with self._offering():
            return error_result(ended or CDESystemError.of("E999"), self._served.place)

    async def _in_time(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        """The tool's answer; what takes too long goes on, for no change is cut in half.

        Where the client cancels the call, what runs for it, a check or tests, is ended.

        Raises:
            CDESystemError: E923, there is no answer in time.
        """
        seconds = self._served.application.settings.call_timeout_seconds
        with cancellable() as cancellation:
            work = asyncio.create_task(self._trusted(name, arguments, context))
        self._late.add(work)
        work.add_done_callback(self._late.discard)
        try:
            finished, _ = await asyncio.wait({work}, timeout=seconds)
        except asyncio.CancelledError:
            work.add_done_callback(_take_no_answer)
            if cancellation.cancel():
                with CancelScope(shield=True):
                    await asyncio.wait({work}, timeout=GRACE_SECONDS)
            raise
        if not finished:
            work.add_done_callback(_log_late_answer)
            raise CDESystemError.of("E923", tool=name, seconds=seconds)
        return work.result()

    async def _trusted(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        """The tool's answer, once more where a person was asked for trust in between.

        Raises:
            ToolError: what the tool raised.
            CDEError: as of ``trust_by_person``.
        """
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as raised:
            refusal = as_cde_error(raised)
            if refusal is None or context is None:
                raise
            from cde_orchestrator.asked_trust import ASKED_ABOUT, trust_by_person

            if refusal.code not in ASKED_ABOUT:
                raise
            asked = await to_thread.run_sync(trust_by_person, self._served, context, refusal)
            if asked is False:
                raise
        return asked if asked is not True else await super().call_tool(name, arguments, context)

    def _stated(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that say something.

        Clients fill in those that they could omit, with null or an empty text; only a value of
        any kind may be an empty text.

        Raises:
            ValidationError: E305, there is no such argument.
            MCPError: E309, there is no such tool.
        """
        schema = input_schema(self, name)
        if schema is None:
            unknown = ValidationError.of("E309", tool=name)
            result = error_result(unknown, self._served.place)
            raise MCPError(INVALID_PARAMS, text_of(result), result.structured_content) from unknown
        known = schema.get("properties", {})
        for argument in arguments:
            if argument not in known:
                reason = f"the tool takes: {', '.join(known) or 'no arguments'}"
                raise ValidationError.of("E305", argument=argument, reason=reason)
        required = schema.get("required", [])

        def is_omitted(argument: str, value: Any) -> bool:
            is_any = {"type": "string"} in known[argument].get("anyOf", ())
            return argument not in required and (value is None or (value == "" and not is_any))

        return {key: value for key, value in arguments.items() if not is_omitted(key, value)}


def _take_no_answer(work: asyncio.Task[Any]) -> None:
    """Nobody waits for it any more; how it ended is in the log of its operation."""
    if not work.cancelled():
        work.exception()


def _log_late_answer(work: asyncio.Task[Any]) -> None:
    failed = not work.cancelled() and work.exception() is not None
    log.warning("answer_came_late", cancelled=work.cancelled(), failed=failed)
