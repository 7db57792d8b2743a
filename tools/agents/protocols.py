"""The protocols that programs speak with models: reading a request, and writing an answer.

Each is a pair of functions. ``read`` makes a conversation of a request's body; ``write`` makes the
whole answer and the events that it is streamed as, each with its name, if it has one.

Sources: the public references of Anthropic's Messages, OpenAI's Responses and Chat Completions, and
Gemini's ``generateContent``.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tools.agents.conversation import Call, Conversation, Heard, Move, Part, Result, Said, Tool

Json: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str, Json]
Read: TypeAlias = Callable[[Json], Conversation]
Write: TypeAlias = Callable[[str, Sequence[Move]], tuple[Json, list[Event]]]

SEARCH = "tool_search"
"""The tool of the Responses API by which a model finds tools that it was not given."""
INPUT_TOKENS, OUTPUT_TOKENS = 1_000, 50
_numbers = itertools.count(1)


def _new(prefix: str) -> str:
    return f"{prefix}_{next(_numbers)}"


def _text(content: Any) -> str:
    """The text of a message's content, which is text, or a list of parts that have some."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(map(_text, content))
    if isinstance(content, dict):
        return _text(content.get("text", content.get("content", "")))
    return ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def _calls(moves: Sequence[Move]) -> list[Call]:
    return [move for move in moves if isinstance(move, Call)]


# Anthropic Messages


def read_messages(body: Json) -> Conversation:
    """A request of Anthropic's Messages API."""
    parts: list[Part] = [Heard(_text(body.get("system")))]
    for message in body.get("messages", []):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            match block["type"]:
                case "text":
                    known = Said if message["role"] == "assistant" else Heard
                    parts.append(known(block["text"]))
                case "tool_use":
                    parts.append(Call(block["name"], block["input"], block["id"]))
                case "tool_result":
                    parts.append(Result(block["tool_use_id"], _text(block.get("content"))))
    tools = {each["name"]: Tool(each["name"]) for each in body.get("tools", [])}
    return Conversation(body["model"], parts, tools, bool(body.get("stream")))


def write_messages(model: str, moves: Sequence[Move]) -> tuple[Json, list[Event]]:
    """An answer of Anthropic's Messages API."""
    blocks = [
        {"type": "text", "text": move.text}
        if isinstance(move, Said)
        else {"type": "tool_use", "id": _new("toolu"), "name": move.tool, "input": move.arguments}
        for move in moves
    ]
    usage = {
        "input_tokens": INPUT_TOKENS,
        "output_tokens": OUTPUT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    reason = "tool_use" if _calls(moves) else "end_turn"
    ending = {"stop_reason": reason, "stop_sequence": None}
    whole: Json = {"id": _new("msg"), "type": "message", "role": "assistant", "model": model}
    whole |= {"content": blocks, "usage": usage, **ending}
    events: list[Event] = [
        ("message_start", {"message": {**whole, "content": [], "stop_reason": None}})
    ]
    empty: Json
    delta: Json
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            written = json.dumps(block["input"])
            empty, delta = {"input": {}}, {"type": "input_json_delta", "partial_json": written}
        events += [
            ("content_block_start", {"index": index, "content_block": {**block, **empty}}),
            ("content_block_delta", {"index": index, "delta": delta}),
            ("content_block_stop", {"index": index}),
        ]
    events += [("message_delta", {"delta": ending, "usage": usage}), ("message_stop", {})]
    return whole, [(name, {"type": name, **data}) for name, data in events]


# OpenAI Responses


def read_responses(body: Json) -> Conversation:
    """A request of OpenAI's Responses API."""
    parts: list[Part] = [Heard(body.get("instructions") or "")]
    given = body.get("input", [])
    offered = [*(body.get("tools") or [])]
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        match item.get("type", "message"):
            case "message":
                known = Said if item["role"] == "assistant" else Heard
                parts.append(known(_text(item["content"])))
            case "tool_search_call":
                parts.append(Call(SEARCH, item["arguments"], item["call_id"]))
            case "tool_search_output":
                parts.append(Result(item["call_id"], json.dumps(item["tools"])))
                offered += item["tools"]
            case "function_call":
                arguments = _parsed(item["arguments"])
                parts.append(Call(item["name"], arguments, item["call_id"]))
            case "custom_tool_call":
                parts.append(Call(item["name"], item["input"], item["call_id"]))
            case "function_call_output" | "custom_tool_call_output":
                parts.append(Result(item["call_id"], _text(item["output"])))
    tools: dict[str, Tool] = {}
    for each in offered:
        if each["type"] == "tool_search":
            tools[SEARCH] = Tool(SEARCH)
        elif each["type"] == "namespace":
            inner = [Tool(one["name"], each["name"]) for one in each["tools"]]
            tools |= {tool.name: tool for tool in inner}
        elif "name" in each:
            tools[each["name"]] = Tool(each["name"], is_free_text=each["type"] == "custom")
    return Conversation(body["model"], parts, tools, bool(body.get("stream")))


def write_responses(model: str, moves: Sequence[Move]) -> tuple[Json, list[Event]]:
    """An answer of OpenAI's Responses API."""
    items = [_response_item(move) for move in moves]
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    whole: Json = {"id": _new("resp"), "object": "response", "status": "completed", "model": model}
    whole |= {"created_at": 0, "output": items, "usage": usage}
    begun: Json = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Event] = [("response.created", {"response": begun})]
    for index, item in enumerate(items):
        at = {"output_index": index}
        events += [
            ("response.output_item.added", {**at, "item": {**item, "status": "in_progress"}}),
            ("response.output_item.done", {**at, "item": item}),
        ]
    events.append(("response.completed", {"response": whole}))
    return whole, [
        (name, {"type": name, "sequence_number": number, **data})
        for number, (name, data) in enumerate(events)
    ]


