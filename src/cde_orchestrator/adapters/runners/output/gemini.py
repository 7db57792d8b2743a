"""The events of ``gemini --output-format stream-json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cde_orchestrator.adapters.runners.output.reader import (
    EventReader,
    Problem,
    count,
    member,
    text,
)

_CODES = {
    41: "it is not signed in",
    55: "it was not asked to trust this folder",
}
_RETRIES = re.compile(r"^Attempt \d+ failed with status (\d{3})")


class GeminiReader(EventReader):
    """Reads Gemini's events; what it says comes in pieces."""

    noise = re.compile(
        r"^\s+at |256-color|Ripgrep is not available|^\[STARTUP\]|^[ {}]*$|^\s+status: \d+$"
        r"|--allowed-tools cli argument"
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._words = ""
        self._calls: dict[str, str] = {}

    def event(self, event: Mapping[str, Any]) -> list[str]:
        """What is shown of an event."""
        if event["type"] == "message":
            if event.get("role") == "assistant":
                self.problem = None
                self._words += text(event.get("content"))
            return []
        return [*self.end(), *self._other(event)]

    def end(self) -> list[str]:
        """What it said last, once it is whole."""
        words, self._words = self._words, ""
        self.said(words)
        return [self.short(words)] if words.strip() else []

    def exit_problem(self, code: int) -> Problem | None:
        """Its exit codes say more than its words."""
        if code in _CODES:
            return Problem("unusable", _CODES[code])
        return super().exit_problem(code)

    def stray(self, line: str) -> None:
        """What it prints on standard error."""
        if retried := _RETRIES.search(line):
            self.note_retry(line, int(retried[1]))
        else:
            self.note_problem(line)

    def _other(self, event: Mapping[str, Any]) -> list[str]:
        kind = event["type"]
        if kind == "init":
            self.continues(text(event.get("session_id")))
        elif kind == "tool_use":
            called = self.call_words(event.get("tool_name"), event.get("parameters"))
            self._calls[text(event.get("tool_id"))] = called
            return [called]
        elif kind == "tool_result" and event.get("status") == "error":
            return self._failed(event)
        elif kind == "error":
            return [self.short(text(event.get("message")))]
        elif kind == "result":
            return self._result(event)
        return []

    def _failed(self, event: Mapping[str, Any]) -> list[str]:
        called = self._calls.get(text(event.get("tool_id")), "")
        if member(event, "error", "type") == "policy_violation":
            self.denied(called)
            return [self.short(f"not allowed: {called}")]
        words = text(member(event, "error", "message")) or text(event.get("output"))
        return [self.short(f"failed: {words}")]

    def _result(self, event: Mapping[str, Any]) -> list[str]:
        stats = event.get("stats")
        used = count(member(stats, "input_tokens"))
        self.report = replace(
            self.report,
            turns=count(member(stats, "tool_calls")) + 1 if used else 0,
            input_tokens=used,
            output_tokens=count(member(stats, "output_tokens")),
        )
        words = text(member(event, "error", "message"))
        if event.get("status") == "error":
            self.said(words)
            self.note_problem(words)
            return [self.short(words)]
        return []
