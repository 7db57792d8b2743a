"""The scripted model speaks the protocols of programs, and works by the product's real prompts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tools.agents.conversation import Call, Conversation, Heard, Part, Result, Said, Tool
from tools.agents.model import Fault, ScriptedModel
from tools.agents.player import OPENING, honest, lazy
from tools.agents.protocols import read_chat, read_gemini, read_messages, read_responses

SAID, CALLED = "I write it.", Call("Write", {"file_path": "/a", "content": "b"})


def post(address: str, body: object) -> tuple[int, str]:
    """The status and the body of an answer."""
    request = urllib.request.Request(address, json.dumps(body).encode(), method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_anthropics_messages_are_read_and_written() -> None:
    body = {
        "model": "m",
        "stream": True,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": "Write it."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "1", "name": "Write", "input": {"a": 1}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "1",
                        "content": [{"type": "text", "text": "Written."}],
                    }
                ],
            },
        ],
        "tools": [{"name": "Write", "input_schema": {}}],
    }

    assert_read(read_messages(body), "Be brief.", "Write it.")
    blocks = [each for each in streamed("/v1/messages", body) if "delta" in each.get("type", "")]
    assert blocks[0]["delta"]["text"] == SAID
    assert json.loads(blocks[1]["delta"]["partial_json"]) == CALLED.arguments
    assert blocks[2]["delta"]["stop_reason"] == "tool_use"


def test_openais_responses_are_read_and_written() -> None:
    found = {"type": "namespace", "name": "mcp__cde", "tools": [{"name": "cde_submitWork"}]}
    body = {
        "model": "m",
        "stream": True,
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Write it."}],
            },
            {"type": "function_call", "name": "Write", "call_id": "1", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "1", "output": "Written."},
            {"type": "tool_search_output", "call_id": "2", "tools": [found]},
        ],
        "tools": [{"type": "custom", "name": "Write"}, {"type": "tool_search"}],
    }

    conversation = read_responses(body)
    assert_read(conversation, "Be brief.", "Write it.")
    assert conversation.tools["cde_submitWork"] == Tool("cde_submitWork", "mcp__cde")
    done = [each for each in streamed("/v1/responses", body) if each["type"].endswith("item.done")]
    assert done[0]["item"]["content"][0]["text"] == SAID
    assert json.loads(done[1]["item"]["arguments"]) == CALLED.arguments


def test_openais_chat_is_read_and_written() -> None:
    function = {"name": "Write", "arguments": '{"a": 1}'}
    body = {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Write it."}]},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": function}]},
            {"role": "tool", "tool_call_id": "1", "content": "Written."},
        ],
        "tools": [{"type": "function", "function": {"name": "Write"}}],
    }

    assert_read(read_chat(body), "Be brief.", "Write it.")
    (first, *_) = streamed("/v1/chat/completions", body)
    delta = first["choices"][0]["delta"]
    assert delta["content"] == SAID
    assert json.loads(delta["tool_calls"][0]["function"]["arguments"]) == CALLED.arguments


def test_geminis_contents_are_read_and_written() -> None:
    call = {"functionCall": {"id": "1", "name": "Write", "args": {"a": 1}}}
    answer = {"functionResponse": {"id": "1", "name": "Write", "response": {"output": "Written."}}}
    body = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Write it."}]},
            {"role": "model", "parts": [call]},
            {"role": "user", "parts": [answer]},
        ],
        "tools": [{"functionDeclarations": [{"name": "Write"}]}],
    }

    assert_read(read_gemini(body), "Be brief.", "Write it.")
    (whole,) = streamed("/v1beta/models/m:streamGenerateContent?alt=sse", body)
    said, called = whole["candidates"][0]["content"]["parts"]
    assert said["text"] == SAID
    assert called["functionCall"]["args"] == CALLED.arguments


def assert_read(conversation: Conversation, *heard: str) -> None:
    """It has these texts, a call of ``Write`` and its result, and that tool."""
    first, second, call, result, *_ = conversation.parts
    assert [first, second] == [Heard(text) for text in heard]
    assert call == Call("Write", {"a": 1}, "1")
    assert result == Result("1", "Written.")
    assert "Write" in conversation.tools


def streamed(path: str, body: object) -> list[Any]:
    """The events by which a model answers that says something and calls a tool."""
    with ScriptedModel(lambda _: [Said(SAID), CALLED]) as model:
        status, text = post(f"{model.url}{path}", body)
    assert status == 200
    lines = [line.removeprefix("data: ") for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize(
    ("fault", "status"), [("rate limit", 429), ("overloaded", 529), ("wrong key", 401)]
)
def test_faults_meet_the_first_requests(fault: Fault, status: int) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Write it."}]}

    with ScriptedModel(honest, fault, faults=1) as model:
        statuses = [post(f"{model.url}/v1/messages", body)[0] for _ in range(2)]

    assert statuses == [status, 200]


def test_a_model_lets_nobody_wait_when_it_ends_and_is_a_proxy_to_nowhere() -> None:
    with ScriptedModel(honest, "silence") as model:
        asked = urllib.request.Request("http://example.org/v1/messages", b"{}")
        asked.set_proxy(model.url.removeprefix("http://"), "http")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked)

    assert model.refused == ["example.org"]
    assert model.requests == []


def called(moves: Any) -> list[Call]:
    """The calls among moves."""
    return [move for move in moves if isinstance(move, Call)]


def test_a_lazy_model_works_only_when_it_may_not_stop() -> None:
    gate = "# Reproduce\n\nPhase `reproduce` of workflow `quick-fix`, in `/p`; paths.\n\n"
    gate += "````markdown\n# R\n<fill: what>\n````\n"
    gate += "\n## Submit\n\n- `specs/greet/reproduction.md` (output `r`, markdown)\n"
    tools = {name: Tool(name) for name in ("Write", "cde_resumeFeature")}
    parts: list[Part] = [Heard(gate), Heard(OPENING)]

    (call,) = called(lazy(Conversation("m", parts, tools)))
    assert call.tool == "cde_resumeFeature"
    parts += [call, Result("", gate)]
    assert called(lazy(Conversation("m", parts, tools))) == []
    held = Heard("Phase reproduce of feature greet is not submitted (reminder 1 of 3).")
    (call,) = called(lazy(Conversation("m", [*parts, held], tools)))
    assert call.tool == "Write"
    assert "<fill" not in str(call.arguments)