def _response_item(move: Move) -> Json:
    done = {"status": "completed"}
    if isinstance(move, Said):
        content = [{"type": "output_text", "text": move.text, "annotations": []}]
        said = {"type": "message", "id": _new("msg"), "role": "assistant", "content": content}
        return {**said, **done}
    if move.tool == SEARCH:
        searched = {"call_id": _new("call"), "execution": "client", "arguments": move.arguments}
        return {"type": "tool_search_call", "id": _new("tsc"), **searched, **done}
    called = {"call_id": _new("call"), "name": move.tool, **done}
    if isinstance(move.arguments, str):
        return {"type": "custom_tool_call", "id": _new("ctc"), "input": move.arguments, **called}
    within = {"namespace": move.namespace} if move.namespace else {}
    written = {"arguments": json.dumps(move.arguments)}
    return {"type": "function_call", "id": _new("fc"), **called, **within, **written}


# OpenAI Chat Completions


def read_chat(body: Json) -> Conversation:
    """A request of OpenAI's Chat Completions API."""
    parts: list[Part] = []
    for message in body.get("messages", []):
        text = _text(message.get("content"))
        match message["role"]:
            case "tool":
                parts.append(Result(message["tool_call_id"], text))
            case "assistant":
                parts += [Said(text)] if text else []
                for each in message.get("tool_calls") or []:
                    made = each["function"]
                    parts.append(Call(made["name"], _parsed(made["arguments"]), each["id"]))
            case _:
                parts.append(Heard(text))
    names = [each["function"]["name"] for each in body.get("tools") or []]
    tools = {name: Tool(name) for name in names}
    return Conversation(body["model"], parts, tools, bool(body.get("stream")))


def write_chat(model: str, moves: Sequence[Move]) -> tuple[Json, list[Event]]:
    """An answer of OpenAI's Chat Completions API."""
    text = "\n".join(move.text for move in moves if isinstance(move, Said))
    calls: list[Json] = [
        {
            "index": index,
            "id": _new("call"),
            "type": "function",
            "function": {"name": call.tool, "arguments": json.dumps(call.arguments)},
        }
        for index, call in enumerate(_calls(moves))
    ]
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    reason = "tool_calls" if calls else "stop"
    usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
    usage["total_tokens"] = INPUT_TOKENS + OUTPUT_TOKENS
    base = {"id": _new("chatcmpl"), "created": 0, "model": model}
    choice = {"index": 0, "message": message, "finish_reason": reason}
    whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
    chunk = {**base, "object": "chat.completion.chunk"}
    deltas = [(message, None), ({}, reason)]
    choices = [[{"index": 0, "delta": delta, "finish_reason": end}] for delta, end in deltas]
    events = [("", {**chunk, "choices": each}) for each in choices]
    return whole, [*events, ("", {**chunk, "choices": [], "usage": usage})]


# Gemini


def read_gemini(body: Json) -> Conversation:
    """A request of Gemini's ``generateContent``, whose calls have no ids but their order."""
    system = body.get("systemInstruction") or {}
    parts: list[Part] = [Heard(_text(system.get("parts")))]
    for content in body.get("contents", []):
        for part in content.get("parts", []):
            if "functionCall" in part:
                made = part["functionCall"]
                parts.append(Call(made["name"], made.get("args", {}), made.get("id", "")))
            elif "functionResponse" in part:
                made = part["functionResponse"]
                given = made.get("response", {})
                output = given.get("output", given.get("error", given))
                text = output if isinstance(output, str) else json.dumps(output)
                parts.append(Result(made.get("id", ""), text))
            elif "text" in part and not part.get("thought"):
                known = Said if content.get("role") == "model" else Heard
                parts.append(known(part["text"]))
    given = [
        each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])
    ]
    return Conversation("", parts, {each["name"]: Tool(each["name"]) for each in given})


def write_gemini(model: str, moves: Sequence[Move]) -> tuple[Json, list[Event]]:
    """An answer of Gemini's ``generateContent``, which is streamed as one event."""
    parts = [
        {"text": move.text}
        if isinstance(move, Said)
        else {"functionCall": {"id": _new("call"), "name": move.tool, "args": move.arguments}}
        for move in moves
    ]
    candidate = {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": parts}}
    usage = {"promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS}
    usage["totalTokenCount"] = INPUT_TOKENS + OUTPUT_TOKENS
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}
    return whole, [("", whole)]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How requests at some path are read and answered."""

    name: str
    path: re.Pattern[str]
    read: Read
    write: Write
    last_line: str = ""

    def streamed(self, events: Iterable[Event]) -> Iterable[bytes]:
        """The events as they are sent."""
        for name, data in events:
            head = f"event: {name}\n" if name else ""
            yield f"{head}data: {json.dumps(data)}\n\n".encode()
        if self.last_line:
            yield f"data: {self.last_line}\n\n".encode()


PROTOCOLS = (
    Protocol("messages", re.compile(r"/v1/messages$"), read_messages, write_messages),
    Protocol("responses", re.compile(r"/responses$"), read_responses, write_responses),
    Protocol("chat", re.compile(r"/chat/completions$"), read_chat, write_chat, "[DONE]"),
    Protocol(
        "gemini", re.compile(r"/models/[^/]+:(streamG|g)enerateContent$"), read_gemini, write_gemini
    ),
)
