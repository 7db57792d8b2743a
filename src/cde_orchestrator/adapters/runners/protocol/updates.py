"""What an agent says of its work over ACP, as lines for people and as a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from acp.schema import (
    AgentMessageChunk,
    AgentThoughtChunk,
    ContentToolCallContent,
    PromptResponse,
    SessionNotification,
    TextContentBlock,
    ToolCall,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
)
from pydantic import ValidationError

from cde_orchestrator.adapters.runners.output.reader import Reader, count, member, text
from cde_orchestrator.adapters.runners.protocol.policy import Call
from cde_orchestrator.domain.agent_run import AgentReport

_WORDS_KEPT = 20_000
"""Characters of a message that are waited for; it is shown as one line."""
_ENDED = frozenset({"completed", "failed"})
_WORDS = ""
"""The turn in which it uses no tool."""
_USUAL_END = "end_turn"
_DOLLAR = "USD"


class UpdateReader(Reader):
    """Reads the updates of a session.

    Attributes:
        words: what it says, until that is shown.
        listens: whether updates are of this run; before, they are of the session's past.
    """

    def __init__(self, folder: Path, before: AgentReport | None = None) -> None:
        super().__init__(folder, before)
        self.listens = False
        self.words = ""
        self._calls: dict[str, Call] = {}
        self._shown: dict[str, str] = {}
        self._turns: set[str] = set()

    def end(self) -> list[str]:
        """What it said last, once it is whole."""
        words, self.words = self.words, ""
        self.said(words)
        return [self.short(words)] if words.strip() else []

    def update(self, params: object) -> list[str]:
        """What is shown of an update; what is unknown is passed over."""
        if not self.listens:
            return []
        try:
            update = SessionNotification.model_validate(params).update
        except ValidationError:
            return []
        self._count_pieces(params)
        if isinstance(update, AgentMessageChunk):
            self._note_turn()
            if isinstance(update.content, TextContentBlock) and len(self.words) < _WORDS_KEPT:
                self.words += update.content.text
            return []
        if isinstance(update, AgentThoughtChunk):
            self._note_turn()
        elif isinstance(update, UsageUpdate):
            self._count_cost(update)
        elif isinstance(update, ToolCallStart | ToolCallProgress):
            shown = self.end()
            call = self.called(update, shown)
            if update.status in _ENDED:
                shown += self._ended(update, call)
            return shown
        return []

    def called(self, update: ToolCall | ToolCallUpdate, shown: list[str]) -> Call:
        """The call of a tool with what an update adds; it is shown once that says something."""
        name = update.tool_call_id
        self._note_turn(name)
        call = self._calls[name] = self._calls.get(name, Call()).updated(update)
        if call.words and self._shown.get(name) != call.words:
            self._shown[name] = call.words
            shown.append(self.command(call.words))
        return call

    @property
    def did_nothing(self) -> bool:
        """Whether it used no tool, and reported no use of the model."""
        return not (self._turns - {_WORDS} or self.report.input_tokens)

    def answered(self, response: PromptResponse) -> None:
        """Count what the answer to the prompt says was used."""
        self._note_turn()
        used = member(response.field_meta, "quota", "token_count")
        into, out = count(member(used, "input_tokens")), count(member(used, "output_tokens"))
        if response.usage is not None:
            into, out = response.usage.input_tokens, response.usage.output_tokens
        if into or out:
            self.report = replace(self.report, input_tokens=into, output_tokens=out)
        if response.stop_reason != _USUAL_END:
            self.words += f" (stopped: {response.stop_reason})"

    def _ended(self, update: ToolCall | ToolCallUpdate, call: Call) -> list[str]:
        self._calls.pop(update.tool_call_id, None)
        shown = [] if self._shown.pop(update.tool_call_id, "") else [self.command(call.telling)]
        if update.status == "failed":
            texts = (
                each.content.text
                for each in update.content or ()
                if isinstance(each, ContentToolCallContent)
                and isinstance(each.content, TextContentBlock)
            )
            raw = text(update.raw_output) or text(member(update.raw_output, "message"))
            shown.append(self.short(f"failed: {next(texts, raw) or 'it does not say why'}"))
        return shown

    def _note_turn(self, call: str = _WORDS) -> None:
        """The model answered: with the call of a tool, or with words."""
        self._turns.add(call)
        self.report = replace(self.report, turns=len(self._turns))

    def _count_pieces(self, params: Any) -> None:
        """Count what single pieces say was used, where the answer to the prompt does not."""
        used = member(params, "update", "_meta", "usage")
        if isinstance(used, Mapping):
            self.report = replace(
                self.report,
                input_tokens=self.report.input_tokens + count(used.get("inputTokens")),
                output_tokens=self.report.output_tokens + count(used.get("outputTokens")),
            )

    def _count_cost(self, update: UsageUpdate) -> None:
        """Count what this run cost: what is reported is that of the whole session."""
        cost = update.cost
        if cost is not None and cost.currency == _DOLLAR and 0 < cost.amount < 10**9:
            spent = max(round(cost.amount - (self._before.cost_usd or 0.0), 6), 0.0)
            self.report = replace(self.report, cost_usd=spent)
