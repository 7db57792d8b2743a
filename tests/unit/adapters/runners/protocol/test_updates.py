"""What real programs said over ACP is read as one line each and a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from acp.schema import PromptResponse, RequestPermissionRequest

from cde_orchestrator.adapters.runners.protocol.updates import UpdateReader
from cde_orchestrator.domain.agent_run import AgentReport

STREAMS = Path(__file__).parents[4] / "fixtures" / "agent_streams"
TESTED = "$ python3 -m pytest -q"


def read(name: str) -> tuple[AgentReport, list[str], list[str]]:
    """The report, what is shown, and what it asked a permission for."""
    reader, shown, asked = UpdateReader(Path("/project")), list[str](), list[str]()
    reader.listens = True
    for line in (STREAMS / f"{name}-acp-tests.jsonl").read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        if "result" in message:
            reader.answered(PromptResponse.model_validate(message["result"]))
        elif "id" in message:
            request = RequestPermissionRequest.model_validate(message["params"])
            asked.append(reader.called(request.tool_call, shown).command_line)
        else:
            shown += reader.update(message["params"])
    return reader.report, [*shown, *reader.end()], asked


@pytest.mark.parametrize(
    ("name", "turns", "tokens", "asks"),
    [
        ("gemini", 3, (3_000, 150), True),
        ("opencode", 3, (1_000, 50), False),
        ("copilot", 3, (3_000, 150), True),
        ("qwen", 3, (3_000, 150), True),
    ],
)
def test_the_work_of_a_phase(name: str, turns: int, tokens: tuple[int, int], asks: bool) -> None:
    report, shown, asked = read(name)
    assert (report.turns, (report.input_tokens, report.output_tokens)) == (turns, tokens)
    assert [TESTED.removeprefix("$ ")] * asks == asked[:1]
    assert TESTED in shown or TESTED.removeprefix("$ ") in shown
    assert "edit specs/greet/reproduction.md" in shown
    assert shown[-1].startswith("The tests said:")


def update(**members: object) -> dict[str, object]:
    return {"sessionId": "s", "update": members}


def said(words: str) -> dict[str, object]:
    content = {"type": "text", "text": words}
    return update(sessionUpdate="agent_message_chunk", content=content)


def test_before_the_prompt_nothing_is_of_this_run() -> None:
    reader = UpdateReader(Path("/project"))
    assert reader.update(said("the past")) == reader.end() == []


def test_a_message_without_end_is_not_kept_whole() -> None:
    reader = UpdateReader(Path("/project"))
    reader.listens = True
    for _ in range(1_000):
        reader.update(said("word " * 1_000))
    (line,) = reader.end()
    assert len(line) <= 300


@pytest.mark.parametrize(
    ("currency", "amount", "cost"), [("USD", 0.5, 0.2), ("EUR", 0.5, None), ("USD", -1, None)]
)
def test_cost_is_that_of_this_run_and_in_dollars(
    currency: str, amount: float, cost: float | None
) -> None:
    reader = UpdateReader(Path("/project"), AgentReport(cost_usd=0.3))
    reader.listens = True
    spent = {"amount": amount, "currency": currency}
    reader.update(update(sessionUpdate="usage_update", used=1, size=2, cost=spent))
    assert reader.report.cost_usd == cost


def test_a_thought_is_an_answer_that_is_not_shown() -> None:
    reader = UpdateReader(Path("/project"))
    reader.listens = True
    content = {"type": "text", "text": "hm"}
    shown = reader.update(update(sessionUpdate="agent_thought_chunk", content=content))
    assert (shown, reader.report.turns) == ([], 1)


def test_an_early_end_is_said() -> None:
    reader = UpdateReader(Path("/project"))
    reader.answered(PromptResponse(stop_reason="max_tokens"))
    assert reader.end() == ["(stopped: max_tokens)"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"content": [{"type": "content", "content": {"type": "text", "text": "no"}}]}, "no"),
        ({"rawOutput": "full"}, "full"),
        ({"rawOutput": {"message": "gone"}}, "gone"),
        ({}, "it does not say why"),
    ],
)
def test_a_tool_that_failed_says_why(members: dict[str, object], words: str) -> None:
    reader = UpdateReader(Path("/project"))
    reader.listens = True
    shown = reader.update(
        update(
            sessionUpdate="tool_call_update",
            toolCallId="t",
            title="Look",
            status="failed",
            **members,
        )
    )
    assert shown == ["Look", f"failed: {words}"]
