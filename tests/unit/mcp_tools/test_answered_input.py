"""Requests that are no JSON to the SDK are answered, under the id that they bear."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp.types import CallToolResult
from mcp.types.jsonrpc import PARSE_ERROR, jsonrpc_message_adapter
from pydantic import ValidationError

from cde_orchestrator.mcp_tools._answered_input import answer_to

UNREADABLE = {
    "half a surrogate pair": '"\\ud83d"',
    "a number of thousands of digits": "9" * 5_000,
    "deep nesting": "[" * 50_000 + "]" * 50_000,
}


def refused(tool: str, reason: str) -> CallToolResult:
    return CallToolResult(is_error=True, content=[], structured_content={"error": tool})


def answered(line: str) -> dict[str, Any] | None:
    with pytest.raises(ValidationError) as raised:
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    answer = answer_to(raised.value, refused)
    return None if answer is None else answer.model_dump(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("number", [7, "seven"])
def test_a_call_of_a_tool_is_refused_by_a_result(value: str, number: int | str) -> None:
    arguments = f'{{"id": 1, "name": "wrong", "nested": {{"params": {{}}}}, "text": {value}}}'
    for params in (
        f'{{"name": "cde_startFeature", "arguments": {arguments}}}',
        f'{{"arguments": {arguments}, "name": "cde_startFeature"}}',
    ):
        line = '{"params": %s, "method": "tools/call", "id": %s, "jsonrpc": "2.0"}'
        answer = answered(line % (params, json.dumps(number)))
        assert answer is not None
        assert answer["id"] == number
        assert answer["result"]["isError"] is True
        assert answer["result"]["structuredContent"] == {"error": "cde_startFeature"}


def test_another_request_is_refused_by_an_error_of_the_protocol() -> None:
    line = '{"id": 7, "method": "resources/read", "params": {"uri": "\\ud83d"}, "jsonrpc": "2.0"}'
    answer = answered(line)
    assert answer is not None
    assert answer["id"] == 7
    assert answer["error"]["code"] == PARSE_ERROR


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "no JSON",
        '{"id": "\\ud83d", "method": "tools/call"}',
        '{"id": true, "method": "\\ud83d"}',
        '{"id": 1.5, "method": "\\ud83d"}',
        '{"id": ' + "9" * 5_000 + "}",
        '{"method": "notifications/progress", "params": {"id": 7, "text": "\\ud83d"}}',
        '{"params": [{"id": 7}, "\\ud83d"]}',
        '{"jsonrpc": "2.0"}',
    ],
)
def test_what_names_no_request_gets_no_answer(line: str) -> None:
    assert answered(line) is None
