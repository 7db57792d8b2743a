"""Fixtures that ask the client something: by requests of their own, or by their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    MissingRequiredClientCapabilityErrorData,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

Answer = CallToolResult | InputRequiredResult


def form(message: str, **kinds: str) -> ElicitRequest:
    """A question with a field of each kind, all of them required."""
    fields = {name: {"type": kind} for name, kind in kinds.items()}
    schema = {"type": "object", "properties": fields, "required": [*kinds]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(words: str, most: int = 100) -> CreateMessageRequest:
    """A question to the client's model."""
    asked = SamplingMessage(role="user", content=TextContent(type="text", text=words))
    params = CreateMessageRequestParams(messages=[asked], max_tokens=most)
    return CreateMessageRequest(params=params)


ASKED: Mapping[str, tuple[list[dict[str, Any]], bool]] = {
    "elicitation": ([{"user_name": form("What is your name?", name="string")}], False),
    "sampling": ([{"capital_question": sampling("What is the capital of France?")}], False),
    "list_roots": ([{"client_roots": ListRootsRequest()}], False),
    "request_state": ([{"confirm": form("Please confirm", ok="boolean")}], True),
    "tampered_state": ([{"confirm": form("Please confirm", ok="boolean")}], True),
    "multiple_inputs": (
        [
            {
                "user_name": form("What is your name?", name="string"),
                "greeting": sampling("Generate a greeting", 50),
                "client_roots": ListRootsRequest(),
            }
        ],
        True,
    ),
    "multi_round": (
        [
            {"step1": form("Step 1: What is your name?", name="string")},
            {"step2": form("Step 2: What is your favorite color?", color="string")},
        ],
        True,
    ),
}
"""What each tool asks for, round by round, and whether its state goes along."""


def add_questions(server: MCPServer[Any]) -> None:
    """Add what asks in either way."""
    for name, (rounds, stated) in ASKED.items():
        server.add_tool(
            _asking(rounds, stated=stated),
            name=f"test_input_required_result_{name}",
            description="Ask something",
            structured_output=False,
        )
    server.add_tool(
        _asking(ASKED["elicitation"][0], stated=False),
        name="test_streaming_elicitation",
        description="Ask something",
        structured_output=False,
    )

    @server.tool(structured_output=False)
    def test_input_required_result_capabilities(context: Context) -> Answer:
        """Test input required result capabilities."""
        able = context.client_capabilities or ClientCapabilities()
        wanted: dict[str, Any] = {}
        if able.sampling is not None:
            wanted["question"] = sampling("What is the capital of France?")
        if able.elicitation is not None:
            wanted["name"] = form("What is your name?", name="string")
        if not wanted or wanted.keys() <= (context.input_responses or {}).keys():
            return _done("Nothing else is asked")
        return InputRequiredResult(input_requests=wanted)

    @server.tool()
    def test_missing_capability(context: Context) -> str:
        """Test missing capability."""
        able = context.client_capabilities
        if able is None or able.sampling is None:
            required = ClientCapabilities(sampling=SamplingCapability())
            data = MissingRequiredClientCapabilityErrorData(required_capabilities=required)
            raise MCPError(
                MISSING_REQUIRED_CLIENT_CAPABILITY,
                "It needs sampling",
                data.model_dump(by_alias=True, exclude_none=True),
            )
        return "It is there"

    @server.prompt()
    def test_input_required_result_prompt(context: Context) -> str | InputRequiredResult:
        """Test input required result prompt."""
        given = (context.input_responses or {}).get("user_context")
        if given is None:
            asked = form("What context should the prompt use?", context="string")
            return InputRequiredResult(input_requests={"user_context": asked})
        return f"The context: {getattr(given, 'content', None)}"

    _add_requests(server)


def _add_requests(server: MCPServer[Any]) -> None:
    async def asked(context: Context, message: str, schema: dict[str, Any]) -> str:
        session, number = context.request_context.session, context.request_id
        result = await session.elicit_form(message, schema, number)
        content = json.dumps(result.content or {})
        return f"Elicitation completed: action={result.action}, content={content}"

    @server.tool()
    async def test_elicitation(message: str, context: Context) -> str:
        """Test elicitation."""
        text = {"username": "User's response", "email": "User's email address"}
        fields = {name: {"type": "string", "description": each} for name, each in text.items()}
        schema = {"type": "object", "properties": fields, "required": [*fields]}
        return (await asked(context, message, schema)).replace("Elicitation completed", "User")

    @server.tool()
    async def test_elicitation_sep1034_defaults(context: Context) -> str:
        """Test elicitation sep1034 defaults."""
        return await asked(context, "Please answer", {"type": "object", "properties": DEFAULTS})

    @server.tool()
    async def test_elicitation_sep1330_enums(context: Context) -> str:
        """Test elicitation sep1330 enums."""
        return await asked(context, "Please choose", {"type": "object", "properties": CHOICES})


def _asking(rounds: list[dict[str, Any]], *, stated: bool) -> Any:
    def ask(context: Context) -> Answer:
        number = int(context.request_state or 0)
        given = context.input_responses or {}
        if rounds[number].keys() <= given.keys() and all(
            _is_answer(given[key]) for key in rounds[number]
        ):
            number += 1
        if number == len(rounds):
            said = {key: each.model_dump(mode="json") for key, each in given.items()}
            return _done(f"state-ok: {json.dumps(said)}")
        state = str(number) if stated else None
        return InputRequiredResult(input_requests=rounds[number], request_state=state)

    return ask


def _is_answer(given: Any) -> bool:
    return getattr(given, "action", "accept") != "accept" or getattr(given, "content", 1) != {}


def _done(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
_OPTIONS = ["option1", "option2", "option3"]
_TITLED = [
    {"const": f"value{number}", "title": f"{which} Option"}
    for number, which in enumerate(("First", "Second", "Third"), 1)
]
CHOICES: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": _OPTIONS},
    "titledSingle": {"type": "string", "oneOf": _TITLED},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
}
